"""The checksums of a folder's files: a file that is missing, added or damaged is an error."""

import hashlib
from pathlib import Path
from typing import Final

from configs.json_files import DamagedFile, read_json, write_json

FILE: Final = "checksums.json"


def write_checksums(folder: Path) -> None:
    """Write `folder/checksums.json`, with the SHA-256 of each file in `folder`; the last write."""
    write_json(folder / FILE, {name: _digest(folder / name) for name in _names(folder)})


def check_files(folder: Path, *, otherwise: str) -> None:
    """Raise DamagedFile, with `otherwise` as the way on, if a file is not what was written.

    A folder without checksums, which older code wrote, is accepted. Raises OSError.
    """
    try:
        written = read_json(folder / FILE, otherwise=otherwise)
    except FileNotFoundError:
        return
    names = _names(folder)
    for name in sorted(names ^ written.keys()):
        fault = "was added" if name in names else "is missing"
        raise DamagedFile(f"{folder / name}: it {fault}; {otherwise}")
    for name, digest in written.items():
        if _digest(folder / name) != digest:
            raise DamagedFile(f"{folder / name}: it was damaged; {otherwise}")


def _names(folder: Path) -> set[str]:
    """Return the paths of the files in `folder`, relative to it."""
    files = (path for path in folder.rglob("*") if not path.is_dir())
    return {path.relative_to(folder).as_posix() for path in files} - {FILE}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
