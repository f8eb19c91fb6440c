"""Writers that are killed at any moment lose nothing that was acknowledged, and leave no alarm."""

import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from configs.database import Database

SCHEMA = "CREATE TABLE IF NOT EXISTS t (writer INTEGER, number INTEGER, filler TEXT) STRICT"
WRITER = """
import sys
from pathlib import Path
from configs.database import Database
from configs.database_checks import copy_log
from tests.configs.test_database_kills import SCHEMA

path, writer = Path(sys.argv[1]), int(sys.argv[2])
database = Database(path, SCHEMA)
for number in range(1_000_000):
    with database.writing() as connection:
        row = (writer, number, "x" * (number % 3000))
        connection.execute("INSERT INTO t VALUES (?, ?, ?)", row)
    print(number, flush=True)
    if number % 50 == 49:
        copy_log(path)
    if number % 70 == 69:
        database.close()
"""


@pytest.mark.parametrize("rounds", [2, pytest.param(25, marks=pytest.mark.slow)])
def test_what_was_acknowledged_is_there_once(tmp_path: Path, rounds: int) -> None:
    path, rng, acknowledged = tmp_path / "t.db", random.Random(22), set()
    for turn in range(rounds):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(path), f"{2 * turn + n}"], stdout=subprocess.PIPE
            )
            for n in range(2)
        ]
        for writer in writers:
            assert writer.stdout is not None
            writer.stdout.readline()  # the first is written
        time.sleep(rng.random() / 2)
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
        for n, writer in enumerate(writers):
            out, _ = writer.communicate()
            whole = [0] + [int(line) for line in out.split(b"\n")[:-1]]
            acknowledged |= {(2 * turn + n, number) for number in whole}
        with closing(Database(path, SCHEMA)) as database, database.reading() as connection:
            rows = connection.execute("SELECT writer, number FROM t").fetchall()
        assert len(rows) == len(set(rows))
        assert acknowledged <= set(rows)
    database.check()
