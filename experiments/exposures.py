"""The exposure log: which products each customer was shown, on disk before the response is sent."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Self

import msgspec
import pandas as pd

from configs.database import Database
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
_CREATE: Final = """
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
_INSERT: Final = f"INSERT INTO exposures VALUES ({', '.join('?' * len(COLUMNS))})"
_PRODUCTS, _PROPENSITIES, _TIME = (
    COLUMNS.index(name) for name in ("product_ids", "propensities", "exposed_timestamp")
)
_Row = tuple[object, ...]


def _row(exposure: Exposure) -> _Row:
    values = [getattr(exposure, name) for name in COLUMNS]
    values[_PRODUCTS] = msgspec.json.encode(exposure.product_ids).decode()
    values[_PROPENSITIES] = msgspec.json.encode(exposure.propensities).decode()
    values[_TIME] = microseconds(exposure.exposed_timestamp)
    return tuple(values)


class ExposureLog:
    """Append-only log in SQLite (WAL), safe with many threads and processes."""

    def __init__(self, path: Path, *, busy_timeout_s: float = 1.0) -> None:
        self.path = path
        self._database = Database(path, _CREATE, timeout_s=busy_timeout_s)

    def append(self, exposures: Sequence[Exposure]) -> None:
        """Write all `exposures` or none; after the return they survive a power loss.

        Raises sqlite3.Error; the next append tries again.
        """
        rows = [_row(exposure) for exposure in exposures]
        with self._database.writing() as log:
            log.executemany(_INSERT, rows)

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(path: Path, experiment: str | None = None) -> pd.DataFrame:
    """Return the exposures (of one experiment, or all) in the order of writing.

    Columns as the fields of Exposure; `exposed_timestamp` in UTC, lists as lists. Empty where the
    log does not exist.
    """
    where, values = ("", ()) if experiment is None else (" WHERE experiment = ?", (experiment,))
    query = f"SELECT {', '.join(COLUMNS)} FROM exposures{where} ORDER BY rowid"
    rows: list[_Row] = []
    if path.exists():
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute(query, values).fetchall()
    frame = pd.DataFrame(rows, columns=pd.Index(COLUMNS))
    for name in ("product_ids", "propensities"):
        frame[name] = [json.loads(text) for text in frame[name]]
    stamps = frame["exposed_timestamp"].astype("int64").astype("datetime64[us]")
    frame["exposed_timestamp"] = stamps.dt.tz_localize("UTC")
    return frame
