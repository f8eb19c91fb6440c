"""Exposures that are stamped ahead of the clock."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from configs.checksums import row_checksum
from configs.database import Database
from configs.database_files import check_there
from experiments.exposures import DATABASE, SCHEMA, STORED, UPGRADES, is_intact
from features.logs.stamps import MAX_LEAD_US
from features.repair.findings import Damage, Micros, found
from features.repair.repair import Report
from features.times import microseconds
from features.workspace import Workspace, WorkspaceError

_TIME: Final = STORED.index("exposed_timestamp")
_STAMPS: Final = "SELECT rowid, exposed_timestamp FROM exposures ORDER BY rowid"
_ROWS: Final = f"SELECT rowid, {', '.join(STORED)} FROM exposures"


def repair(ws: Workspace, *, apply: bool = False) -> Report:
    """Return the exposures that are stamped further ahead of the clock than MAX_LEAD.

    With `apply` each gets the time of the last exposure before it that is not ahead (without one:
    of the first after it, or now). The list was shown then or later, so that no order that followed
    it comes before it. All in one transaction; the table `restamped` keeps the former times. A
    damaged exposure stays as it is. The log may be in use meanwhile.
    Raises WorkspaceError if it cannot be read.
    """
    path = ws.experiments / DATABASE
    report = Report(now=ws.now(), findings=[], damaged=[], interrupted=False)
    try:
        if not check_there(path):
            return report
        with closing(Database(path, SCHEMA, upgrades=UPGRADES, timeout_s=5)) as database:
            with database.reading() as log:
                damaged = _damage(log, path)
            with database.writing() if apply else database.reading() as log:
                was, became = _restamp(log, now_us=microseconds(report.now), apply=apply)
    except sqlite3.Error as error:
        raise WorkspaceError(str(error)) from error
    return replace(report, findings=found(path.name, was, became), damaged=damaged)


def _restamp(log: sqlite3.Connection, *, now_us: int, apply: bool) -> tuple[Micros, Micros]:
    """Return the stamps that are ahead, and what they became (none without `apply`)."""
    pairs = np.dtype([("rowid", np.int64), ("stamp", np.int64)])
    rows = np.fromiter(log.execute(_STAMPS), dtype=pairs)
    stamps: Micros = rows["stamp"]
    ahead = stamps > now_us + MAX_LEAD_US
    new = _shown_by(stamps, ahead, now_us=now_us)
    if not apply:
        return stamps[ahead], new[:0]
    changed = np.zeros(len(rows), dtype=bool)
    for place in np.flatnonzero(ahead):
        changed[place] = _record(log, int(rows["rowid"][place]), int(new[place]))
    return stamps[changed], new[changed]


def _shown_by(stamps: Micros, ahead: npt.NDArray[np.bool_], *, now_us: int) -> Micros:
    """Return for each exposure, in order, the last time of those before it that are not `ahead`.

    >>> stamps = np.array([900, 12, 800, 700, 15, 990])
    >>> _shown_by(stamps, stamps > 100, now_us=20).tolist()
    [12, 12, 12, 12, 15, 15]
    """
    right = stamps[~ahead]
    none = np.iinfo(np.int64).min
    before: Micros = np.maximum.accumulate(np.where(ahead, none, stamps))
    before[before == none] = right[0] if len(right) else now_us
    return before


def _record(log: sqlite3.Connection, rowid: int, exposed_us: int) -> bool:
    """Write the time of an exposure; return False, and change nothing, if it is damaged."""
    _, *row = log.execute(f"{_ROWS} WHERE rowid = ?", (rowid,)).fetchone()
    if not is_intact(row):
        return False
    values = row[:-1]
    values[_TIME] = exposed_us
    log.execute(
        "INSERT INTO restamped (exposure, was_exposed_us, exposed_us) VALUES (?, ?, ?)",
        (rowid, row[_TIME], exposed_us),
    )
    log.execute(
        "UPDATE exposures SET exposed_timestamp = ?, row_checksum = ? WHERE rowid = ?",
        (exposed_us, None if row[-1] is None else row_checksum(values), rowid),
    )
    return True


def _damage(log: sqlite3.Connection, path: Path) -> list[Damage]:
    damaged = [rowid for rowid, *row in log.execute(_ROWS) if not is_intact(row)]
    if not damaged:
        return []
    return [Damage(place=path.name, rows=len(damaged), first=f"row {damaged[0]}")]
