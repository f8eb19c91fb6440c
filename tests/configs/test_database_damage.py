"""Damage of any byte: an sqlite3.Error or the right answer, never a hang, never a second log."""

import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.checksums import row_checksum
from configs.database import Database
from configs.database_checks import check_file, used_bytes

SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, body BLOB, checksum INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS kept_by_body ON kept (body) WHERE body IS NOT NULL;
"""
UPGRADES = ("CREATE TABLE more (customer TEXT PRIMARY KEY, size REAL) STRICT, WITHOUT ROWID;",)
ROWS = [(number, f"name-{number}", b"\0\xff" * number) for number in range(60)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    database = Database(tmp_path / "whole.db", SCHEMA, upgrades=UPGRADES)
    with database.writing() as connection:
        connection.executemany(
            "INSERT INTO kept VALUES (?, ?, ?, ?)", [(*row, row_checksum(row)) for row in ROWS]
        )
        connection.execute("INSERT INTO more VALUES ('a', 1.5)")
    database.close()
    return database.path


def intact(row: tuple[int, str, bytes, int]) -> tuple[int, str, bytes]:
    if row[3] != row_checksum(row[:3]):
        raise sqlite3.DatabaseError(f"row {row[0]} is damaged")
    return row[:3]


def used(path: Path) -> str:
    """Open, read, write and check the file; return what came of it."""
    database = Database(path, SCHEMA, upgrades=UPGRADES)
    try:
        check_file(path)
    except sqlite3.Error:
        return "refused by the check"
    try:
        with database.reading() as connection:
            found = [intact(row) for row in connection.execute("SELECT * FROM kept")]
            one = connection.execute("SELECT * FROM kept WHERE name = 'name-7'").fetchone()
        with database.writing() as connection:
            row = (1000, "new", None)
            connection.execute("INSERT INTO kept VALUES (?, ?, ?, ?)", (*row, row_checksum(row)))
    except sqlite3.Error:
        return "refused in use"
    finally:
        used_bytes(path)
        database.close()
    assert found == ROWS
    assert intact(one) == ROWS[7]
    return "right"


def outcome(whole: bytes, path: Path, change: Callable[[bytearray], None]) -> str:
    """Return what comes of a changed copy."""
    content = bytearray(whole)
    change(content)
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
    path.write_bytes(content)
    return used(path)


def flip(place: int, bits: int) -> Callable[[bytearray], None]:
    def change(content: bytearray) -> None:
        content[place] ^= bits

    return change


def sample(whole: bytes, *, share: float) -> list[tuple[int, int]]:
    """Return places and bits to flip: on every page, most on the first."""
    rng = random.Random(20)
    places = [p for p in range(len(whole)) if rng.random() < (5 * share if p < 4096 else share)]
    return [(place, rng.choice((1, 2, 4, 8, 16, 32, 64, 128, 255))) for place in places]


@pytest.mark.parametrize("share", [0.004, pytest.param(0.06, marks=pytest.mark.slow)])
def test_any_byte(file: Path, tmp_path: Path, share: float) -> None:
    whole, path = file.read_bytes(), tmp_path / "t.db"
    flips = sample(whole, share=share)
    assert {place // 4096 for place, _ in flips} == set(range(len(whole) // 4096))
    results = Counter(outcome(whole, path, flip(place, bits)) for place, bits in flips)
    assert set(results) <= {"right", "refused by the check", "refused in use"}
    assert results["refused by the check"] > len(flips) / 10


def test_a_name_in_the_schema_that_is_no_text_is_sqlites_error(file: Path, tmp_path: Path) -> None:
    whole, path = file.read_bytes(), tmp_path / "t.db"
    for name in (b"kept", b"number", b"kept_by_body", b"checksum"):
        place = whole.index(name)
        path.write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
        database = Database(path, SCHEMA, upgrades=UPGRADES)
        with pytest.raises(sqlite3.Error, match=r"t\.db"), database.reading():
            pass
        with pytest.raises(sqlite3.DatabaseError, match=r"t\.db is damaged"):
            database.check()
        assert used_bytes(path) is None


@pytest.mark.parametrize("kept", [0, 1, 50, 100, 511, 4096, 8000, 20_000])
def test_a_file_that_is_cut_off(file: Path, tmp_path: Path, kept: int) -> None:
    whole, path = file.read_bytes(), tmp_path / "t.db"
    path.write_bytes(whole[:kept])
    assert used(path) == "refused by the check"
    path.write_bytes(whole)
    assert used(path) == "right"


def test_a_use_of_a_cut_file_names_it_once_and_the_way_on(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    path.write_bytes(file.read_bytes()[:4096])
    database = Database(path, SCHEMA, upgrades=UPGRADES)
    with pytest.raises(sqlite3.DatabaseError) as raised, database.reading() as connection:
        connection.execute("SELECT * FROM kept").fetchall()
    assert str(raised.value).count(str(path)) == 1
    assert "restore it" in str(raised.value)


def test_twenty_random_bytes(file: Path, tmp_path: Path) -> None:
    whole, path, rng = file.read_bytes(), tmp_path / "t.db", random.Random(21)

    def change(content: bytearray) -> None:
        for _ in range(20):
            content[rng.randrange(len(content))] = rng.randrange(256)

    results = Counter(outcome(whole, path, change) for _ in range(40))
    assert set(results) <= {"right", "refused by the check", "refused in use"}
