"""A database's file: made whole and once, missed when it is gone, upgraded once."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from configs.database import Database
from configs.database_files import make, mark_of
from configs.database_schema import bring_up

SCHEMA = "CREATE TABLE IF NOT EXISTS t (x INTEGER) STRICT"
UPGRADES = (
    "ALTER TABLE t ADD COLUMN y TEXT; CREATE INDEX t_y ON t (y);",
    "CREATE TABLE n (z INTEGER); INSERT INTO n SELECT COUNT(*) FROM t;",
)


def put(database: Database, *values: int) -> None:
    with database.writing() as connection:
        connection.executemany("INSERT INTO t (x) VALUES (?)", [(value,) for value in values])


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_a_missing_file_stays_an_error_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    database = Database(path, SCHEMA)
    put(database, 1)
    database.close()
    aside = path.rename(tmp_path / "aside.db")
    for each in (database, Database(path, SCHEMA)):
        with pytest.raises(sqlite3.OperationalError, match=r"t\.db is gone: .* \.t\.db\.made to"):
            put(each, 2)
        assert not path.exists()
    aside.rename(path)
    put(database, 2)
    database.close()
    assert rows(path, "SELECT x FROM t") == [(1,), (2,)]


def test_without_its_mark_an_empty_one_is_started(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    Database(path, SCHEMA).close()
    path.unlink()
    mark_of(path).unlink()
    database = Database(path, SCHEMA)
    put(database, 1)
    database.close()


def test_a_file_without_mark_gets_one(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    Database(path, SCHEMA).close()
    mark_of(path).unlink()
    Database(path, SCHEMA).close()
    assert mark_of(path).exists()


def test_an_empty_file_is_no_new_database(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    path.touch()
    database = Database(path, SCHEMA)
    with pytest.raises(sqlite3.DatabaseError, match=r"t\.db is empty: restore it, or remove"):
        put(database, 1)
    with pytest.raises(sqlite3.DatabaseError, match="is empty"):
        database.check()
    assert not path.stat().st_size
    path.unlink()
    put(database, 1)
    database.close()


def test_a_log_without_its_database_is_not_applied_to_another(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    (tmp_path / "t.db-wal").write_bytes(b"changes of a lost file")
    database = Database(path, SCHEMA)
    with pytest.raises(sqlite3.OperationalError, match=r"t\.db-wal is there"):
        put(database, 1)


def test_a_removed_folder_is_not_made_again_by_a_running_process(tmp_path: Path) -> None:
    path = tmp_path / "shop" / "t.db"
    database = Database(path, SCHEMA)
    put(database, 1)
    path.parent.rename(tmp_path / "moved")
    with pytest.raises(sqlite3.OperationalError, match="is gone, with its folder"):
        put(database, 2)
    assert not path.parent.exists()
    database.close()


RACER = """
import sys
from pathlib import Path
from configs.database import Database
from tests.configs.test_database_files import SCHEMA, UPGRADES, put

sys.stdin.readline()
database = Database(Path(sys.argv[1]), SCHEMA, upgrades=UPGRADES)
put(database, int(sys.argv[2]))
"""


@pytest.mark.parametrize("old", [False, True], ids=["new", "upgraded"])
def test_processes_that_race_make_and_upgrade_one_file(tmp_path: Path, old: bool) -> None:
    path = tmp_path / "t.db"
    if old:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(SCHEMA)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(path), f"{number}"], stdin=subprocess.PIPE, text=True
        )
        for number in range(4)
    ]
    for racer in racers:
        racer.communicate("go\n")
    assert [racer.returncode for racer in racers] == [0] * 4
    assert sorted(rows(path, "SELECT x, y FROM t")) == [(number, None) for number in range(4)]
    assert rows(path, "SELECT z FROM n") == [(0,)]
    assert rows(path, "PRAGMA user_version") == [(3,)]
    assert {file.name for file in tmp_path.iterdir()} == {"t.db", ".t.db.made"}


def test_the_first_of_two_makers_wins(tmp_path: Path) -> None:
    path = tmp_path / "t.db"

    def overtaken(_: sqlite3.Connection) -> None:
        with closing(sqlite3.connect(path)) as first:
            first.execute(SCHEMA)
            first.execute("INSERT INTO t VALUES (1)")
            first.commit()

    make(path, overtaken)
    assert rows(path, "SELECT x FROM t") == [(1,)]
    assert list(tmp_path.iterdir()) == [path]


def test_an_upgrade_that_another_process_finished_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(SCHEMA)
        others: list[str] = []

        def overtaken(statement: str) -> None:
            if statement == "BEGIN IMMEDIATE" and not others:
                others.append(statement)
                Database(path, SCHEMA, upgrades=UPGRADES).close()

        connection.set_trace_callback(overtaken)
        bring_up(connection, SCHEMA, UPGRADES, path=path)
    assert others
    assert rows(path, "SELECT z FROM n") == [(0,)]


KILLED = """
import os, signal, sys
from pathlib import Path
import configs.database_files as files
from configs.database import Database
from tests.configs.test_database_files import SCHEMA

def end(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)

step = sys.argv[2]
if step == "filled":
    files.sync = end
elif step == "linked":
    link = Path.hardlink_to
    Path.hardlink_to = lambda *paths: (link(*paths), end())
else:
    files.mark = end
Database(Path(sys.argv[1]), SCHEMA)
"""


@pytest.mark.parametrize("step", ["filled", "linked", "opened"])
def test_a_kill_between_the_steps_leaves_no_half_made_file(tmp_path: Path, step: str) -> None:
    path = tmp_path / "t.db"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), step], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.exists() == (step != "filled")
    database = Database(path, SCHEMA)
    put(database, 1)
    database.close()
    assert rows(path, "SELECT x FROM t") == [(1,)]
    assert mark_of(path).exists()


def test_a_failed_upgrade_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    database = Database(path, SCHEMA)
    put(database, 1)
    database.close()
    broken = Database(path, SCHEMA, upgrades=("CREATE TABLE u (x); ALTER TABLE none ADD COLUMN y",))
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        put(broken, 2)
    put(database, 2)
    database.close()
    assert rows(path, "SELECT name FROM sqlite_schema") == [("t",)]


def test_a_file_of_newer_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    Database(path, SCHEMA, upgrades=UPGRADES).close()
    older = Database(path, SCHEMA, upgrades=UPGRADES[:1])
    with pytest.raises(sqlite3.DatabaseError, match=r"newer code wrote it \(version 3, .* knows 2"):
        put(older, 1)


def test_the_file_of_another_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (x)")
    with pytest.raises(sqlite3.DatabaseError, match="holds other, which is another store's"):
        put(Database(path, SCHEMA), 1)
    Database(tmp_path / "u.db", "CREATE TABLE IF NOT EXISTS u (x)").close()
    with pytest.raises(sqlite3.DatabaseError, match="its schema is damaged, or another store's"):
        put(Database(tmp_path / "u.db", SCHEMA), 1)


def test_a_table_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    database = Database(path, SCHEMA, upgrades=UPGRADES)
    database.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE t")
    with pytest.raises(sqlite3.DatabaseError, match="its schema is damaged"):
        put(database, 1)
