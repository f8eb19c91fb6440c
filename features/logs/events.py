"""The event log: all posted events, from which snapshots are updated.

An event's place in the log is its `sequence`, from 1. It is recorded at R, the time of its arrival
(`features.logs.stamps`), and its event time is R at the latest. A snapshot at S of the events up to
the sequence Q holds those recorded before S; it lacks those recorded at or after S, and those after
Q, whatever the clock did meanwhile.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import pandas as pd

from configs.database import Database
from configs.database_files import check_there
from features.logs.event_rows import (
    FIRST_REFUND_LINE,
    NOTHING,
    ORDER,
    SCHEMA,
    SELECT,
    UPGRADES,
    Event,
    Item,
    LogCut,
    StoredEvent,
    insert,
    intact_events,
)
from features.logs.stamps import next_stamp
from features.schema import empty
from features.tables import (
    NothingIngested,
    no_replaced,
    read_file,
    read_replaced,
    table_paths,
    with_first_recorded,
)
from features.times import microseconds, timestamp
from features.workspace import Workspace, WorkspaceError

__all__ = ["FIRST_REFUND_LINE", "NOTHING", "Event", "EventLog", "Item", "LogCut"]

CLOCK_SKEW: Final = pd.Timedelta(minutes=5)
"""How far ahead of the arrival an event's time may lie; it is then stored as the arrival."""
SINCE: Final = (
    f"{SELECT} WHERE (e.customer_id = ?1 AND e.sequence > ?2) "
    "OR (e.customer_id = ?1 AND e.recorded_us >= ?3)"  # two index searches
)
_BEFORE: Final = f"{SELECT} WHERE e.recorded_us < ? ORDER BY e.sequence, l.line_number"


@dataclass(frozen=True, kw_only=True)
class LogContents:
    """The whole log at one moment."""

    order_lines: pd.DataFrame
    """Canonical (`EventLog.order_lines`)."""
    events: pd.DataFrame
    """Canonical (`EventLog.events`)."""
    sequence: int
    """Of the last event; 0 without events."""


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

    Calls may come from any thread; reads and writes do not wait for each other. Every event that is
    read is compared with its checksum: sqlite3.DatabaseError names a damaged one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = Database(path, SCHEMA, upgrades=UPGRADES)
        self._reader = Database(path, SCHEMA, upgrades=UPGRADES, timeout_s=0.5)

    def close(self) -> None:
        """Close both connections."""
        self._writer.close()
        self._reader.close()

    def check(self) -> None:
        """Read every page of the file. Raises sqlite3.DatabaseError if it is damaged."""
        self._reader.check()

    def append(self, events: Sequence[Event], *, clock: Callable[[], pd.Timestamp]) -> AppendResult:
        """Write `events`, recorded at `clock()` (UTC), and sync them to disk before returning.

        The clock is read while no other process writes, so that the log is in order of recorded
        time as long as the clock is not set (`features.logs.stamps`). An event whose `event_id` is
        already stored is a duplicate, even if other fields differ. Rejections: `future_time` (more
        than CLOCK_SKEW ahead) and `order_known` (another event completed that order). Raises
        sqlite3.Error when the log cannot be written.
        """
        duplicates, rejected = 0, []
        with self._writer.writing() as log:
            now = clock()
            last = log.execute(
                "SELECT sequence, recorded_us FROM events ORDER BY sequence DESC LIMIT 1"
            ).fetchone()
            sequence, last_us = last or (0, None)
            recorded_us = next_stamp(microseconds(now), last_us)
            limit = timestamp(recorded_us) + CLOCK_SKEW
            for index, event in enumerate(events):
                if _exists(log, "event_id = ?", event.event_id):
                    duplicates += 1
                elif event.event_timestamp > limit:
                    detail = (
                        f"time {event.event_timestamp.isoformat()} lies in the future: the "
                        f"service's clock stands at {now.isoformat()}"
                    )
                    rejected.append(Rejection(index=index, code="future_time", detail=detail))
                elif event.type == "order_completed" and _exists(
                    log, "type = 'order_completed' AND order_id = ?", event.order_id
                ):
                    detail = f"order_id {event.order_id!r} was completed by another event"
                    rejected.append(Rejection(index=index, code="order_known", detail=detail))
                else:
                    sequence += 1
                    insert(log, sequence, event, recorded_us=recorded_us)
        accepted = len(events) - duplicates - len(rejected)
        return AppendResult(accepted=accepted, duplicates=duplicates, rejected=tuple(rejected))

    def since(self, customer_id: str, cut: LogCut) -> list[Event]:
        """Return the customer's events missing from a snapshot at `cut`, in order of arrival."""
        with self._reader.reading() as log:
            rows = log.execute(SINCE, (customer_id, cut.sequence, cut.before_us)).fetchall()
            if not rows:
                return []
            rows.sort(key=ORDER)
            return [stored.event() for stored in intact_events(rows, path=self._path)]

    def contents(self) -> LogContents:
        """Return all events at one moment."""
        stored = self._stored()
        return LogContents(
            order_lines=_order_lines(stored),
            events=_events(stored),
            sequence=stored[-1].sequence if stored else 0,
        )

    def order_lines(self, recorded_before: pd.Timestamp | None = None) -> pd.DataFrame:
        """Return canonical order lines of all orders and refunds recorded before the given time.

        Quantities of refunds are negative; a line without price is an `adjustment`.
        """
        return _order_lines(self._stored(recorded_before))

    def events(self, recorded_before: pd.Timestamp | None = None) -> pd.DataFrame:
        """Return the canonical events of every type recorded before the given time."""
        return _events(self._stored(recorded_before))

    def arrivals(self) -> pd.DataFrame:
        """Return event_id, order_id and recorded_timestamp of every event, with or without lines.

        The order_id is null except for the event that completed the order.
        """
        names = ["event_id", "order_id", "recorded_timestamp"]
        rows = [
            (event_id, order_id if kind == "order_completed" else None, stored.recorded_us)
            for stored in self._stored()
            for event_id, kind, _, _, order_id, *_ in [stored.fields]
        ]
        return _frame(rows, names)

    def _stored(self, before: pd.Timestamp | None = None) -> list[StoredEvent]:
        """Return the events recorded before the given time, in order."""
        limit = 2**63 - 1 if before is None else microseconds(before)
        with self._reader.reading() as log, closing(log.execute(_BEFORE, (limit,))) as rows:
            return list(intact_events(rows, path=self._path))


def all_order_lines(ws: Workspace) -> pd.DataFrame:
    """Return every canonical order line of the shop once, from the tables and the log.

    An order in the tables is read from there; its refunds are matched by their line numbers.
    """
    try:
        paths = table_paths(ws)
        stored, former = read_file(paths["order_lines"]), read_replaced(paths)
    except NothingIngested:
        stored, former = empty("order_lines"), no_replaced()
    known = pd.concat([stored, former[stored.columns]])  # a cancelled order does not come back
    fresh = new_lines(logged(ws, "order_lines"), known)
    stored = with_first_recorded(stored, former)
    return pd.concat([stored, fresh], ignore_index=True) if len(fresh) else stored


def logged(ws: Workspace, table: str) -> pd.DataFrame:
    """Return the log's part of canonical table `table`: order_lines or events."""
    if not was_posted(ws):
        return empty(table)
    with _after_writers(ws) as log:
        return log.order_lines() if table == "order_lines" else log.events()


def was_posted(ws: Workspace) -> bool:
    """Return whether the workspace has an event log.

    Raises WorkspaceError if it had one that is gone: its orders would be missing without a word.
    """
    try:
        return ws.home.is_dir() and check_there(ws.events_db)
    except sqlite3.Error as error:
        raise WorkspaceError(str(error)) from error


def arrivals(ws: Workspace) -> pd.DataFrame:
    """Return when the events of the workspace's log were recorded, as `EventLog.arrivals` does."""
    with _after_writers(ws) as log:
        return log.arrivals()


@contextmanager
def _after_writers(ws: Workspace) -> Iterator[EventLog]:
    """Open the workspace's log after its current writers are done.

    Raises WorkspaceError if it cannot be read.
    """
    with closing(EventLog(ws.events_db)) as log:
        try:
            log.append([], clock=ws.now)
            yield log
        except sqlite3.Error as error:
            raise WorkspaceError(f"{ws.events_db}: {error}") from error


def new_lines(lines: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Return the `lines` missing from `stored`: whole orders, and single lines of refunds."""
    key = ["order_id", "line_number"]
    refund = lines["line_number"] >= FIRST_REFUND_LINE
    known_order = lines["order_id"].isin(
        stored["order_id"][stored["line_number"] < FIRST_REFUND_LINE]
    )
    known_line = pd.MultiIndex.from_frame(lines[key]).isin(pd.MultiIndex.from_frame(stored[key]))
    return lines[~known_line & (refund | ~known_order)].reset_index(drop=True)


def _exists(log: sqlite3.Connection, condition: str, value: str | None) -> bool:
    query = f"SELECT 1 FROM events WHERE {condition}"
    return log.execute(query, (value,)).fetchone() is not None


def _order_lines(events: Sequence[StoredEvent]) -> pd.DataFrame:
    rows = []
    for stored in events:
        _, kind, customer_id, _, _, _, _, channel, store_id = stored.fields
        line_type, sign = ("return", -1.0) if kind == "order_refunded" else ("sale", 1.0)
        for order_id, number, product_id, quantity, price in stored.lines:
            shown = "adjustment" if price == 0 else line_type
            rows.append(
                (
                    *(order_id, number, customer_id, product_id, None, shown, sign * quantity),
                    *(price, channel, store_id, stored.event_us, stored.recorded_us),
                )
            )
    return _frame(sorted(rows, key=itemgetter(0, 1)), list(empty("order_lines").columns))


def _events(events: Sequence[StoredEvent]) -> pd.DataFrame:
    rows = [(*stored.fields[:4], stored.event_us, stored.recorded_us) for stored in events]
    return _frame(sorted(rows, key=itemgetter(0)), list(empty("events").columns))


def _frame(rows: Sequence[tuple[Any, ...]], names: list[str]) -> pd.DataFrame:
    types = {**empty("events").dtypes, **empty("order_lines").dtypes}
    return pd.DataFrame(rows, columns=names).astype({name: types[name] for name in names})
