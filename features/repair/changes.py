"""Product changes that are stamped ahead of the clock."""

from collections import defaultdict
from contextlib import closing
from pathlib import Path

import numpy as np

from configs.checksums import row_checksum
from configs.database import Database
from features.logs.product_changes import COLUMNS, SCHEMA, UPGRADES, is_intact
from features.logs.stamps import MAX_LEAD_US
from features.repair.findings import Damage, Finding, found

_SELECT = f"SELECT {', '.join(COLUMNS)} FROM changes"


def find(path: Path, now_us: int) -> list[Finding]:
    """Return the changes in the log `path` that are recorded further ahead than MAX_LEAD."""
    with closing(Database(path, SCHEMA, upgrades=UPGRADES)) as database, database.reading() as log:
        query = "SELECT recorded_us FROM changes WHERE recorded_us > ?"
        ahead = [stamp for (stamp,) in log.execute(query, (now_us + MAX_LEAD_US,))]
    return found(path.name, np.array(ahead, dtype=np.int64))


def damage(path: Path) -> list[Damage]:
    """Return the changes whose checksum differs."""
    with closing(Database(path, SCHEMA, upgrades=UPGRADES)) as database, database.reading() as log:
        keys = [row[:2] for row in log.execute(_SELECT) if not is_intact(row)]
    return [Damage(place=path.name, rows=len(keys), first=f"change {keys[0]!r}")] if keys else []


def restamp(path: Path, *, now_us: int, not_before_us: int) -> list[Finding]:
    """Record each change that is ahead now, in order, after the product's other changes.

    Not before `not_before_us`, the time of the online cut, which holds none of them. All in one
    transaction; the table `restamped` keeps the former times. A damaged change stays as it is.
    """
    was, became = [], []
    with closing(Database(path, SCHEMA, upgrades=UPGRADES)) as database, database.writing() as log:
        limit = now_us + MAX_LEAD_US
        query = f"{_SELECT} WHERE recorded_us > ? ORDER BY recorded_us"
        products = defaultdict(list)
        for row in log.execute(query, (limit,)).fetchall():
            if is_intact(row):
                products[row[0]].append(row)
        for product_id, rows in products.items():
            query = "SELECT MAX(recorded_us) FROM changes WHERE product_id = ? AND recorded_us <= ?"
            (last,) = log.execute(query, (product_id, limit)).fetchone()
            start = max(now_us, not_before_us, -1 if last is None else last + 1)
            times = {stamp: start + n for n, stamp in enumerate(sorted({r[3] for r in rows}))}
            for *key, value, stamp, sequence, checksum in rows:
                new = (*key, value, times[stamp], sequence)
                log.execute(
                    "UPDATE changes SET recorded_us = ?, checksum = ? "
                    "WHERE product_id = ? AND field = ? AND recorded_us = ?",
                    (times[stamp], None if checksum is None else row_checksum(new), *key, stamp),
                )
                log.execute(
                    "INSERT INTO restamped (product_id, field, sequence, was_recorded_us, "
                    "recorded_us) VALUES (?, ?, ?, ?, ?)",
                    (*key, sequence, stamp, times[stamp]),
                )
                was.append(stamp)
                became.append(times[stamp])
    return found(path.name, np.array(was, dtype=np.int64), np.array(became, dtype=np.int64))
