"""Who may read what a process writes: its own user alone.

A workspace holds the data of a shop's customers. `keep_private` is the one mechanism: it sets the
umask of the process, which SQLite, DuckDB, Feast, MLflow and all other libraries follow. Every
command line and every `Workspace` calls it. A file that a user names as a command's output is for
others too: it gets the permissions that the user's own umask allows.
"""

import logging
import os
import stat
from pathlib import Path
from typing import Final

FILE: Final = 0o600
FOLDER: Final = 0o700
_OTHERS: Final = 0o077
_USERS_UMASK: Final = os.umask(_OTHERS)
os.umask(_USERS_UMASK)  # there is no other way to read it

logger: Final = logging.getLogger(__name__)


def keep_private() -> None:
    """From now on, what this process creates can be read by its user alone."""
    os.umask(_OTHERS)


def output_mode() -> int:
    """Return the permissions of a new file that the user asked for, by the user's own umask."""
    return 0o666 & ~_USERS_UMASK


def open_to_others(folder: Path) -> None:
    """Give `folder` and all in it the permissions that the user's own umask allows."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = 0o777 if path.is_dir() else 0o666 | stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode & ~_USERS_UMASK)


def make_private(home: Path, *, whole: bool = True) -> int:
    """Take from others what they may do in the folder `home`; return how many entries changed.

    `whole=False` changes `home` alone, which closes all below it. The change is one warning in the
    log; so is an entry of another user, which stays as it is.
    """
    changed, foreign = 0, []
    for path in (home, *(home.rglob("*") if whole else ())):
        try:
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode) or not status.st_mode & _OTHERS:
                continue
            path.chmod(stat.S_IMODE(status.st_mode) & ~_OTHERS)
            changed += 1
        except FileNotFoundError:  # another process removed it
            continue
        except OSError:
            foreign.append(path)
    if changed:
        logger.warning("%s: other users could read %d entries; now they cannot", home, changed)
    if foreign:
        logger.warning(
            "%s: other users can read %d entries, and this user may not change that, as %s: give "
            "the workspace to the user who runs this",
            home,
            len(foreign),
            foreign[0],
        )
    return changed
