"""The log of a shop's product changes between snapshots.

A row sets one field of one product, recorded at R. A price, availability or stock is valid until
the next change. Titles and categories are versions: a snapshot holds those recorded before it
(`absorb_products`); those recorded at or after it are read from this log and override it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas as pd

from configs.database import Database
from features.schema import TIME
from features.times import microseconds

TEXTS: Final = ("title", "category")
FIELDS: Final = (*TEXTS, "unit_price", "available", "store_stock")
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS changes (
  product_id TEXT NOT NULL, field TEXT NOT NULL, recorded_us INTEGER NOT NULL, value ANY NOT NULL,
  PRIMARY KEY (product_id, field, recorded_us)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS changes_by_time ON changes (recorded_us);
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductChange:
    """A change of a product; a field that is None does not change."""

    product_id: str
    title: str | None = None
    category: str | None = None
    unit_price: float | None = None
    available: bool | None = None
    store_stock: Mapping[str, float] | None = None
    """Units by store, for all stores: it replaces the previous stock."""


class Text(NamedTuple):
    """A title or category, and when it was recorded (Unix microseconds)."""

    value: str
    recorded_us: int


@dataclass(frozen=True, kw_only=True)
class ProductState:
    """The last value of each field, by product_id."""

    sequence: int = -1
    """Of the newest row; -1 without rows."""
    titles: Mapping[str, Text] = field(default_factory=dict)
    categories: Mapping[str, Text] = field(default_factory=dict)
    prices: Mapping[str, float] = field(default_factory=dict)
    available: Mapping[str, bool] = field(default_factory=dict)
    stock: Mapping[str, float] = field(default_factory=dict)
    """Units in all stores together."""

    def __bool__(self) -> bool:
        return self.sequence >= 0

    @property
    def product_ids(self) -> set[str]:
        """Every product with at least one change."""
        parts = (self.titles, self.categories, self.prices, self.available, self.stock)
        return {product_id for part in parts for product_id in part}

    def then(self, newer: "ProductState") -> "ProductState":
        """Return the state after the changes of `newer`."""
        return ProductState(
            sequence=max(self.sequence, newer.sequence),
            titles={**self.titles, **newer.titles},
            categories={**self.categories, **newer.categories},
            prices={**self.prices, **newer.prices},
            available={**self.available, **newer.available},
            stock={**self.stock, **newer.stock},
        )


class ProductChanges:
    """The log in SQLite (WAL), for several processes; writes are durable on return.

    Calls may come from any thread. `carried`: a copy that is never written, on any disk.
    """

    def __init__(self, path: Path, *, carried: bool = False) -> None:
        self._writer = Database(path, _SCHEMA, immutable=carried)
        self._reader = Database(path, _SCHEMA, immutable=carried)

    def close(self) -> None:
        """Close both connections."""
        self._writer.close()
        self._reader.close()

    def record(
        self, changes: Sequence[ProductChange], *, clock: Callable[[], pd.Timestamp]
    ) -> None:
        """Write `changes` (the last of a field wins) and sync them to disk before returning.

        All are recorded at `clock()` (UTC), read while no other process writes. If the clock has
        not moved on, they are recorded a microsecond after the last change: no two calls share a
        time. Raises sqlite3.Error when the log cannot be written.
        """
        with self._writer.writing() as log:
            (last,) = log.execute("SELECT MAX(recorded_us) FROM changes").fetchone()
            recorded = microseconds(clock())
            recorded = recorded if last is None else max(recorded, last + 1)
            for name in FIELDS:
                entries = [(c.product_id, name, _stored(getattr(c, name))) for c in changes]
                rows = [row for row in entries if row[2] is not None]
                if name not in TEXTS:
                    log.executemany(
                        "DELETE FROM changes WHERE product_id = ? AND field = ?",
                        [row[:2] for row in rows],
                    )
                log.executemany(
                    "INSERT OR REPLACE INTO changes (product_id, field, value, recorded_us) "
                    "VALUES (?, ?, ?, ?)",
                    [(*row, recorded) for row in rows],
                )

    def sequence(self) -> int:
        """Return the sequence of the newest change, by one index lookup; -1 without changes."""
        with self._reader.reading() as log:
            (last,) = log.execute("SELECT MAX(recorded_us) FROM changes").fetchone()
        return -1 if last is None else int(last)

    def since(self, sequence: int = -1) -> ProductState:
        """Return the changes after `sequence`; by default all current values."""
        query = (
            "SELECT field, product_id, value, recorded_us FROM changes "
            "WHERE recorded_us > ? ORDER BY recorded_us"
        )
        with self._reader.reading() as log:
            rows = log.execute(query, (sequence,)).fetchall()
        latest: dict[str, dict[str, tuple[Any, int]]] = {name: {} for name in FIELDS}
        for name, product_id, value, recorded in rows:
            latest[name][product_id] = (value, recorded)
        return ProductState(
            sequence=rows[-1][3] if rows else -1,
            titles={product_id: Text(*row) for product_id, row in latest["title"].items()},
            categories={product_id: Text(*row) for product_id, row in latest["category"].items()},
            prices={
                product_id: float(value) for product_id, (value, _) in latest["unit_price"].items()
            },
            available={
                product_id: bool(value) for product_id, (value, _) in latest["available"].items()
            },
            stock={
                product_id: float(sum(json.loads(value).values()))
                for product_id, (value, _) in latest["store_stock"].items()
            },
        )

    def versions(self, until: pd.Timestamp) -> pd.DataFrame:
        """Return a row for each product and time of a change, up to `until` (UTC).

        Columns product_id, valid_from, title, category, null if they did not change. Waits for the
        current writers.
        """
        query = (
            "SELECT product_id, recorded_us, MAX(value) FILTER (WHERE field = 'title'), "
            "MAX(value) FILTER (WHERE field = 'category') FROM changes WHERE recorded_us <= ? "
            "GROUP BY product_id, recorded_us"
        )
        with self._writer.writing() as log:
            rows = log.execute(query, (microseconds(until),)).fetchall()
        frame = pd.DataFrame(rows, columns=["product_id", "valid_from", *TEXTS])
        times = pd.to_datetime(frame["valid_from"].astype("int64"), unit="us", utc=True)
        return frame.assign(valid_from=times.astype(TIME))

    def forget(self, until: pd.Timestamp) -> None:
        """Remove the titles and categories that were replaced up to `until` (UTC)."""
        with self._writer.writing() as log:
            log.execute(
                "DELETE FROM changes AS old WHERE field IN ('title', 'category') "
                "AND recorded_us < (SELECT MAX(recorded_us) FROM changes "
                "WHERE product_id = old.product_id AND field = old.field AND recorded_us <= ?)",
                (microseconds(until),),
            )

    def copy(self, path: Path) -> None:
        """Write the whole log to the new file `path`, to be opened as `carried`."""
        with self._reader.reading() as log:
            log.execute("VACUUM INTO ?", (str(path),))


def _stored(value: object) -> object:
    return json.dumps(value) if isinstance(value, Mapping) else value
