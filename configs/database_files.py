"""The file of a SQLite database: made once and whole, and missed afterwards.

`.x.db.made` beside `x.db` says that it was there: a missing file is then an error, after a restart
too, and not a new, empty store. A file without this mark gets it when it is opened.
"""

import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from configs import privacy
from configs.durable import sync

_SMALLEST: Final = 512
"""Bytes of the smallest page."""


def mark_of(path: Path) -> Path:
    """Return the mark of `path`.

    >>> str(mark_of(Path("shop/events.db")))
    'shop/.events.db.made'
    """
    return path.with_name(f".{path.name}.made")


def check_there(path: Path) -> bool:
    """Return whether there is a file `path`; False where there was none yet.

    Raises sqlite3.OperationalError if it was there before, and sqlite3.DatabaseError if it is
    empty or less than a page: SQLite would take it for a new database.
    """
    mark, log = mark_of(path), path.with_name(f"{path.name}-wal")
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        if mark.exists():
            raise sqlite3.OperationalError(
                f"{path} is gone: restore it, or remove {mark.name} to start an empty one"
            ) from None
        if log.exists() and log.stat().st_size:  # SQLite would apply it to another file
            raise sqlite3.OperationalError(
                f"{path} is gone, {log.name} is there: restore it, or remove {log.name} to start "
                "an empty one"
            ) from None
        return False
    if size < _SMALLEST:
        said = f"is cut off after {size} bytes" if size else "is empty"
        raise sqlite3.DatabaseError(
            f"{path} {said}: restore it, or remove it and {mark.name} to start an empty one"
        )
    return True


def mark(path: Path) -> None:
    """Write the mark of `path`, if there is none; without room for it, the next call does."""
    if not mark_of(path).exists():
        with suppress(OSError):
            mark_of(path).touch(privacy.FILE)
            sync(path.parent)


def make(path: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Make the database `path` by `fill`, whole or not at all; another process may be the first.

    Raises sqlite3.Error, or OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".new")
    os.close(descriptor)
    temporary = Path(name)
    try:
        with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            fill(connection)
            connection.execute("PRAGMA journal_mode = WAL")
        sync(temporary)
        with suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            temporary.with_name(f"{temporary.name}{suffix}").unlink(missing_ok=True)
    sync(path.parent)
