"""Repair: it shows what it would change, changes that alone, and may be killed at any point."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from features import snapshots
from features.__main__ import app
from features.logs.events import EventLog
from features.online.store import current_cut
from features.repair import repair as module
from features.repair import tables
from features.repair.repair import repair
from features.tables import read_table, write_tables
from features.workspace import Workspace, WorkspaceError
from tests.serving.state.clock_shop import CUSTOMERS, DAY, HOUR, MINUTE, ClockShop

AHEAD = 40 * DAY


@pytest.fixture
def shop(tmp_path: Path) -> ClockShop:
    """A shop that was materialized, took orders while its clock was ahead, was materialized then,
    and took orders with the right clock again, an hour ago."""
    made = ClockShop(tmp_path)
    made.post(*CUSTOMERS)
    made.true += HOUR
    made.materialize()
    made.wrong = AHEAD
    made.post(*CUSTOMERS)
    made.materialize()
    made.wrong = 0 * DAY
    made.true += MINUTE
    made.post("anna")
    made.true += HOUR
    return made


def files(home: Path) -> dict[str, bytes]:
    """Return every file of a workspace but locks, SQLite's logs, and Feast's open database."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in sorted(home.rglob("*"))
        if path.is_file() and not path.name.endswith((".lock", "-wal", "-shm", "online.db"))
    }


def stamps(ws: Workspace) -> pd.Series:
    """Return when each event was recorded, in the order of arrival."""
    with closing(EventLog(ws.events_db)) as log:
        return log.arrivals().set_index("event_id")["recorded_timestamp"]


def test_the_dry_run_names_everything_and_changes_nothing(shop: ClockShop) -> None:
    ws = shop.ws
    before = files(shop.home)
    report = repair(ws)
    *rows, (place, _) = [(finding.place, finding.rows) for finding in report.findings]
    assert rows == [
        ("online/current.json", 1),
        ("events.db", 3),
        ("tables: order_lines.recorded_timestamp", 3),
        ("tables: events.recorded_timestamp", 3),
    ]
    assert place == "snapshots"
    assert all(finding.first > shop.now + 5 * MINUTE for finding in report.findings)
    assert files(shop.home) == before
    asked = CliRunner().invoke(app, ["repair", "--home", str(shop.home)])
    assert asked.exit_code == 1
    assert "run this again with --apply" in asked.output


def test_apply_mends_all_and_the_shop_goes_on(shop: ClockShop) -> None:
    before = stamps(shop.ws)
    done = CliRunner().invoke(app, ["repair", "--apply", "--home", str(shop.home)])
    assert done.exit_code == 0, done.output
    after = stamps(shop.ws)
    ahead = before > shop.now
    assert ahead.sum() == 3
    assert (after[ahead] <= shop.now).all()
    pd.testing.assert_series_equal(after[~ahead], before[~ahead])
    for name in ("order_lines", "events"):
        table = read_table(shop.ws, name)
        known = table["recorded_timestamp"]
        assert (known <= shop.now).all()
        if name == "events":
            assert known.tolist() == after.reindex(table["event_id"]).tolist()
    cut = current_cut(shop.ws)
    assert cut is not None
    assert cut.as_of == shop.now
    assert max(snapshots.files_of(shop.ws, "customer_activity")) == shop.now
    shop.check()
    again = CliRunner().invoke(app, ["repair", "--home", str(shop.home)])
    assert (again.exit_code, "Nothing is stamped" in again.output) == (0, True)
    shop.true += MINUTE
    shop.materialize()
    shop.check()


def test_the_log_keeps_the_former_times(shop: ClockShop) -> None:
    before = stamps(shop.ws)
    repair(shop.ws, apply=True)
    with closing(sqlite3.connect(shop.ws.events_db)) as database:
        rows = database.execute("SELECT was_recorded_us FROM restamped ORDER BY sequence")
        was = [pd.Timestamp(stamp, unit="us", tz="UTC") for (stamp,) in rows]
    assert was == before[before > shop.now].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("place", ["_mend_logs", "_mend_tables", "_remove_snapshots"])
def test_it_may_be_killed_at_any_point(
    shop: ClockShop, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, place, killed)
        with pytest.raises(Killed):
            repair(shop.ws, apply=True)
    shop.check()
    with pytest.raises(WorkspaceError, match="run `python -m features repair --apply`"):
        shop.materialize()
    assert repair(shop.ws).interrupted
    repair(shop.ws, apply=True)
    shop.check()
    report = repair(shop.ws)
    assert (report.findings, report.interrupted) == ([], False)
    shop.true += MINUTE
    shop.materialize()
    shop.check()


def test_an_event_arrived_by_the_time_of_a_later_one(tmp_path: Path) -> None:
    """Without an online cut, which holds none of them and bounds them."""
    shop = ClockShop(tmp_path, wrong=AHEAD)
    shop.post("anna")
    shop.wrong = 0 * DAY
    shop.true += HOUR
    shop.post("anna")
    shop.true += DAY
    repair(shop.ws, apply=True)
    first, second = stamps(shop.ws)
    assert first == second == shop.now - DAY + 5 * MINUTE


def test_what_a_file_says_of_times_to_come_stays(tmp_path: Path) -> None:
    """A pre-order that a file dates later, and a correction that the clock stamped."""
    shop = ClockShop(tmp_path)
    shop.post("anna")
    shop.true += HOUR
    shop.materialize()
    ws, limit = shop.ws, shop.now + 5 * MINUTE
    lines = read_table(ws, "order_lines")
    ahead = shop.now + AHEAD
    file = lines.iloc[:1].assign(order_id="file", recorded_timestamp=ahead)
    preorder = file.assign(order_id="later", event_timestamp=ahead)
    with ws.lock("tables"):
        write_tables(
            ws,
            {
                "order_lines": pd.concat([lines, file, preorder]),
                "events": read_table(ws, "events"),
            },
            replaced=file.assign(
                recorded_timestamp=shop.now - HOUR, replaced_timestamp=ahead, order_id="file"
            ),
        )
    (corrected, replaced) = tables.restamp(ws, limit, now=shop.now)
    assert {corrected.rows, replaced.rows} == {1}
    assert corrected.became == replaced.became
    known = read_table(ws, "order_lines").set_index("order_id")["recorded_timestamp"]
    assert known["later"] == ahead
    assert known["file"] == shop.now - pd.Timedelta(1, "us")
