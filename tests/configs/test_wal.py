"""A write-ahead log that lost acknowledged changes is an error, not an older database."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.database import Database

SCHEMA = "CREATE TABLE IF NOT EXISTS t (x INTEGER, y TEXT) STRICT"
WRITER = """
import os, signal, sys
from pathlib import Path
from configs.database import Database
from tests.configs.test_wal import SCHEMA, put

database = Database(Path(sys.argv[1]), SCHEMA)
for number in range(int(sys.argv[2])):
    put(database, number)
os.kill(os.getpid(), signal.SIGKILL)
"""
Damage = Callable[[Path], object]


def put(database: Database, number: int) -> None:
    with database.writing() as connection:
        connection.execute("INSERT INTO t VALUES (?, ?)", (number, "y" * 600))


def count(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute("SELECT COUNT(*) FROM t").fetchone()[0])


@pytest.fixture(scope="module", params=[5, 700], ids=["first log", "log begun anew"])
def killed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database whose writer was killed."""
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-c", WRITER, str(folder / "t.db"), str(request.param)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert (folder / "t.db-wal").stat().st_size
    (folder / "rows").write_text(str(request.param))
    return folder


def changed(killed: Path, folder: Path, damage: Damage) -> Path:
    """Return the database in a copy of the folder, after `damage` to its log."""
    copy = shutil.copytree(killed, folder / "copy")
    damage(copy / "t.db-wal")
    return copy / "t.db"


def flip(place: int) -> Damage:
    def change(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(content)

    return change


def cut(size: int) -> Damage:
    return lambda path: path.write_bytes(path.read_bytes()[:size])


DAMAGE: dict[str, Damage] = {
    "gone": Path.unlink,
    "empty": cut(0),
    "half a header": cut(16),
    "cut in a frame": cut(5000),
    "another magic": flip(2),
    "another salt": flip(16),
    "a page changed": flip(100),
    "a frame's salt": flip(32 + 8),
    "a frame's checksum": flip(32 + 4120 + 17),
    "the second page": flip(32 + 4120 + 24 + 2000),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_lost_changes_are_an_error_until_the_log_is_back(
    killed: Path, tmp_path: Path, how: str
) -> None:
    path = changed(killed, tmp_path, DAMAGE[how])
    for _ in range(2):
        database = Database(path, SCHEMA)
        with pytest.raises(sqlite3.DatabaseError, match=r"t\.db-wal .*restore it, or remove"):
            count(database)
    shutil.copy(killed / "t.db-wal", path.parent)
    assert count(database) == int((killed / "rows").read_text())
    database.close()


def test_without_log_and_memory_it_goes_on(killed: Path, tmp_path: Path) -> None:
    path = changed(killed, tmp_path, DAMAGE["a page changed"])
    for suffix in ("-wal", "-shm"):
        path.with_name(f"t.db{suffix}").unlink()
    database = Database(path, SCHEMA)
    before = count(database)
    put(database, -1)
    assert count(database) == before + 1
    database.close()


@pytest.mark.parametrize(
    "damage",
    [Path.unlink, cut(0), flip(17), flip(50), flip(100)],
    ids=["gone", "empty", "first copy", "second copy", "marks"],
)
def test_a_damaged_memory_alone_loses_nothing(killed: Path, tmp_path: Path, damage: Damage) -> None:
    path = changed(killed, tmp_path, lambda log: damage(log.with_name("t.db-shm")))
    database = Database(path, SCHEMA)
    assert count(database) == int((killed / "rows").read_text())
    database.close()


def test_what_was_torn_before_its_commit_is_dropped(killed: Path, tmp_path: Path) -> None:
    """As after a power loss: a frame that was not acknowledged is no damage."""
    log = (killed / "t.db-wal").read_bytes()
    path = changed(killed, tmp_path, lambda wal: wal.write_bytes(log + log[-4120:-2000]))
    database = Database(path, SCHEMA)
    assert count(database) == int((killed / "rows").read_text())
    database.close()


STALE = """
import os, shutil, signal, sys
from pathlib import Path
from configs.database import Database
from tests.configs.test_wal import SCHEMA, put

path = Path(sys.argv[1])
database = Database(path, SCHEMA)
for number in range(5):
    put(database, number)
os.system(f"cp {path}-shm {path}-early")  # no lock of this process is lost
with database.reading() as connection:
    connection.execute("PRAGMA wal_checkpoint(RESTART)")
for number in range(5, 8):
    put(database, number)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_old_memory_beside_a_newer_log_is_no_damage(tmp_path: Path) -> None:
    """As after a power loss: the memory is not synced."""
    path = tmp_path / "t.db"
    command = [sys.executable, "-c", STALE, str(path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    (tmp_path / "t.db-early").replace(tmp_path / "t.db-shm")
    database = Database(path, SCHEMA)
    assert count(database) == 8
    database.close()


def test_others_may_write_while_one_opens(tmp_path: Path) -> None:
    first = Database(tmp_path / "t.db", SCHEMA)
    command = [sys.executable, "-c", WRITER, str(first.path), "1500"]
    with subprocess.Popen(command) as writer:
        while writer.poll() is None:
            reader = Database(first.path, SCHEMA)
            count(reader)
            first.close()
            reader.close()
            count(first)
    assert count(first) == 1500
    first.close()
