"""The tables of a SQLite database: made once, upgraded in order, and recognized when it is opened.

`PRAGMA user_version` is 1 and the number of upgrades that were applied; it is 0 in the files of the
first versions of this code. `PRAGMA application_id` is a checksum of the schema's text, by which a
damaged one is told from the right one.
"""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final

_ROWS: Final = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"


def bring_up(
    connection: sqlite3.Connection, schema: str, upgrades: Sequence[str], *, path: Path
) -> None:
    """Apply what `connection` lacks of `schema` and `upgrades`, once, whoever else does it too.

    Raises sqlite3.DatabaseError if newer code wrote the database, or its schema is damaged.
    """
    latest = 1 + len(upgrades)
    version = _version(connection)
    if version > latest:
        raise sqlite3.DatabaseError(
            f"{path}: newer code wrote it (version {version}, this code knows {latest}): install "
            "that version again"
        )
    if version < latest:
        with _writing(connection):
            version = _version(connection)
            if version == 0:
                _recognize(connection, schema, path=path)
            for script in (schema, *upgrades)[version:]:
                for statement in _statements(script):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {latest}")
            connection.execute(f"PRAGMA application_id = {_checksum(connection, schema, upgrades)}")
    check_schema(connection, schema, upgrades, path=path)


def check_schema(
    connection: sqlite3.Connection, schema: str, upgrades: Sequence[str], *, path: Path
) -> None:
    """Raise sqlite3.DatabaseError if the schema's text is not as it was made."""
    (stored,) = connection.execute("PRAGMA application_id").fetchone()
    if stored != _checksum(connection, schema, upgrades):
        raise sqlite3.DatabaseError(f"{path}: its schema is damaged, or another store's")


@contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _recognize(connection: sqlite3.Connection, schema: str, *, path: Path) -> None:
    """Raise sqlite3.DatabaseError if there are other tables: no second, empty one is made."""
    names = {name for kind, name, *_ in connection.execute(_ROWS) if kind == "table"}
    others = sorted(
        name for name in names - _names(schema, ()) if not str(name).startswith("sqlite_")
    )
    if others:
        raise sqlite3.DatabaseError(f"{path}: holds {', '.join(others)}, which is another store's")


def _checksum(connection: sqlite3.Connection, schema: str, upgrades: Sequence[str]) -> int:
    """Return the CRC-32 of the schema's text in the database, as SQLite stores it (signed)."""
    names = _names(schema, tuple(upgrades))
    rows = [row for row in connection.execute(_ROWS) if row[1] in names]
    return zlib.crc32(repr(rows).encode()) - 2**31


@lru_cache(maxsize=32)
def _names(schema: str, upgrades: tuple[str, ...]) -> frozenset[str]:
    """Return the names of what the scripts make."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for script in (schema, *upgrades):
            connection.executescript(script)
        rows = connection.execute(_ROWS).fetchall()
    return frozenset(str(row[1]) for row in rows if not str(row[1]).startswith("sqlite_"))


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of `script`: `executescript` would end the transaction.

    >>> list(_statements("CREATE TABLE a (x); -- one; two\\nCREATE TABLE b (x)"))
    ['CREATE TABLE a (x);', ' -- one; two\\nCREATE TABLE b (x);']
    """
    statement = ""
    for part in f"{script};".split(";")[:-1]:
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            if statement.strip(" \n;"):
                yield statement
            statement = ""
