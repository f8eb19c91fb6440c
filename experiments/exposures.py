"""The exposure log: which products each customer was shown, on disk before the response is sent."""

import json
import sqlite3
import time
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Self

import msgspec
import pandas as pd

from configs.checksums import row_checksum
from configs.database import Database
from configs.database_checks import pages_in_use
from configs.database_files import check_there
from features.times import microseconds


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """One recommendation that was returned to a caller."""

    recommendation_id: str
    experiment: str | None
    """Key; None, like `variant`, outside of every experiment."""
    variant: str | None
    unit_id: str | None
    """The customer; None when anonymous."""
    model_version: str
    """`recommender@3`, or the name of a fallback."""
    scenario: str
    product_ids: tuple[str, ...]
    """As shown, best first."""
    propensities: tuple[float, ...]
    """Probability that each product got its position; 1 where nothing was random."""
    exposed_timestamp: pd.Timestamp
    """UTC, by the workspace's clock."""


DATABASE: Final = "exposures.db"
"""The log's file in `ws.experiments`."""
COLUMNS: Final = tuple(field.name for field in fields(Exposure))
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS exposures (
  recommendation_id TEXT NOT NULL, experiment TEXT, variant TEXT, unit_id TEXT,
  model_version TEXT NOT NULL, scenario TEXT NOT NULL,
  product_ids TEXT NOT NULL, propensities TEXT NOT NULL,
  exposed_timestamp INTEGER NOT NULL  -- UTC, microseconds
) STRICT;
CREATE INDEX IF NOT EXISTS exposures_of_experiment ON exposures (experiment)
  WHERE experiment IS NOT NULL;
CREATE INDEX IF NOT EXISTS exposures_of_unit ON exposures (unit_id) WHERE unit_id IS NOT NULL;
"""
UPGRADES: Final = (
    "ALTER TABLE exposures ADD COLUMN row_checksum INTEGER",
    """
CREATE TABLE restamped (
  exposure INTEGER NOT NULL, was_exposed_us INTEGER NOT NULL, exposed_us INTEGER NOT NULL) STRICT;
""",
)
"""A checksum is null in rows of older code; `restamped` keeps the stamps that a repair changed."""
STORED: Final = (*COLUMNS, "row_checksum")
_INSERT: Final = (
    f"INSERT INTO exposures ({', '.join(STORED)}) VALUES ({', '.join('?' * len(STORED))})"
)
_MEASURED_S: Final = 1.0
"""Seconds between two looks at the size of the log."""
_AT_ONCE: Final = 1000
"""Rows that `prune` looks at in one transaction: writers wait for it."""
_PRODUCTS, _PROPENSITIES, _TIME = (
    COLUMNS.index(name) for name in ("product_ids", "propensities", "exposed_timestamp")
)
_OCTETS: Final = " + ".join(f"COALESCE(LENGTH(CAST({name} AS BLOB)), 0)" for name in COLUMNS)
_Row = tuple[object, ...]


def _row(exposure: Exposure) -> _Row:
    values = [getattr(exposure, name) for name in COLUMNS]
    values[_PRODUCTS] = msgspec.json.encode(exposure.product_ids).decode()
    values[_PROPENSITIES] = msgspec.json.encode(exposure.propensities).decode()
    values[_TIME] = microseconds(exposure.exposed_timestamp)
    return (*values, row_checksum(values))


class ExposureLog:
    """Append-only log in SQLite (WAL), safe with many threads and processes.

    `largest_bytes`: at this size nothing is appended until `prune` has made room, so that the log
    never fills the disk; None: no bound.
    """

    def __init__(
        self, path: Path, *, busy_timeout_s: float = 1.0, largest_bytes: int | None = None
    ) -> None:
        self.path, self._largest = path, largest_bytes
        self._database = Database(path, SCHEMA, upgrades=UPGRADES, timeout_s=busy_timeout_s)
        self._full, self._measure_at = False, 0.0

    @property
    def largest_bytes(self) -> int | None:
        """The bound of the log."""
        return self._largest

    def append(self, exposures: Sequence[Exposure]) -> None:
        """Write all `exposures` or none; after the return they survive a power loss.

        Raises sqlite3.Error; the next append tries again.
        """
        if self._largest is not None:
            self._check_room(self._largest)
        rows = [_row(exposure) for exposure in exposures]
        with self._database.writing() as log:
            log.executemany(_INSERT, rows)

    def prune(
        self, before: pd.Timestamp, *, keep: Collection[str], dry_run: bool = False
    ) -> tuple[int, int]:
        """Remove the exposures before `before` (UTC), but none of the experiments `keep`.

        Return rows and bytes of their values; their pages are used again, and the file stays as
        large. Short transactions, so that a service can go on writing. Stops at the first
        thousand rows that are all newer.
        """
        old, rows, octets, last = microseconds(before), 0, 0, -1
        while True:
            with self._database.reading() if dry_run else self._database.writing() as log:
                part = log.execute(
                    f"SELECT rowid, experiment, exposed_timestamp, {_OCTETS} FROM exposures "
                    "WHERE rowid > ? ORDER BY rowid LIMIT ?",
                    (last, _AT_ONCE),
                ).fetchall()
                gone = [row for row in part if row[2] < old and row[1] not in keep]
                if not dry_run:
                    log.executemany(
                        "DELETE FROM exposures WHERE rowid = ?", [(row[0],) for row in gone]
                    )
            rows, octets = rows + len(gone), octets + sum(row[3] for row in gone)
            if all(row[2] >= old for row in part):
                return rows, octets
            last = part[-1][0]

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_room(self, largest: int) -> None:
        now = time.monotonic()
        if now >= self._measure_at:
            with self._database.reading() as log:
                self._full = pages_in_use(log) >= largest
            self._measure_at = now + _MEASURED_S
        if self._full:
            raise sqlite3.OperationalError(
                f"{self.path} has reached its bound of {largest / 2**30:g} GiB: run "
                "`python -m serving prune`, or raise REGULARS_EXPOSURES_GIB"
            )


def read(path: Path, experiment: str | None = None) -> pd.DataFrame:
    """Return the exposures (of one experiment, or all) in the order of writing.

    Columns as the fields of Exposure; `exposed_timestamp` in UTC, lists as lists. Empty where there
    never was a log. Raises sqlite3.Error if it is gone, cannot be read, or a row is not what was
    written.
    """
    where, values = ("", ()) if experiment is None else (" WHERE experiment = ?", (experiment,))
    query = f"SELECT rowid, {', '.join(STORED)} FROM exposures{where} ORDER BY rowid"
    rows: list[_Row] = []
    if check_there(path):
        database = Database(path, SCHEMA, upgrades=UPGRADES)
        with closing(database), database.reading() as connection:
            rows = [_intact(row, path=path) for row in connection.execute(query, values)]
    frame = pd.DataFrame(rows, columns=pd.Index(COLUMNS))
    for name in ("product_ids", "propensities"):
        frame[name] = [json.loads(text) for text in frame[name]]
    stamps = frame["exposed_timestamp"].astype("int64").astype("datetime64[us]")
    frame["exposed_timestamp"] = stamps.dt.tz_localize("UTC")
    return frame


def _intact(stored: Sequence[Any], *, path: Path) -> _Row:
    """Return the values of a row. Raises sqlite3.DatabaseError if they are not as written."""
    rowid, *row = stored
    if not is_intact(row):
        raise sqlite3.DatabaseError(
            f"{path}: row {rowid} of exposures is damaged: restore a copy, or delete the row"
        )
    return tuple(row[:-1])


def is_intact(row: Sequence[Any]) -> bool:
    """Return whether a row's values (STORED) are as they were written."""
    *values, checksum = row
    return checksum is None or checksum == row_checksum(values)
