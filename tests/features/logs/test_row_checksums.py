"""A row that is not what was written is an error; rows of older code are read as they are."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from features.absorb import absorb_events, absorb_products
from features.logs.events import Event, EventLog, Item, LogCut, all_order_lines
from features.logs.product_changes import ProductChange, ProductChanges
from features.repair.repair import repair
from features.workspace import Workspace, WorkspaceError

NOON = pd.Timestamp("2024-03-01T12:00:00Z").as_unit("us")
NOON_US = NOON.value // 1000
ALL = LogCut(0, 0)
OLD_EVENTS = """
CREATE TABLE IF NOT EXISTS events (
  sequence INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, type TEXT NOT NULL,
  customer_id TEXT NOT NULL, product_id TEXT, order_id TEXT, recommendation_id TEXT,
  position INTEGER, channel TEXT, store_id TEXT,
  event_us INTEGER NOT NULL, recorded_us INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS events_of_customer ON events (customer_id, recorded_us);
CREATE INDEX IF NOT EXISTS events_by_time ON events (recorded_us);
CREATE UNIQUE INDEX IF NOT EXISTS completed_once ON events (order_id)
  WHERE type = 'order_completed';
CREATE TABLE IF NOT EXISTS lines (
  sequence INTEGER NOT NULL REFERENCES events, order_id TEXT NOT NULL,
  line_number INTEGER NOT NULL, product_id TEXT NOT NULL,
  quantity REAL NOT NULL, unit_price REAL NOT NULL,
  PRIMARY KEY (order_id, line_number)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lines_of_event ON lines (sequence);
"""
OLD_CHANGES = """
CREATE TABLE IF NOT EXISTS changes (
  product_id TEXT NOT NULL, field TEXT NOT NULL, recorded_us INTEGER NOT NULL, value ANY NOT NULL,
  PRIMARY KEY (product_id, field, recorded_us)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS changes_by_time ON changes (recorded_us);
"""


def order(number: int) -> Event:
    return Event(
        event_id=f"e{number}",
        type="order_completed",
        customer_id="anna",
        order_id=f"o{number}",
        event_timestamp=NOON,
        channel="shop",
        items=(
            Item(product_id="tea", quantity=1, unit_price=2),
            Item(product_id="mug", quantity=1, unit_price=3),
        ),
    )


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    made = Workspace.create(tmp_path, clock=f"fixed:{NOON.isoformat()}")
    with closing(EventLog(made.events_db)) as log:
        log.append([order(1), order(2)], clock=made.now)
    with closing(ProductChanges(made.product_changes_db)) as log:
        changes = [ProductChange(product_id="tea", title="Tea", unit_price=2, available=True)]
        log.record(changes, clock=made.now)
    return made


def damage(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        assert database.execute(statement).rowcount == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET product_id = 'x' WHERE sequence = 2",
        "UPDATE events SET type = 'order_refunded' WHERE sequence = 2",
        "UPDATE events SET event_us = event_us - 1 WHERE sequence = 2",
        "UPDATE events SET recorded_us = recorded_us + 1 WHERE sequence = 2",
        "UPDATE events SET channel = NULL WHERE sequence = 2",
        "UPDATE events SET checksum = checksum + 1 WHERE sequence = 2",
        "UPDATE lines SET quantity = 2 WHERE sequence = 2 AND line_number = 1",
        "UPDATE lines SET product_id = 'x' WHERE sequence = 2 AND line_number = 2",
        "DELETE FROM lines WHERE sequence = 2 AND line_number = 2",
    ],
)
def test_no_damaged_event_is_read(ws: Workspace, statement: str) -> None:
    damage(ws.events_db, statement)
    named = r"events\.db: row 2 of events is damaged"
    with closing(EventLog(ws.events_db)) as log:
        for read in (lambda: log.since("anna", ALL), log.order_lines, log.events, log.arrivals):
            with pytest.raises(sqlite3.DatabaseError, match=named):
                read()
    for run in (absorb_events, all_order_lines):
        with pytest.raises(WorkspaceError, match=f"{named}.*restore the file from a copy"):
            run(ws)
    (found,) = repair(ws, apply=True).damaged
    assert (found.place, found.rows, found.first) == ("events.db", 1, "event 'e2'")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE changes SET value = 'Tee' WHERE field = 'title'",
        "UPDATE changes SET value = 3 WHERE field = 'unit_price'",
        "UPDATE changes SET recorded_us = recorded_us + 1 WHERE field = 'title'",
        "UPDATE changes SET sequence = sequence + 1 WHERE field = 'title'",
        "UPDATE changes SET product_id = 'tee' WHERE field = 'available'",
    ],
)
def test_no_damaged_change_is_read(ws: Workspace, statement: str) -> None:
    damage(ws.product_changes_db, statement)
    with (
        closing(ProductChanges(ws.product_changes_db)) as log,
        pytest.raises(sqlite3.DatabaseError, match=r"of changes is damaged"),
    ):
        log.since()
    (found,) = repair(ws).damaged
    assert (found.place, found.rows) == ("product_changes.db", 1)


def test_a_log_of_older_code_is_read_and_written_on(tmp_path: Path) -> None:
    ws = Workspace.create(tmp_path, clock=f"fixed:{NOON.isoformat()}")
    with closing(sqlite3.connect(ws.events_db)) as database, database:
        database.executescript(OLD_EVENTS)
        fields = "event_id, type, customer_id, order_id, event_us, recorded_us"
        database.execute(
            f"INSERT INTO events ({fields}) VALUES ('e1', 'order_completed', 'anna', 'o1', ?, ?)",
            (NOON_US, NOON_US),
        )
        database.execute("INSERT INTO lines VALUES (1, 'o1', 1, 'tea', 1.0, 2.0)")
    with closing(EventLog(ws.events_db)) as log:
        assert log.append([order(1), order(2)], clock=ws.now).accepted == 1
        assert [e.event_id for e in log.since("anna", LogCut(NOON_US + 1, 1))] == ["e2"]
    assert absorb_events(ws) == 3
    with closing(sqlite3.connect(ws.events_db)) as database:
        checked = database.execute("SELECT checksum IS NOT NULL FROM events ORDER BY sequence")
        assert [row[0] for row in checked] == [0, 1]
        names = database.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'events_%'")
        assert {name for (name,) in names} == {"events_of_customer", "events_in_order"}


def test_changes_of_older_code_are_read_and_written_on(tmp_path: Path) -> None:
    ws = Workspace.create(tmp_path, clock=f"fixed:{(NOON + pd.Timedelta(1, 'h')).isoformat()}")
    with closing(sqlite3.connect(ws.product_changes_db)) as database, database:
        database.executescript(OLD_CHANGES)
        rows = [("tea", "title", NOON_US, "Tea"), ("tea", "unit_price", NOON_US + 1, 2.5)]
        database.executemany("INSERT INTO changes VALUES (?, ?, ?, ?)", rows)
    with closing(ProductChanges(ws.product_changes_db)) as log:
        known = log.since()
        assert (known.sequence, known.prices) == (NOON_US + 1, {"tea": 2.5})
        log.record([ProductChange(product_id="tea", title="Green tea")], clock=ws.now)
        assert {name: t.value for name, t in log.since(known.sequence).titles.items()} == {
            "tea": "Green tea"
        }
    assert absorb_products(ws) == 2
