"""A database that fails and comes back."""

import sqlite3
from pathlib import Path

import pytest

from configs.database import Database

SCHEMA = "CREATE TABLE IF NOT EXISTS t (x INTEGER) STRICT"


def put(database: Database, *values: int) -> None:
    with database.writing() as connection:
        connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])


def held(database: Database) -> list[int]:
    with database.reading() as connection:
        return [x for (x,) in connection.execute("SELECT x FROM t ORDER BY x")]


def test_a_block_that_raises_leaves_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "folder" / "t.db", SCHEMA)
    put(database, 1)

    def fail() -> None:
        with database.writing() as connection:
            connection.execute("INSERT INTO t VALUES (2)")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    put(database, 3)
    assert held(database) == [1, 3]
    database.close()


def test_a_file_that_is_gone_is_an_error_until_it_is_back(tmp_path: Path) -> None:
    """Nothing that was acknowledged lies in a file that nobody reads."""
    file, aside = tmp_path / "t.db", tmp_path / "aside.db"
    database = Database(file, SCHEMA)
    put(database, 1)
    database.close()
    put(database, 2)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{file}{suffix}").rename(f"{aside}{suffix}")
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match=r"t\.db is gone"):
            put(database, 3)
    for suffix in ("", "-wal", "-shm"):
        if Path(f"{aside}{suffix}").exists():
            Path(f"{aside}{suffix}").rename(f"{file}{suffix}")
    put(database, 4)
    assert held(database) == [1, 2, 4]
    database.close()


def test_a_file_that_was_replaced_is_opened_anew(tmp_path: Path) -> None:
    database, other = Database(tmp_path / "t.db", SCHEMA), Database(tmp_path / "u.db", SCHEMA)
    put(database, 1)
    put(other, 7)
    other.close()
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"t.db{suffix}").unlink()
    (tmp_path / "u.db").rename(tmp_path / "t.db")
    assert held(database) == [7]
    database.close()


def test_what_is_no_database_fails_until_it_is_mended(tmp_path: Path) -> None:
    file = tmp_path / "t.db"
    file.write_bytes(b"not SQLite" * 100)
    database = Database(file, SCHEMA)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        put(database, 1)
    file.unlink()
    with pytest.raises(sqlite3.DatabaseError):
        Database(tmp_path, SCHEMA).reading().__enter__()
    put(database, 2)
    assert held(database) == [2]
    database.close()
