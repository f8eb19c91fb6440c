"""An acknowledged exposure is on disk; a failed one is the caller's to know."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from experiments import exposures
from experiments.exposures import COLUMNS, ExposureLog, read
from tests.experiments.spring import exposure


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    anonymous = exposure(2, experiment=None, variant=None, unit_id=None)
    with ExposureLog(tmp_path / "exposures.db") as log:
        log.append([exposure(1)])
        log.append([anonymous])
        assert len(read(log.path)) == 2
        found = read(log.path, "spring")
    assert list(found.columns) == list(COLUMNS)
    row = found.iloc[0]
    assert (row["unit_id"], row["product_ids"], row["propensities"]) == (
        "客户/1",
        ["b", "a"],
        [1.0, 0.5],
    )
    assert row["exposed_timestamp"] == pd.Timestamp("2011-12-09T12:00:00.000001Z")


OLD = """CREATE TABLE exposures (
  recommendation_id TEXT NOT NULL, experiment TEXT, variant TEXT, unit_id TEXT,
  model_version TEXT NOT NULL, scenario TEXT NOT NULL,
  product_ids TEXT NOT NULL, propensities TEXT NOT NULL,
  exposed_timestamp INTEGER NOT NULL) STRICT"""


@pytest.mark.parametrize("schema", ["", OLD], ids=["new", "without indexes"])
@pytest.mark.parametrize(
    ("statement", "step"),
    [
        (
            "SELECT * FROM exposures WHERE experiment = ? ORDER BY rowid",
            "experiment (experiment=?)",
        ),
        ("SELECT * FROM exposures WHERE unit_id = ?", "unit (unit_id=?)"),
        ("DELETE FROM exposures WHERE unit_id = ?", "unit (unit_id=?)"),
    ],
)
def test_an_experiment_and_a_customer_are_found_by_an_index(
    tmp_path: Path, schema: str, statement: str, step: str
) -> None:
    path = tmp_path / "exposures.db"
    if schema:
        with closing(sqlite3.connect(path)) as database:
            database.executescript(schema)
    ExposureLog(path).close()
    with closing(sqlite3.connect(path)) as database:
        plan = database.execute(f"EXPLAIN QUERY PLAN {statement}", ("x",)).fetchall()
    assert [row[-1] for row in plan] == [f"SEARCH exposures USING INDEX exposures_of_{step}"]


def test_no_log_reads_as_no_exposures(tmp_path: Path) -> None:
    found = read(tmp_path / "none.db", "spring")
    assert list(found.columns) == list(COLUMNS)
    assert found.empty
    assert str(found["exposed_timestamp"].dtype) == "datetime64[us, UTC]"


def test_a_failure_reaches_the_caller_and_the_log_recovers(tmp_path: Path) -> None:
    path = tmp_path / "exposures.db"
    with ExposureLog(path, busy_timeout_s=0.05) as log:
        log.append([exposure(1)])
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            log.append([exposure(2)])
        other.execute("ROLLBACK")
        other.close()
        log.append([exposure(3)])
    assert list(read(path)["recommendation_id"]) == ["r1", "r3"]


def test_a_folder_that_is_a_file_fails_the_append(tmp_path: Path) -> None:
    (tmp_path / "experiments").write_text("")
    path = tmp_path / "experiments" / "exposures.db"
    with ExposureLog(path) as log, pytest.raises(sqlite3.OperationalError):
        log.append([exposure(1)])


def changed(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(statement)
        database.commit()


@pytest.mark.parametrize(
    "change",
    ["variant = 'other'", "unit_id = NULL", "propensities = '[1.0,0.25]'", "exposed_timestamp = 1"],
)
def test_a_changed_exposure_is_not_read(tmp_path: Path, change: str) -> None:
    path = tmp_path / "exposures.db"
    with ExposureLog(path) as log:
        log.append([exposure(1), exposure(2, experiment=None, variant=None)])
    changed(path, f"UPDATE exposures SET {change} WHERE rowid = 1")
    with pytest.raises(sqlite3.DatabaseError, match=r"exposures\.db: row 1 .* is damaged"):
        read(path)


def test_exposures_of_older_code_are_read(tmp_path: Path) -> None:
    path = tmp_path / "exposures.db"
    changed(path, OLD)
    changed(
        path, "INSERT INTO exposures VALUES ('r0', 'spring', 'a', 'c', 'm', 's', '[]', '[]', 1)"
    )
    with ExposureLog(path) as log:
        log.append([exposure(1)])
    assert list(read(path, "spring")["recommendation_id"]) == ["r0", "r1"]


def test_a_log_that_is_gone_does_not_read_as_no_exposures(tmp_path: Path) -> None:
    path = tmp_path / "exposures.db"
    ExposureLog(path).close()
    path.unlink()
    with pytest.raises(sqlite3.OperationalError, match=r"exposures\.db is gone"):
        read(path)
    path.touch()
    with pytest.raises(sqlite3.DatabaseError, match=r"exposures\.db is empty"):
        read(path)


def test_a_full_log_takes_no_more_until_it_is_pruned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposures, "_MEASURED_S", 0.0)
    path = tmp_path / "exposures.db"

    def fill(log: ExposureLog) -> None:
        for start in range(0, 10_000, 100):
            log.append([exposure(number) for number in range(start, start + 100)])

    with ExposureLog(path, largest_bytes=200_000) as log:
        with pytest.raises(sqlite3.OperationalError, match=r"bound of .* GiB: run .* prune"):
            fill(log)
        size, rows = path.stat().st_size, len(read(path))
        assert log.prune(pd.Timestamp("2011-12-10", tz="UTC"), keep=[])[0] == rows
        log.append([exposure(1)])
        assert path.stat().st_size == size  # its pages are used again


def test_prune_keeps_what_is_new_or_of_a_running_experiment(tmp_path: Path) -> None:
    path, day = tmp_path / "exposures.db", pd.Timedelta(days=1)
    old = exposure(0).exposed_timestamp
    with ExposureLog(path) as log:
        log.append(
            [
                exposure(
                    number,
                    experiment=("spring", "autumn", None)[number % 3],
                    exposed_timestamp=old + (2 if number % 5 == 4 else 0) * day,
                )
                for number in range(2500)
            ]
        )
        rows, octets = log.prune(old + day, keep={"spring"}, dry_run=True)
        assert len(read(path)) == 2500
        assert log.prune(old + day, keep={"spring"}) == (rows, octets)
        left = read(path)
        assert len(left) == 2500 - rows
        assert octets > 70 * rows
        aged = left["exposed_timestamp"] < old + day
        assert set(left["experiment"][aged]) == {"spring"}
        assert (~aged).sum() == 500
        assert log.prune(old + day, keep={"spring"}) == (0, 0)


WRITER = """
import os, signal, sys
from pathlib import Path
from experiments.exposures import ExposureLog
from tests.experiments.spring import exposure

log = ExposureLog(Path(sys.argv[1]))
for start in range(0, 140, 7):
    log.append([exposure(number) for number in range(start, start + 7)])
os.kill(os.getpid(), signal.SIGKILL)  # at once after the last acknowledgement
"""


@pytest.mark.parametrize("attempt", range(3))
def test_kill_9_loses_no_acknowledged_exposure(tmp_path: Path, attempt: int) -> None:
    path = tmp_path / f"{attempt}.db"
    done = subprocess.run([sys.executable, "-c", WRITER, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(read(path)["recommendation_id"]) == [f"r{number}" for number in range(140)]
