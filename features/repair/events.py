"""Events that are stamped ahead of the clock."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

from configs.database import Database
from features.logs.event_rows import ORDER, SCHEMA, SELECT, UPGRADES, checksum_of, stored_events
from features.logs.stamps import MAX_LEAD_US
from features.repair.findings import Damage, Finding, Micros, found

_ONE = f"{SELECT} WHERE e.sequence = ?"


def find(path: Path, now_us: int) -> list[Finding]:
    """Return the events of the log `path` that are recorded further ahead than MAX_LEAD."""
    with closing(Database(path, SCHEMA, upgrades=UPGRADES)) as database, database.reading() as log:
        query = "SELECT recorded_us FROM events WHERE recorded_us > ?"
        ahead = [stamp for (stamp,) in log.execute(query, (now_us + MAX_LEAD_US,))]
    return found(path.name, np.array(ahead, dtype=np.int64))


def damage(path: Path) -> list[Damage]:
    """Return the events whose checksum differs."""
    with closing(Database(path, SCHEMA, upgrades=UPGRADES)) as database, database.reading() as log:
        rows = log.execute(f"{SELECT} ORDER BY e.sequence, l.line_number")
        ids = [stored.fields[0] for stored in stored_events(rows) if not stored.intact]
    return [Damage(place=path.name, rows=len(ids), first=f"event {ids[0]!r}")] if ids else []


def restamp(path: Path, *, now_us: int, not_before_us: int) -> list[Finding]:
    """Record each event that is ahead at the earliest time by which it is known to have arrived.

    That is when a later event was recorded that is not ahead, or now; not before the earlier ones,
    and not before `not_before_us`: the time of the online cut, which holds none of these events, so
    that they are read from the log until the next one. An event's own time is its new one at the
    latest. All in one transaction; the table `restamped` keeps the former times. A damaged event
    stays as it is.
    """
    with closing(Database(path, SCHEMA, upgrades=UPGRADES)) as database, database.writing() as log:
        rows = log.execute("SELECT sequence, recorded_us FROM events ORDER BY sequence").fetchall()
        sequences, stamps = np.array(rows, dtype=np.int64).reshape(-1, 2).T
        ahead = stamps > now_us + MAX_LEAD_US
        new = np.maximum(_arrived_by(stamps, ahead, now_us=now_us), not_before_us)
        changed = np.zeros(len(rows), dtype=bool)
        for place in np.flatnonzero(ahead):
            changed[place] = _record(log, int(sequences[place]), int(new[place]))
    return found(path.name, stamps[changed], new[changed])


def _arrived_by(stamps: Micros, ahead: "np.typing.NDArray[np.bool_]", *, now_us: int) -> Micros:
    """Return for events in order of their sequence when each had arrived, from those not `ahead`.

    >>> stamps = np.array([10, 900, 12, 800, 15, 700])
    >>> _arrived_by(stamps, stamps > 100, now_us=20).tolist()
    [10, 12, 12, 15, 15, 20]
    """
    later = np.minimum.accumulate(np.where(ahead, now_us, stamps)[::-1])[::-1]
    earlier = np.maximum.accumulate(np.where(ahead, 0, stamps))
    times: Micros = np.maximum(np.minimum(later, now_us), earlier)
    return times


def _record(log: sqlite3.Connection, sequence: int, recorded_us: int) -> bool:
    """Record the event at `recorded_us`; return False, and change nothing, if it is damaged."""
    (stored,) = stored_events(sorted(log.execute(_ONE, (sequence,)), key=ORDER))
    if not stored.intact:
        return False
    new = stored._replace(event_us=min(stored.event_us, recorded_us), recorded_us=recorded_us)
    checksum = None if stored.checksum is None else checksum_of(new)
    log.execute(
        "INSERT INTO restamped (sequence, was_event_us, was_recorded_us, recorded_us) "
        "VALUES (?, ?, ?, ?)",
        (sequence, stored.event_us, stored.recorded_us, recorded_us),
    )
    log.execute(
        "UPDATE events SET event_us = ?, recorded_us = ?, checksum = ? WHERE sequence = ?",
        (new.event_us, recorded_us, checksum, sequence),
    )
    return True
