"""Damage in SQLite databases: looked for page by page, and remembered in this process.

SQLite reads a damaged page without a word if its form is right. A found damage is an outage of the
whole store: every use raises it until the file is replaced, or a later check finds nothing.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from configs import wal
from configs.database_files import check_there
from configs.database_schema import check_schema
from configs.durable import identity

FOREIGN: Final = (UnicodeDecodeError, MemoryError, SystemError)
"""What Python's sqlite3 raises beside sqlite3.Error where a database is damaged: its messages and
names may not be UTF-8."""
_CORRUPT: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_STEPS: Final = 100_000
_FOUND: Final[dict[str, tuple[tuple[int, int], str]]] = {}
"""By path: which file is damaged, and how."""
_SUSPECTED: Final[set[str]] = set()
_SCHEMAS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {}
"""By path: schema and upgrades, of what this process opened."""


def check_file(path: Path, *, stopped: Callable[[], bool] = lambda: False) -> None:
    """Read every page and index of the database `path`; about 100 MB/s.

    Raises sqlite3.DatabaseError that names the file, the first finding and the way on; every use of
    the file in this process raises it too, until it is replaced or checked again. A file that was
    never there passes, and one that is gone or empty does not. `stopped` ends it with
    sqlite3.OperationalError, with nothing found.
    """
    name = str(path.absolute())
    _SUSPECTED.discard(name)
    if not check_there(path):
        _FOUND.pop(name, None)
        return
    try:
        checked, found = identity(path), _found(path, stopped)
    except OSError as error:
        raise sqlite3.OperationalError(f"{path}: {error}") from error
    if found is None:
        _FOUND.pop(name, None)
        return
    _FOUND[name] = checked, found
    raise sqlite3.DatabaseError(found)


def copy_log(path: Path) -> None:
    """Let `path` itself hold what was committed: less is lost where its log is. Never waits."""
    with suppress(sqlite3.Error, OSError, *FOREIGN), _connection(path, mode="rw") as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def expect(path: Path, schema: str, upgrades: tuple[str, ...]) -> None:
    """Let the checks of `path` compare its schema too, which SQLite does not."""
    _SCHEMAS[str(path.absolute())] = schema, upgrades


def raise_found(path: Path, file: tuple[int, int] | None) -> None:
    """Raise sqlite3.DatabaseError if damage was found in `file`, which lies at `path`."""
    if _FOUND and (found := _FOUND.get(str(path.absolute()))) and found[0] == file:
        raise sqlite3.DatabaseError(found[1])


def suspect(path: Path, error: BaseException) -> None:
    """Remember that `error` may come from damage in `path`, so that it is checked."""
    if _of_damage(error):
        _SUSPECTED.add(str(path.absolute()))


def message_of(path: Path, error: BaseException) -> str:
    """Return the message of `error`: it names `path`, and the way on where that may be damaged."""
    text = str(error)
    if path.name in text:
        return text
    return _damaged(path, text) if _of_damage(error) else f"{path}: {text}"


def _of_damage(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, FOREIGN) or code in _CORRUPT


def suspected(path: Path) -> bool:
    """Return whether a use of `path` failed since its last check as if it were damaged."""
    return str(path.absolute()) in _SUSPECTED


def used_bytes(path: Path) -> int | None:
    """Return the bytes in use in the database `path`, if it takes a writer within a second.

    The file may be larger: pages of removed rows are used again. None if it cannot be written.
    """
    try:
        raise_found(path, identity(path))
        with _connection(path, mode="rw") as connection:
            connection.execute("BEGIN IMMEDIATE")
            _check_schema(connection, path)
            used = pages_in_use(connection)
            connection.execute("ROLLBACK")
    except (sqlite3.Error, OSError, *FOREIGN):
        return None
    return used


def pages_in_use(connection: sqlite3.Connection) -> int:
    """Return the bytes of all pages that hold something."""
    size, pages, free = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_size", "page_count", "freelist_count")
    )
    return size * (pages - free)


def _found(path: Path, stopped: Callable[[], bool]) -> str | None:
    """Return what is wrong with the database `path`, and the way on; None if nothing is."""
    try:
        with _connection(path, mode="ro") as connection:
            finding = _finding(connection, path, stopped)
    except sqlite3.OperationalError:  # busy, stopped, or the disk
        raise
    except sqlite3.DatabaseError as error:  # of its write-ahead log
        return str(error)
    if finding is None:
        return None
    return _damaged(path, finding)


def _damaged(path: Path, finding: str) -> str:
    return (
        f"{path} is damaged ({finding}): restore it, or save what can be read by "
        f"`sqlite3 {path.name} .recover | sqlite3 new.db`"
    )


def _finding(connection: sqlite3.Connection, path: Path, stopped: Callable[[], bool]) -> str | None:
    try:
        connection.set_progress_handler(stopped, _STEPS)
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        _check_schema(connection, path)
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code not in (sqlite3.SQLITE_ERROR, *_CORRUPT):
            raise
        found = error
    except (sqlite3.DatabaseError, *FOREIGN) as error:
        found = error
    text = " ".join(str(found).split())
    return None if text == "ok" else text or type(found).__name__


@contextmanager
def _connection(path: Path, *, mode: str) -> Iterator[sqlite3.Connection]:
    """Yield a connection to an existing file.

    Raises sqlite3.DatabaseError if its write-ahead log is damaged; that of a file which others open
    too, as Feast, is not looked at (configs.wal).
    """
    own = str(path.absolute()) in _SCHEMAS
    if own:
        wal.opening(path)
    try:
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        with closing(sqlite3.connect(uri, uri=True, timeout=1, isolation_level=None)) as connection:
            yield connection
    finally:
        if own:
            wal.closed(path)


def _check_schema(connection: sqlite3.Connection, path: Path) -> None:
    schema, upgrades = _SCHEMAS.get(str(path.absolute()), ("", ()))
    if schema:
        check_schema(connection, schema, upgrades, path=path)
    else:
        connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()  # parses it
