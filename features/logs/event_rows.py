"""Events as the log stores them: the tables in SQLite, and a checksum over each event."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas as pd

from configs.checksums import row_checksum
from features.times import microseconds, timestamp

FIRST_REFUND_LINE: Final = 1_000_000
"""Refund lines of an order are numbered from here, its own lines from 1."""
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS events (
  sequence INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, type TEXT NOT NULL,
  customer_id TEXT NOT NULL, product_id TEXT, order_id TEXT, recommendation_id TEXT,
  position INTEGER, channel TEXT, store_id TEXT,
  event_us INTEGER NOT NULL, recorded_us INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS events_of_customer ON events (customer_id, recorded_us);
CREATE UNIQUE INDEX IF NOT EXISTS completed_once ON events (order_id)
  WHERE type = 'order_completed';
CREATE TABLE IF NOT EXISTS lines (
  sequence INTEGER NOT NULL REFERENCES events, order_id TEXT NOT NULL,
  line_number INTEGER NOT NULL, product_id TEXT NOT NULL,
  quantity REAL NOT NULL, unit_price REAL NOT NULL,
  PRIMARY KEY (order_id, line_number)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lines_of_event ON lines (sequence);
"""
UPGRADES: Final = (
    """
ALTER TABLE events ADD COLUMN checksum INTEGER;
CREATE INDEX events_in_order ON events (customer_id);
DROP INDEX IF EXISTS events_by_time;
CREATE TABLE restamped (
  sequence INTEGER NOT NULL, was_event_us INTEGER NOT NULL, was_recorded_us INTEGER NOT NULL,
  recorded_us INTEGER NOT NULL) STRICT;
""",
)
"""A checksum is null in rows of older code; `restamped` keeps the stamps that a repair changed.

The index on the customer alone holds the sequence too, as every index of SQLite."""
FIELDS: Final = (
    *("event_id", "type", "customer_id", "product_id", "order_id", "recommendation_id"),
    *("position", "channel", "store_id"),
)
"""The fields of an Event that are stored as they are."""
_EVENT: Final = ("sequence", *FIELDS, "event_us", "recorded_us", "checksum")
_LINE: Final = ("order_id", "line_number", "product_id", "quantity", "unit_price")
SELECT: Final = (
    f"SELECT {', '.join(f'e.{name}' for name in _EVENT)}, {', '.join(f'l.{n}' for n in _LINE)} "
    "FROM events e LEFT JOIN lines l ON l.sequence = e.sequence "
)
"""The rows of `stored_events`, without a condition; sort them by `ORDER`."""
ORDER: Final = itemgetter(0, len(_EVENT) + 1)


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


class LogCut(NamedTuple):
    """What a snapshot holds of the log: the events up to `sequence`, recorded before `before_us`
    (microseconds since 1970)."""

    before_us: int
    sequence: int


NOTHING: Final = LogCut(0, 0)


class StoredLine(NamedTuple):
    """A row of `lines`, without its sequence."""

    order_id: str
    line_number: int
    product_id: str
    quantity: float
    unit_price: float


class StoredEvent(NamedTuple):
    """A row of `events` with its lines."""

    sequence: int
    fields: tuple[Any, ...]
    """As FIELDS."""
    event_us: int
    recorded_us: int
    checksum: int | None
    lines: tuple[StoredLine, ...]

    @property
    def intact(self) -> bool:
        """Whether the checksum fits; true where older code wrote none."""
        return self.checksum is None or self.checksum == checksum_of(self)

    def event(self) -> Event:
        """Return the event."""
        return Event(
            **dict(zip(FIELDS, self.fields, strict=True)),
            event_timestamp=timestamp(self.event_us),
            recorded_timestamp=timestamp(self.recorded_us),
            items=tuple(
                Item(product_id=product_id, quantity=quantity, unit_price=unit_price)
                for _, _, product_id, quantity, unit_price in self.lines
            ),
        )


def checksum_of(stored: StoredEvent) -> int:
    """Return the checksum over all columns of the event and of its lines."""
    values = [stored.sequence, *stored.fields, stored.event_us, stored.recorded_us]
    for line in stored.lines:
        values += line
    return row_checksum(values)


def stored_events(rows: Iterable[tuple[Any, ...]]) -> Iterator[StoredEvent]:
    """Yield the events of `rows` (SELECT), sorted by ORDER; their checksums are not compared."""
    first = len(FIELDS) + 1
    for sequence, group in groupby(rows, key=itemgetter(0)):
        parts = list(group)
        row = parts[0]
        lines = () if row[first + 3] is None else tuple(StoredLine(*r[first + 3 :]) for r in parts)
        event_us, recorded_us, checksum = row[first : first + 3]
        yield StoredEvent(sequence, row[1:first], event_us, recorded_us, checksum, lines)


def intact_events(rows: Iterable[tuple[Any, ...]], *, path: Path) -> Iterator[StoredEvent]:
    """Yield the `stored_events` of `rows` of the file `path`.

    Raises sqlite3.DatabaseError for one that is damaged.
    """
    for stored in stored_events(rows):
        if not stored.intact:
            raise damaged(path, "events", stored.sequence)
        yield stored


def damaged(path: Path, table: str, row: object) -> sqlite3.DatabaseError:
    """Return the error of a damaged row; its text says where it is, and the way on."""
    return sqlite3.DatabaseError(
        f"{path}: row {row!r} of {table} is damaged (its checksum differs): restore the file from "
        "a copy; `python -m features repair` counts such rows"
    )


def insert(log: sqlite3.Connection, sequence: int, event: Event, *, recorded_us: int) -> None:
    """Write `event` as the row `sequence`; its event time is `recorded_us` at the latest."""
    stored = StoredEvent(
        sequence,
        tuple(getattr(event, name) for name in FIELDS),
        min(microseconds(event.event_timestamp), recorded_us),
        recorded_us,
        None,
        _lines(log, event),
    )
    row = (stored.sequence, *stored.fields, stored.event_us, recorded_us, checksum_of(stored))
    marks = ", ".join("?" * len(row))
    log.execute(f"INSERT INTO events ({', '.join(_EVENT)}) VALUES ({marks})", row)
    log.executemany(
        f"INSERT INTO lines (sequence, {', '.join(_LINE)}) VALUES (?, ?, ?, ?, ?, ?)",
        [(sequence, *line) for line in stored.lines],
    )


def _lines(log: sqlite3.Connection, event: Event) -> tuple[StoredLine, ...]:
    """Return the items as numbered lines; those of a refund follow the earlier refunds' lines."""
    order_id, first = event.order_id, 1
    if order_id is None:
        if event.items:
            raise ValueError(f"event {event.event_id!r}: items belong to an order_id")
        return ()
    if event.type == "order_refunded":
        query = "SELECT MAX(line_number) FROM lines WHERE order_id = ? AND line_number >= ?"
        (last,) = log.execute(query, (order_id, FIRST_REFUND_LINE)).fetchone()
        first = FIRST_REFUND_LINE if last is None else last + 1
    return tuple(
        StoredLine(order_id, number, i.product_id, float(i.quantity), float(i.unit_price))
        for number, i in enumerate(event.items, start=first)
    )
