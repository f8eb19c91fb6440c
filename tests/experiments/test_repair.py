"""Exposures of a clock that was ahead: shown, then mended, and counted with their orders again."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from experiments.__main__ import app
from experiments.exposures import DATABASE, ExposureLog, read
from experiments.repair import repair
from features.workspace import Workspace, WorkspaceError
from tests.experiments.spring import DAY, NOON, exposure

HOUR = DAY / 24


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """A workspace whose clock was 40 days ahead for exposures 2 and 3 of 4; now it is 14:00."""
    ws = Workspace.create(tmp_path, clock="simulated")
    ws.advance(NOON + 2 * HOUR)
    times = (NOON, NOON + 40 * DAY, NOON + 41 * DAY, NOON + HOUR)
    with ExposureLog(ws.experiments / DATABASE) as log:
        log.append([exposure(n, exposed_timestamp=time) for n, time in enumerate(times, start=1)])
    return ws


def invoke(ws: Workspace, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["repair", *arguments, "--home", str(ws.home)])
    return done.exit_code, done.output


def test_the_dry_run_shows_them_and_changes_nothing(ws: Workspace) -> None:
    before = read(ws.experiments / DATABASE)
    code, output = invoke(ws)
    assert code == 1
    assert "exposures.db" in output
    assert "run this again with --apply" in output
    assert read(ws.experiments / DATABASE).equals(before)


def test_each_gets_the_time_of_the_last_right_one_before_it(ws: Workspace) -> None:
    assert invoke(ws, "--apply")[0] == 0
    times = read(ws.experiments / DATABASE)["exposed_timestamp"]
    assert times.tolist() == [NOON, NOON, NOON, NOON + HOUR]
    with closing(sqlite3.connect(ws.experiments / DATABASE)) as log:
        former = log.execute("SELECT exposure, was_exposed_us FROM restamped").fetchall()
    assert former == [(2, (NOON + 40 * DAY).value // 1000), (3, (NOON + 41 * DAY).value // 1000)]
    assert invoke(ws)[0] == 0


def test_without_a_right_one_before_they_get_that_of_the_first_after(tmp_path: Path) -> None:
    ws = Workspace.create(tmp_path, clock="simulated")
    ws.advance(NOON)
    with ExposureLog(ws.experiments / DATABASE) as log:
        log.append([exposure(1, exposed_timestamp=NOON + DAY)])
    repair(ws, apply=True)
    assert read(ws.experiments / DATABASE)["exposed_timestamp"].tolist() == [NOON]
    with ExposureLog(ws.experiments / DATABASE) as log:
        log.append([exposure(2, exposed_timestamp=NOON + DAY)])
    repair(ws, apply=True)
    assert read(ws.experiments / DATABASE)["exposed_timestamp"].tolist() == [NOON, NOON]


def test_a_damaged_exposure_is_named_and_stays(ws: Workspace) -> None:
    with closing(sqlite3.connect(ws.experiments / DATABASE)) as log, log:
        log.execute("UPDATE exposures SET variant = 'other' WHERE rowid = 2")
    report = repair(ws, apply=True)
    assert [(part.rows, part.first) for part in report.damaged] == [(1, "row 2")]
    assert sum(finding.rows for finding in report.findings) == 1
    assert invoke(ws, "--apply")[0] == 1


def test_nothing_to_repair(tmp_path: Path) -> None:
    ws = Workspace.create(tmp_path, clock="simulated")
    ws.advance(NOON)
    assert repair(ws, apply=True).findings == []
    assert not (ws.experiments / DATABASE).exists()


def test_a_log_that_cannot_be_read_says_so(ws: Workspace) -> None:
    (ws.experiments / DATABASE).write_bytes(b"no database" * 1000)
    with pytest.raises(WorkspaceError, match=r"exposures\.db"):
        repair(ws)
