"""Zip archives, as NumPy and torch write them: whether one is whole."""

import logging
import zipfile
import zlib
from pathlib import Path
from typing import Final

logger: Final = logging.getLogger(__name__)


def keep_whole(file: Path) -> bool:
    """Return whether the archive `file` exists and all its checksums agree; else remove it.

    For derived files, which are then made again. torch does not compare the checksums itself.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            if archive.testzip() is None:
                return True
    except FileNotFoundError:
        return False
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError):
        pass
    logger.warning("%s: it was damaged, and is made again", file)
    file.unlink()
    return False
