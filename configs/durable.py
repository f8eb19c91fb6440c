"""Writing so that a reader sees the old content or the new, whole, whatever is killed meanwhile."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """Give a file to write; then it is synced and takes the place of `path`, open as `mode` says.

    Where the block raises, `path` stands as before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    aside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.chmod(mode)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync(path.parent)


@contextmanager
def placing(folder: Path) -> Iterator[Path]:
    """Give an empty folder to fill; then all in it is synced and it becomes `folder`.

    FileExistsError where `folder` stands; where the block raises, nothing is left.
    """
    if folder.exists():
        raise FileExistsError(f"{folder}: it stands already")
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        yield aside
        aside.chmod(0o755)
        for path in (*aside.rglob("*"), aside):
            sync(path)
        aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    sync(folder.parent)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the inter-process lock that the file `path` stands for; a killed holder frees it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def identity(path: Path) -> tuple[int, int]:
    """Return which file `path` is: another one after it was replaced. Raises OSError."""
    found = os.stat(path)  # noqa: PTH116  # twice as fast as Path.stat, at every request
    return found.st_dev, found.st_ino


def content_stamp(path: Path) -> tuple[int, ...]:
    """Return what differs after `path` was replaced, or written to. Raises OSError."""
    found = os.stat(path)  # noqa: PTH116  # as above
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
