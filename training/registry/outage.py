"""What a failure of a SQLite file of training means: one line that names it and the way on."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from configs import privacy
from configs.database_checks import FOREIGN
from configs.durable import sync
from configs.errors import UserError

TIMEOUT_S: Final = 20.0
"""Seconds to wait for another program's lock, as MLflow does."""
RESTORE: Final = "restore it from a backup"
_WAYS_ON: Final = {
    ("SQLITE_BUSY", "SQLITE_LOCKED"): "another program holds it: end that one, or try again later",
    ("SQLITE_FULL",): "free some space and try again",
    (
        "SQLITE_READONLY",
        "SQLITE_CANTOPEN",
        "SQLITE_PERM",
        "SQLITE_IOERR",
    ): "check the disk, and the permissions of the file and of its folder",
}


class StoreOutage(UserError, sqlite3.OperationalError):
    """A database of training cannot be used; the message names the file and the way on."""


@contextmanager
def stating_outages(file: Path, *, otherwise: str = RESTORE) -> Iterator[None]:
    """Raise StoreOutage for an error of SQLite, also one that a library wraps.

    `otherwise` is the way on where `file` is damaged.
    """
    try:
        yield
    except StoreOutage:
        raise
    except Exception as error:
        if sqlite_error(error) is None and not isinstance(error, FOREIGN):
            raise
        raise StoreOutage(stated(file, error, otherwise=otherwise)) from error


def stated(file: Path, error: Exception, *, otherwise: str = RESTORE) -> str:
    """Return the line that states `error` of `file`: by SQLite's own error where there is one."""
    cause = sqlite_error(error) or error
    return f"{file}: {cause}; {way_on(cause) or otherwise}"


def way_on(error: Exception) -> str | None:
    """Return what helps against `error` of SQLite where the file is not damaged, else None."""
    name = getattr(error, "sqlite_errorname", "")
    return next((way for names, way in _WAYS_ON.items() if name.startswith(names)), None)


def sqlite_error(error: BaseException | None) -> sqlite3.Error | None:
    """Return the error of SQLite behind `error`; None if there is none."""
    while error is not None and not isinstance(error, sqlite3.Error):
        original = getattr(error, "orig", None)  # of SQLAlchemy's errors
        error = original if isinstance(original, sqlite3.Error) else error.__cause__
    return error


@contextmanager
def opened(file: Path, *, otherwise: str = RESTORE) -> Iterator[sqlite3.Connection]:
    """Yield a connection to the existing `file`; nothing is created. Raises StoreOutage.

    What a killed writer left is rolled back.
    """
    with (
        stating_outages(file, otherwise=otherwise),
        closing(
            sqlite3.connect(
                f"{file.as_uri()}?mode=rw", uri=True, timeout=TIMEOUT_S, isolation_level=None
            )
        ) as database,
    ):
        yield database


@contextmanager
def made_whole(file: Path) -> Iterator[Path]:
    """Yield the path of a database to make, which then becomes `file`: it is never half made.

    A full disk or a kill between two tables would leave a file that no library mends.
    """
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}-") as folder:
        made = Path(folder, file.name)
        yield made
        made.chmod(privacy.FILE)
        sync(made)
        made.replace(file)
    sync(file.parent)


def whole_tables(file: Path, *, otherwise: str = RESTORE) -> set[str]:
    """Return the tables of `file`; none if it is missing or empty.

    Raises StoreOutage if one of its pages is damaged.
    """
    if not file.exists() or not file.stat().st_size:
        return set()
    with opened(file, otherwise=otherwise) as database:
        ((found, *_),) = database.execute("PRAGMA integrity_check(1)").fetchall()
        if found != "ok":
            reason = " ".join(str(found).split())
            raise StoreOutage(f"{file}: it is damaged ({reason}); {otherwise}")
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        return {name for (name,) in database.execute(query)}
