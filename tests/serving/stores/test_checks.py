"""Damage that lies on the disk is found before a reader meets it, and forgotten once mended."""

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from configs.database import Database
from serving.stores import checks
from serving.stores.checks import StoreChecks
from tests.serving.shop import until

SCHEMA = "CREATE TABLE IF NOT EXISTS t (x TEXT UNIQUE) STRICT"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "t.db", SCHEMA)
    with database.writing() as connection:
        rows = [(f"row {number:06}" * 20,) for number in range(500)]
        connection.executemany("INSERT INTO t VALUES (?)", rows)
    database.close()
    yield database
    database.close()


@contextmanager
def following(watched: StoreChecks) -> Iterator[StoreChecks]:
    stop = threading.Event()
    thread = threading.Thread(target=watched.follow, args=(stop,))
    thread.start()
    try:
        yield watched
    finally:
        stop.set()
        thread.join()


def use(database: Database) -> None:
    with database.reading() as connection:
        connection.execute("SELECT COUNT(*) FROM t").fetchone()


def damage(path: Path) -> bytes:
    """Garble all pages of rows in place; return the content before."""
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * (len(content) - 3 * 4096))
    return content


def test_damage_is_an_outage_until_it_is_mended_in_place(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    content = damage(database.path)
    with following(StoreChecks({"t": database.path})) as watched:
        watched.wait()
        assert not watched.sound("t")
        with pytest.raises(sqlite3.DatabaseError, match=r"t\.db is damaged .*\.recover"):
            use(database)
        with database.path.open("r+b") as file:
            file.write(content)
        until(lambda: watched.sound("t"))
        use(database)
    messages = [record.message for record in caplog.records]
    assert [message.split(":")[0] for message in messages] == ["t is out", "t is back"]


def test_damage_is_an_outage_until_the_file_is_replaced(database: Database) -> None:
    content = damage(database.path)
    with following(StoreChecks({"t": database.path})) as watched:
        until(lambda: not watched.sound("t"))
        whole = database.path.with_suffix(".whole")
        whole.write_bytes(content)
        whole.replace(database.path)
        use(database)  # at once: it is another file
        until(lambda: watched.sound("t"))


def test_a_use_that_meets_damage_has_the_file_checked(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "PAUSE_S", 0.01)
    with following(StoreChecks({"t": database.path})) as watched:
        watched.wait()
        assert watched.sound("t")
        damage(database.path)
        with pytest.raises(sqlite3.DatabaseError), database.reading() as connection:
            connection.execute("SELECT SUM(LENGTH(x)) FROM t NOT INDEXED").fetchall()
        until(lambda: not watched.sound("t"))


def test_no_file_is_no_damage_and_a_lost_one_is(tmp_path: Path, database: Database) -> None:
    with following(StoreChecks({"none": tmp_path / "none.db", "t": database.path})) as watched:
        watched.wait()
        assert watched.sound("none")
        assert watched.sound("t")
        database.path.unlink()
        until(lambda: not watched.sound("t"))


def test_a_damaged_write_ahead_log_is_an_outage_until_it_is_back(database: Database) -> None:
    writer = sqlite3.connect(database.path)
    use(database)
    with database.writing() as connection:
        connection.execute("INSERT INTO t VALUES ('only in the log')")
    left = database.path.with_name("killed")  # as a killed process leaves them
    left.mkdir()
    for file in database.path.parent.glob("t.db*"):
        shutil.copy(file, left)
    shutil.copy(database.path.with_name(".t.db.made"), left)
    writer.close()
    log = left / "t.db-wal"
    whole = log.read_bytes()
    log.write_bytes(whole[:-9])
    killed = Database(left / "t.db", SCHEMA)
    with following(StoreChecks({"t": killed.path})) as watched:
        watched.wait()
        assert not watched.sound("t")
        with pytest.raises(sqlite3.DatabaseError, match=r"t\.db-wal is cut off"):
            use(killed)
        log.write_bytes(whole)
        until(lambda: watched.sound("t"))
        with killed.reading() as connection:
            assert connection.execute("SELECT COUNT(*) FROM t").fetchone() == (501,)
    killed.close()


def test_what_was_written_is_copied_into_the_file(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "COPY_S", 0.0)
    with database.writing() as connection:
        connection.execute("INSERT INTO t VALUES ('written lately')")
    assert b"written lately" not in database.path.read_bytes()
    with following(StoreChecks({"t": database.path})):
        until(lambda: b"written lately" in database.path.read_bytes())
