"""The log of a shop's product changes between snapshots.

A row sets one field of one product, recorded at R (`features.logs.stamps`). The rows are in order
of their `sequence`, which grows from call to call. A price, availability or stock is valid until
the next change. Titles and categories are versions: a snapshot at S that was built from the changes
up to the sequence Q holds those recorded before S (`absorb_products`); the others are read from
this log and override it.
"""

import json
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas as pd

from configs.checksums import row_checksum
from configs.database import Database
from features.logs.event_rows import damaged
from features.logs.stamps import next_stamp
from features.schema import TIME
from features.times import microseconds

TEXTS: Final = ("title", "category")
FIELDS: Final = (*TEXTS, "unit_price", "available", "store_stock")
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS changes (
  product_id TEXT NOT NULL, field TEXT NOT NULL, recorded_us INTEGER NOT NULL, value ANY NOT NULL,
  PRIMARY KEY (product_id, field, recorded_us)) STRICT, WITHOUT ROWID;
"""
UPGRADES: Final = (
    """
ALTER TABLE changes ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE changes ADD COLUMN checksum INTEGER;
UPDATE changes SET sequence = recorded_us;
CREATE INDEX changes_in_order ON changes (sequence);
DROP INDEX IF EXISTS changes_by_time;
CREATE TABLE restamped (
  product_id TEXT NOT NULL, field TEXT NOT NULL, sequence INTEGER NOT NULL,
  was_recorded_us INTEGER NOT NULL, recorded_us INTEGER NOT NULL) STRICT;
""",
)
"""A checksum is null in rows of older code; `restamped` keeps the stamps that a repair changed."""
COLUMNS: Final = ("product_id", "field", "value", "recorded_us", "sequence", "checksum")
_SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM changes"
_INSERT: Final = (
    f"INSERT OR REPLACE INTO changes ({', '.join(COLUMNS)}) "
    f"VALUES ({', '.join('?' * len(COLUMNS))})"
)


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
    """A title or category, when it was recorded (Unix microseconds), and its place in the log."""

    value: str
    recorded_us: int
    sequence: int


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
    stores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The stores with more than 0 units, of each product in `stock`."""

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
            stores={**self.stores, **newer.stores},
        )


class ProductChanges:
    """The log in SQLite (WAL), for several processes; writes are durable on return.

    Calls may come from any thread. Every row that is read is compared with its checksum:
    sqlite3.DatabaseError names a damaged one. `carried`: a copy that is never written, on any disk.
    """

    def __init__(self, path: Path, *, carried: bool = False) -> None:
        self._path = path
        self._writer = Database(path, SCHEMA, upgrades=UPGRADES, immutable=carried)
        self._reader = Database(path, SCHEMA, upgrades=UPGRADES, immutable=carried)

    def close(self) -> None:
        """Close both connections."""
        self._writer.close()
        self._reader.close()

    def check(self) -> None:
        """Read every page of the file. Raises sqlite3.DatabaseError if it is damaged."""
        self._reader.check()

    def record(
        self, changes: Sequence[ProductChange], *, clock: Callable[[], pd.Timestamp]
    ) -> None:
        """Write `changes` (the last of a field wins) and sync them to disk before returning.

        All are recorded at `clock()` (UTC), read while no other process writes, or a microsecond
        after the last change. If the clock was set back, a product's changes are still recorded
        after its earlier ones: what was said last is its newest version. Raises sqlite3.Error when
        the log cannot be written.
        """
        with self._writer.writing() as log:
            now_us = microseconds(clock())
            last = log.execute(
                "SELECT sequence, recorded_us FROM changes ORDER BY sequence DESC LIMIT 1"
            ).fetchone()
            last_sequence, last_us = last or (-1, None)
            sequence = max(now_us, last_sequence + 1)
            stamp = next_stamp(now_us, last_us, step_us=1)
            latest = {(c.product_id, name): c for c in changes for name in _given(c)}
            for product_id in dict.fromkeys(change.product_id for change in changes):
                recorded_us = max(stamp, _last_of(log, product_id) + 1)
                for name in FIELDS:
                    if (product_id, name) in latest:
                        value = _stored(getattr(latest[product_id, name], name))
                        write(log, (product_id, name, value, recorded_us, sequence))

    def sequence(self) -> int:
        """Return the sequence of the newest change, by one index lookup; -1 without changes."""
        with self._reader.reading() as log:
            (last,) = log.execute("SELECT MAX(sequence) FROM changes").fetchone()
        return -1 if last is None else int(last)

    def since(self, sequence: int = -1) -> ProductState:
        """Return the changes after `sequence`; by default all current values."""
        query = f"{_SELECT} WHERE sequence > ? ORDER BY sequence"
        with self._reader.reading() as log:
            rows = list(self._intact(log.execute(query, (sequence,))))
        latest: dict[str, dict[str, tuple[Any, int, int]]] = {name: {} for name in FIELDS}
        for product_id, name, *row in rows:
            latest[name][product_id] = (row[0], row[1], row[2])
        stocks = {
            product_id: json.loads(value)
            for product_id, (value, *_) in latest["store_stock"].items()
        }
        return ProductState(
            sequence=rows[-1][4] if rows else -1,
            titles={product_id: Text(*row) for product_id, row in latest["title"].items()},
            categories={product_id: Text(*row) for product_id, row in latest["category"].items()},
            prices={
                product_id: float(value) for product_id, (value, *_) in latest["unit_price"].items()
            },
            available={
                product_id: bool(value) for product_id, (value, *_) in latest["available"].items()
            },
            stock={product_id: float(sum(units.values())) for product_id, units in stocks.items()},
            stores={product_id: _stocked(units) for product_id, units in stocks.items()},
        )

    def versions(self, until: pd.Timestamp) -> pd.DataFrame:
        """Return a row for each product and time of a change, up to `until` (UTC).

        Columns product_id, valid_from, title, category, null if they did not change. Waits for the
        current writers.
        """
        query = f"{_SELECT} WHERE recorded_us <= ? ORDER BY product_id, recorded_us"
        found: dict[tuple[str, int], dict[str, Any]] = {}
        with self._writer.writing() as log:
            rows = log.execute(query, (microseconds(until),))
            for product_id, name, value, recorded_us, *_ in self._intact(rows):
                found.setdefault((product_id, recorded_us), {})[name] = value
        frame = pd.DataFrame(
            [(*key, *map(said.get, TEXTS)) for key, said in found.items()],
            columns=["product_id", "valid_from", *TEXTS],
        )
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

    def _intact(self, rows: sqlite3.Cursor) -> Iterator[tuple[Any, ...]]:
        """Yield `rows` (COLUMNS). Raises sqlite3.DatabaseError for a damaged one."""
        for row in rows:
            if not is_intact(row):
                raise damaged(self._path, "changes", row[:2])
            yield row


def is_intact(row: Sequence[Any]) -> bool:
    """Return whether the checksum of a row (COLUMNS) fits; true where older code wrote none."""
    return row[-1] is None or row[-1] == row_checksum(row[:-1])


def write(log: sqlite3.Connection, row: Sequence[Any]) -> None:
    """Write a row (COLUMNS without the checksum), alone in its field unless it is a text."""
    if row[1] not in TEXTS:
        log.execute("DELETE FROM changes WHERE product_id = ? AND field = ?", row[:2])
    log.execute(_INSERT, (*row, row_checksum(row)))


def _given(change: ProductChange) -> list[str]:
    return [name for name in FIELDS if getattr(change, name) is not None]


def _last_of(log: sqlite3.Connection, product_id: str) -> int:
    """Return when the product's last change was recorded; -1 if there is none."""
    query = "SELECT MAX(recorded_us) FROM changes WHERE product_id = ?"
    (last,) = log.execute(query, (product_id,)).fetchone()
    return -1 if last is None else int(last)


def _stocked(units: Mapping[str, float]) -> tuple[str, ...]:
    """Return the stores with more than 0 units; equal ids share one object."""
    return tuple(sys.intern(store_id) for store_id, count in units.items() if count > 0)


def _stored(value: object) -> object:
    """Return `value` as SQLite returns it."""
    if isinstance(value, Mapping):
        return json.dumps(value)
    return int(value) if isinstance(value, bool) else value
