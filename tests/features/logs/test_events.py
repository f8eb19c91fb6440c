"""The event log: durable, deduplicated, and what of it the tables lack."""

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from features.absorb import absorb_events
from features.ingest import ingest
from features.logs import events
from features.logs.events import FIRST_REFUND_LINE, Event, EventLog, Item, LogCut, all_order_lines
from features.schema import BadInput, Origin, RetailDataset, empty, validate
from features.tables import read_table, write_tables
from features.times import microseconds
from features.workspace import Workspace

NOON = pd.Timestamp("2024-03-01T12:00:00Z").as_unit("us")
LOG = Origin(file="log")
HOUR = pd.Timedelta(hours=1)


def order(number: int, *items: tuple[str, float, float], time: pd.Timestamp = NOON) -> Event:
    return Event(
        event_id=f"e{number}",
        type="order_completed",
        customer_id="anna",
        order_id=f"o{number}",
        event_timestamp=time,
        items=tuple(Item(product_id=p, quantity=q, unit_price=u) for p, q, u in items),
    )


def refund(event_id: str, order_id: str, *items: tuple[str, float, float]) -> Event:
    return Event(
        event_id=event_id,
        type="order_refunded",
        customer_id="anna",
        order_id=order_id,
        event_timestamp=NOON,
        items=tuple(Item(product_id=p, quantity=q, unit_price=u) for p, q, u in items),
    )


def cut(time: pd.Timestamp, *, sequence: int = 2**62) -> LogCut:
    """Return what a snapshot at `time` holds that was built once all was posted."""
    return LogCut(microseconds(time), sequence)


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "events.db")


def test_an_event_comes_back_as_it_was_posted(log: EventLog) -> None:
    posted = Event(
        event_id="e1",
        type="order_completed",
        customer_id="客/1",
        event_timestamp=NOON - HOUR,
        order_id="o1",
        items=(Item(product_id="茶", quantity=2, unit_price=1.5),),
        recommendation_id="r1",
        position=3,
        channel="shop",
        store_id="s1",
    )
    log.append([posted], clock=lambda: NOON)
    (found,) = log.since("客/1", cut(NOON))
    assert found.recorded_timestamp == NOON
    assert found == replace(posted, recorded_timestamp=NOON)


def test_the_same_event_counts_once(log: EventLog) -> None:
    first = log.append([order(1, ("a", 1, 2.0)), order(1, ("a", 1, 2.0))], clock=lambda: NOON)
    again = log.append([order(1, ("other", 9, 9.0))], clock=lambda: NOON + HOUR)
    assert (first.accepted, first.duplicates, again.accepted, again.duplicates) == (1, 1, 0, 1)
    assert log.order_lines()["product_id"].tolist() == ["a"]


def test_an_order_completed_twice_is_rejected_and_the_rest_is_taken(log: EventLog) -> None:
    late = replace(order(1, ("a", 1, 2.0)), event_id="other")
    result = log.append(
        [order(1, ("a", 1, 2.0)), late, order(2, ("b", 1, 2.0))], clock=lambda: NOON
    )
    assert result.accepted == 2
    assert [(r.index, r.code) for r in result.rejected] == [(1, "order_known")]
    assert "'o1'" in result.rejected[0].detail


def test_a_future_event_is_rejected_and_a_skewed_clock_is_forgiven(log: EventLog) -> None:
    skewed = order(1, ("a", 1, 2.0), time=NOON + pd.Timedelta(minutes=5))
    future = order(2, ("a", 1, 2.0), time=NOON + pd.Timedelta(minutes=5, seconds=1))
    result = log.append([skewed, future], clock=lambda: NOON)
    assert [(r.index, r.code) for r in result.rejected] == [(1, "future_time")]
    (kept,) = log.since("anna", cut(NOON))
    assert kept.event_timestamp == NOON


def test_since_gives_what_a_snapshot_lacks(log: EventLog) -> None:
    log.append([order(1, ("a", 1, 2.0), time=NOON - HOUR)], clock=lambda: NOON - HOUR)
    log.append([order(2, ("b", 1, 2.0), time=NOON - 9 * HOUR)], clock=lambda: NOON)  # told late
    log.append([order(3, ("c", 1, 2.0))], clock=lambda: NOON + HOUR)
    assert [e.event_id for e in log.since("anna", cut(NOON))] == ["e2", "e3"]
    assert log.since("anna", cut(NOON + 2 * HOUR)) == []
    assert log.since("berta", cut(NOON - 2 * HOUR)) == []


def test_since_is_two_index_searches(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    with closing(EventLog(path)) as log, closing(sqlite3.connect(path)) as connection:
        assert log.since("nobody", LogCut(0, 0)) == []
        plan = connection.execute(f"EXPLAIN QUERY PLAN {events.SINCE}", ("", 0, 0)).fetchall()
    steps = [step[-1] for step in plan]
    assert "SEARCH e USING INDEX events_in_order (customer_id=? AND rowid>?)" in steps
    assert "SEARCH e USING INDEX events_of_customer (customer_id=? AND recorded_us>?)" in steps
    assert not any(step.startswith("SCAN") for step in steps)


def test_order_lines_are_canonical(log: EventLog) -> None:
    log.append([order(1, ("a", 2, 1.5), ("b", 1, 0.0), ("a", 1, 1.5))], clock=lambda: NOON)
    log.append(
        [refund("r1", "o1", ("a", 1, 1.5)), refund("r2", "o1", ("a", 1, 1.5))],
        clock=lambda: NOON,
    )
    lines = validate("order_lines", log.order_lines(), origin=LOG)
    assert lines["line_number"].tolist() == [1, 2, 3, FIRST_REFUND_LINE, FIRST_REFUND_LINE + 1]
    assert lines["line_type"].tolist() == ["sale", "adjustment", "sale", "return", "return"]
    assert lines["quantity"].tolist() == [2, 1, 1, -1, -1]
    validate("events", log.events(), origin=LOG)
    assert log.order_lines(recorded_before=NOON).empty


def test_an_empty_log_is_canonical(log: EventLog) -> None:
    assert validate("order_lines", log.order_lines(), origin=LOG).empty
    assert validate("events", log.events(), origin=LOG).empty


def test_orders_of_tables_and_log_stand_once(tmp_path: Path) -> None:
    ws = Workspace.create(tmp_path, clock=f"fixed:{NOON.isoformat()}")
    log = EventLog(ws.events_db)
    log.append([order(1, ("a", 1, 2.0)), order(2, ("b", 1, 2.0))], clock=lambda: NOON)
    log.append([refund("r1", "o1", ("a", 1, 2.0))], clock=lambda: NOON)
    assert len(all_order_lines(ws)) == 3
    stored = log.order_lines()
    stored = stored[stored["order_id"] == "o1"].iloc[:1]
    renumbered = stored.assign(line_number=7)  # the shop's own file counts its lines otherwise
    write_tables(ws, {"order_lines": renumbered})
    lines = all_order_lines(ws)
    keys = list(lines[["order_id", "line_number"]].itertuples(index=False, name=None))
    assert sorted(keys) == [("o1", 7), ("o1", FIRST_REFUND_LINE), ("o2", 1)]


def test_the_log_is_absorbed_once(tmp_path: Path) -> None:
    ws = Workspace.create(tmp_path, clock=f"fixed:{NOON.isoformat()}")
    write_tables(ws, {})
    assert absorb_events(ws) == 0
    with closing(EventLog(ws.events_db)) as log:
        log.append([order(1, ("a", 1, 2.0), ("b", 1, 2.0))], clock=ws.now)
        assert (absorb_events(ws), absorb_events(ws)) == (2, 0)
        log.append([refund("r1", "o1", ("a", 1, 2.0)), order(2, ("c", 1, 2.0))], clock=ws.now)
        assert absorb_events(ws) == 2
        assert len(read_table(ws, "order_lines")) == len(all_order_lines(ws)) == 4
        assert read_table(ws, "events")["event_id"].tolist() == ["e1", "e2", "r1"]


def file_of(*orders: Event) -> RetailDataset:
    """The shop's nightly file: `orders` recorded as they happened, lines numbered from 11."""
    lines = [
        {
            **{"order_id": e.order_id, "line_number": n, "customer_id": "anna"},
            **{"product_id": item.product_id, "line_type": "sale"},
            **{"quantity": item.quantity, "unit_price": item.unit_price},
            **{"event_timestamp": e.event_timestamp, "recorded_timestamp": e.event_timestamp},
        }
        for e in orders
        for n, item in enumerate(e.items, start=11)
    ]
    events = [
        {
            **{"event_id": e.event_id, "type": e.type, "customer_id": "anna"},
            **{"event_timestamp": e.event_timestamp, "recorded_timestamp": e.event_timestamp},
        }
        for e in orders
    ]
    order_lines, posted = (
        pd.DataFrame(rows, columns=empty(name).columns).astype(empty(name).dtypes)
        for name, rows in (("order_lines", lines), ("events", events))
    )
    kept, read = {"sale": len(lines)}, len(lines)
    return RetailDataset(
        source="file", order_lines=order_lines, events=posted, read=read, kept=kept, dropped={}
    )


def keys(ws: Workspace) -> list[tuple[str, int]]:
    lines = read_table(ws, "order_lines")[["order_id", "line_number"]]
    return sorted(lines.itertuples(index=False, name=None))


FIRST, SECOND = order(1, ("a", 1, 2.0), ("b", 1, 2.0)), order(2, ("c", 1, 2.0))


def test_a_file_leaves_orders_as_they_were_posted(tmp_path: Path) -> None:
    ws = Workspace.create(tmp_path, clock=f"fixed:{(NOON + HOUR).isoformat()}")
    with closing(EventLog(ws.events_db)) as log:
        log.append([FIRST, refund("r2", "o2", ("c", 1, 2.0))], clock=ws.now)
        assert absorb_events(ws) == 3
        done = ingest(ws, file_of(FIRST, SECOND))
        assert (done.read, done.kept, done.dropped) == (3, {"sale": 1}, {"already_posted": 2})
        assert keys(ws) == [("o1", 1), ("o1", 2), ("o2", 11), ("o2", FIRST_REFUND_LINE)]
        again = ingest(ws, file_of(FIRST, SECOND))
        assert again.dropped == {"already_posted": 2, "already_known": 1}
        assert (absorb_events(ws), len(all_order_lines(ws))) == (0, 4)


def test_a_refund_that_is_posted_makes_no_order_of_a_file_a_posted_one(tmp_path: Path) -> None:
    """Both are recorded at the same moment."""
    ws = Workspace.create(tmp_path, clock=f"fixed:{NOON.isoformat()}")
    ingest(ws, file_of(FIRST))
    with closing(EventLog(ws.events_db)) as log:
        log.append([refund("r1", "o1", ("a", 1, 2.0))], clock=ws.now)
    again = ingest(ws, file_of(FIRST))
    assert again.dropped == {"already_known": 2}


def test_what_is_posted_leaves_orders_as_the_file_told_them(tmp_path: Path) -> None:
    ws = Workspace.create(tmp_path, clock=f"fixed:{(NOON + HOUR).isoformat()}")
    with closing(EventLog(ws.events_db)) as log:
        ingest(ws, file_of(FIRST))
        log.append([FIRST, SECOND], clock=ws.now)
        assert len(all_order_lines(ws)) == 3
        assert (absorb_events(ws), absorb_events(ws)) == (1, 0)
        assert keys(ws) == [("o1", 11), ("o1", 12), ("o2", 1)]
        again = ingest(ws, file_of(FIRST))
        assert again.dropped == {"already_known": 2}
        with pytest.raises(
            BadInput,
            match="other lines of this order: 1 x a at 2; the file has 5",
        ):
            ingest(
                ws, file_of(replace(FIRST, items=(Item(product_id="a", quantity=5, unit_price=2),)))
            )


def test_many_threads_write_each_event_once(log: EventLog) -> None:
    def post(number: int) -> int:
        return log.append([order(number % 20, ("a", 1, 2.0))], clock=lambda: NOON).accepted

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(post, range(100))) == 20
    assert len(log.order_lines()) == 20


def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
import pandas as pd
from features.logs.events import Event, EventLog
noon = pd.Timestamp("2024-03-01T12:00:00Z")
log = EventLog(Path(sys.argv[1]))
for n in range(10_000):
    log.append([Event(event_id=str(n), type="product_viewed", customer_id="anna", product_id="a",
                      event_timestamp=noon)], clock=lambda: noon)
    print(n, flush=True)
"""
    path = tmp_path / "events.db"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "20\n":
            pass
        os.kill(process.pid, signal.SIGKILL)
        said = [20, *(int(line) for line in process.stdout.read().split("\n")[:-1])]
    found = {int(e) for e in EventLog(path).events()["event_id"]}
    assert set(range(max(said) + 1)) <= found


def test_a_clock_that_goes_back_hides_no_event(log: EventLog) -> None:
    """What is posted after a snapshot is recorded after it, whatever the clock says."""
    log.append([order(1, ("a", 1, 1.0))], clock=lambda: NOON)
    late = NOON - pd.Timedelta(minutes=1)
    log.append([order(2, ("b", 1, 1.0))], clock=lambda: late)
    found = log.since("anna", cut(NOON))
    assert [event.order_id for event in found] == ["o1", "o2"]
    assert {event.recorded_timestamp for event in found} == {NOON}
