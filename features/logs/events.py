"""The event log: all posted events, from which snapshots are updated.

An event posted at R is recorded at R, and its event time is R at the latest: a snapshot at S holds
it if and only if R < S. The events missing from a stored row are those recorded at or after S.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pandas as pd

from configs.database import Database
from features.schema import empty
from features.tables import no_replaced, read_file, read_replaced, table_paths, with_first_recorded
from features.times import microseconds, timestamp
from features.workspace import Workspace, WorkspaceError

CLOCK_SKEW: Final = pd.Timedelta(minutes=5)
"""How far ahead of the arrival an event's time may lie; it is then stored as the arrival."""
FIRST_REFUND_LINE: Final = 1_000_000
"""Refund lines of an order are numbered from here, its own lines from 1."""

_SCHEMA: Final = """
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
# The fields of an Event as they are stored.
_FIELDS: Final = (
    *("event_id", "type", "customer_id", "product_id", "order_id", "recommendation_id"),
    *("position", "channel", "store_id"),
)
_SINCE: Final = (
    f"SELECT {', '.join(f'e.{name}' for name in ('sequence', *_FIELDS))}, "
    "e.event_us, e.recorded_us, l.product_id, l.quantity, l.unit_price "
    "FROM events e LEFT JOIN lines l ON l.sequence = e.sequence "
    "WHERE e.customer_id = ? AND e.recorded_us >= ? ORDER BY e.sequence, l.line_number"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A line of an order or a refund: `quantity` is positive in both, `unit_price` per unit."""

    product_id: str
    quantity: float
    unit_price: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What a customer did; `order_id` and `items` belong to the order types."""

    event_id: str
    type: str
    """One of `features.schema.EVENT_TYPES`."""
    customer_id: str
    event_timestamp: pd.Timestamp
    product_id: str | None = None
    order_id: str | None = None
    items: tuple[Item, ...] = ()
    recommendation_id: str | None = None
    position: int | None = None
    channel: str | None = None
    store_id: str | None = None
    recorded_timestamp: pd.Timestamp | None = None
    """When it arrived: set by the log."""


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """Why the event at `index` was rejected."""

    index: int
    code: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class AppendResult:
    """The result of a batch; the three counts add up to its length."""

    accepted: int
    duplicates: int
    rejected: tuple[Rejection, ...] = ()


class EventLog:
    """An append-only log in SQLite (WAL), for several processes; writes are durable on return.

    Calls may come from any thread; reads and writes do not wait for each other.
    """

    def __init__(self, path: Path) -> None:
        self._writer = Database(path, _SCHEMA)
        self._reader = Database(path, _SCHEMA, timeout_s=0.5)

    def close(self) -> None:
        """Close both connections."""
        self._writer.close()
        self._reader.close()

    def append(self, events: Sequence[Event], *, clock: Callable[[], pd.Timestamp]) -> AppendResult:
        """Write `events`, recorded at `clock()` (UTC), and sync them to disk before returning.

        The clock is read while no other process writes, so that the log is in order of recorded
        time: a reader that waits for the writers (`absorb_events`) sees all older events. An event
        whose `event_id` is already stored is a duplicate, even if other fields differ. Rejections:
        `future_time` (more than CLOCK_SKEW ahead) and `order_known` (another event completed that
        order). Raises sqlite3.Error when the log cannot be written.
        """
        duplicates, rejected = 0, []
        with self._writer.writing() as log:
            recorded = _no_earlier(log, clock())
            for index, event in enumerate(events):
                if _exists(log, "event_id = ?", event.event_id):
                    duplicates += 1
                elif event.event_timestamp > recorded + CLOCK_SKEW:
                    detail = f"time {event.event_timestamp.isoformat()} lies in the future"
                    rejected.append(Rejection(index=index, code="future_time", detail=detail))
                elif event.type == "order_completed" and _exists(
                    log, "type = 'order_completed' AND order_id = ?", event.order_id
                ):
                    detail = f"order_id {event.order_id!r} was completed by another event"
                    rejected.append(Rejection(index=index, code="order_known", detail=detail))
                else:
                    _insert(log, event, recorded)
        accepted = len(events) - duplicates - len(rejected)
        return AppendResult(accepted=accepted, duplicates=duplicates, rejected=tuple(rejected))

    def since(self, customer_id: str, snapshot_us: int) -> list[Event]:
        """Return the customer's events missing from a snapshot, in order of arrival.

        `snapshot_us` is its time, in microseconds since 1970.
        """
        with self._reader.reading() as log:
            rows = log.execute(_SINCE, (customer_id, snapshot_us)).fetchall()
        events: dict[int, Event] = {}
        for sequence, *fields, happened, recorded, product_id, quantity, unit_price in rows:
            event = events.get(sequence) or Event(
                **dict(zip(_FIELDS, fields, strict=True)),
                event_timestamp=timestamp(happened),
                recorded_timestamp=timestamp(recorded),
            )
            if product_id is not None:
                item = Item(product_id=product_id, quantity=quantity, unit_price=unit_price)
                event = replace(event, items=(*event.items, item))
            events[sequence] = event
        return list(events.values())

    def order_lines(self, recorded_before: pd.Timestamp | None = None) -> pd.DataFrame:
        """Return canonical order lines of all orders and refunds recorded before the given time.

        Quantities of refunds are negative; a line without price is an `adjustment`.
        """
        query = (
            "SELECT e.order_id, l.line_number, e.customer_id, l.product_id, "
            "NULL AS parent_product_id, CASE WHEN l.unit_price = 0 THEN 'adjustment' "
            "WHEN e.type = 'order_refunded' THEN 'return' ELSE 'sale' END AS line_type, "
            "CASE WHEN e.type = 'order_refunded' THEN -l.quantity ELSE l.quantity END AS quantity, "
            "l.unit_price, e.channel, e.store_id, e.event_us AS event_timestamp, "
            "e.recorded_us AS recorded_timestamp "
            "FROM events e JOIN lines l ON l.sequence = e.sequence "
            "WHERE e.recorded_us < ? ORDER BY e.order_id, l.line_number"
        )
        return self._frame(query, recorded_before)

    def events(self, recorded_before: pd.Timestamp | None = None) -> pd.DataFrame:
        """Return the canonical events of every type recorded before the given time."""
        query = (
            "SELECT event_id, type, customer_id, product_id, event_us AS event_timestamp, "
            "recorded_us AS recorded_timestamp FROM events WHERE recorded_us < ? ORDER BY event_id"
        )
        return self._frame(query, recorded_before)

    def arrivals(self) -> pd.DataFrame:
        """Return event_id, order_id and recorded_timestamp of every event, with or without lines.

        The order_id is null except for the event that completed the order.
        """
        query = (
            "SELECT event_id, CASE type WHEN 'order_completed' THEN order_id END AS order_id, "
            "recorded_us AS recorded_timestamp FROM events WHERE recorded_us < ?"
        )
        return self._frame(query)

    def _frame(self, query: str, before: pd.Timestamp | None = None) -> pd.DataFrame:
        limit = 2**63 - 1 if before is None else microseconds(before)
        with self._reader.reading() as log, closing(log.execute(query, (limit,))) as cursor:
            names = [column[0] for column in cursor.description]
            frame = pd.DataFrame(cursor.fetchall(), columns=names)
        types = {**empty("events").dtypes, **empty("order_lines").dtypes}
        return frame.astype({name: types[name] for name in names})


def all_order_lines(ws: Workspace) -> pd.DataFrame:
    """Return every canonical order line of the shop once, from the tables and the log.

    An order in the tables is read from there; its refunds are matched by their line numbers.
    """
    try:
        paths = table_paths(ws)
        stored, former = read_file(paths["order_lines"]), read_replaced(paths)
    except WorkspaceError:  # nothing was ingested
        stored, former = empty("order_lines"), no_replaced()
    known = pd.concat([stored, former[stored.columns]])  # a cancelled order does not come back
    fresh = new_lines(logged(ws, "order_lines"), known)
    stored = with_first_recorded(stored, former)
    return pd.concat([stored, fresh], ignore_index=True) if len(fresh) else stored


def logged(ws: Workspace, table: str) -> pd.DataFrame:
    """Return the log's part of canonical table `table`: order_lines or events."""
    if not ws.events_db.exists():
        return empty(table)
    with _after_writers(ws) as log:
        return log.order_lines() if table == "order_lines" else log.events()


def arrivals(ws: Workspace) -> pd.DataFrame:
    """Return when the events of the workspace's log were recorded, as `EventLog.arrivals` does."""
    with _after_writers(ws) as log:
        return log.arrivals()


@contextmanager
def _after_writers(ws: Workspace) -> Iterator[EventLog]:
    """Open the workspace's log after its current writers are done."""
    with closing(EventLog(ws.events_db)) as log:
        log.append([], clock=ws.now)
        yield log


def new_lines(lines: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Return the `lines` missing from `stored`: whole orders, and single lines of refunds."""
    key = ["order_id", "line_number"]
    refund = lines["line_number"] >= FIRST_REFUND_LINE
    known_order = lines["order_id"].isin(
        stored["order_id"][stored["line_number"] < FIRST_REFUND_LINE]
    )
    known_line = pd.MultiIndex.from_frame(lines[key]).isin(pd.MultiIndex.from_frame(stored[key]))
    return lines[~known_line & (refund | ~known_order)].reset_index(drop=True)


def _no_earlier(log: sqlite3.Connection, now: pd.Timestamp) -> pd.Timestamp:
    """Return the later of `now` and the last recorded time, because a clock can go back."""
    (last,) = log.execute("SELECT MAX(recorded_us) FROM events").fetchone()
    return now if last is None or last <= microseconds(now) else timestamp(last)


def _exists(log: sqlite3.Connection, condition: str, value: str | None) -> bool:
    query = f"SELECT 1 FROM events WHERE {condition}"
    return log.execute(query, (value,)).fetchone() is not None


def _insert(log: sqlite3.Connection, event: Event, recorded: pd.Timestamp) -> None:
    arrival = microseconds(recorded)
    happened = min(microseconds(event.event_timestamp), arrival)
    row = [getattr(event, name) for name in _FIELDS]
    marks = ", ".join("?" * (len(row) + 2))
    cursor = log.execute(
        f"INSERT INTO events ({', '.join(_FIELDS)}, event_us, recorded_us) VALUES ({marks})",
        (*row, happened, arrival),
    )
    first = 1
    if event.type == "order_refunded":
        query = "SELECT MAX(line_number) FROM lines WHERE order_id = ? AND line_number >= ?"
        (last,) = log.execute(query, (event.order_id, FIRST_REFUND_LINE)).fetchone()
        first = FIRST_REFUND_LINE if last is None else last + 1
    log.executemany(
        "INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?)",
        [
            (cursor.lastrowid, event.order_id, number, i.product_id, i.quantity, i.unit_price)
            for number, i in enumerate(event.items, start=first)
        ],
    )
