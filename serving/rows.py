"""Customers as the models read them: the stored row, and what happened since."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd

from features.events import EventLog, microseconds
from features.overlay import overlay
from features.schema import ACTIVITY_COUNTS, ACTIVITY_TIMES, HISTORY_LISTS, RETURN_LISTS, TIME
from serving.schemas.base import FallbackReason

Row = Mapping[str, Any]
STALE: Final = pd.Timedelta(days=8)
"""Snapshots are weekly: a stored row older than this has missed one."""


class OnlineStore(Protocol):
    """Where stored rows come from (`features.store.FeatureClient`)."""

    def online_customer(self, customer_id: str) -> dict[str, Any] | None:
        """Return all customer features and `event_timestamp`; None for an unknown customer."""
        ...


class StoreUnavailable(RuntimeError):
    """The online store cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Customer:
    """One customer as of now."""

    row: Row
    stored: pd.Timestamp | None
    """Time of the stored row; None when all that is known came in since."""
    complete: bool
    """False when the event log could not be read: fresh events are missing."""

    @property
    def bought(self) -> bool:
        """Whether any purchase is known."""
        products = self.row.get("recent_products")
        return products is not None and len(products) > 0

    def returned(self, *, since: pd.Timestamp) -> tuple[str, ...]:
        """Return the products that were returned after `since`, as far as the row goes back."""
        products, times = (self.row.get(name) for name in RETURN_LISTS)
        if products is None or times is None:
            return ()
        first = microseconds(since)
        return tuple(name for name, at in zip(products, times, strict=True) if at > first)


def read_customer(
    store: OnlineStore | None,
    log: EventLog | None,
    customer_id: str,
    *,
    at: pd.Timestamp,
    since: pd.Timestamp,
) -> Customer | None:
    """Return the customer as it is at `at`: a stored row and one read of the log; None if unknown.

    `since` is the time of the snapshot that serving stands on: a customer without a stored row is
    made of the events recorded from then on. Raises StoreUnavailable.
    """
    if store is None:
        raise StoreUnavailable("there is no online store")
    try:
        row = store.online_customer(customer_id)
    except Exception as error:  # Feast's stores raise what they like; the answer must go out
        raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
    stored = pd.Timestamp(row["event_timestamp"]).as_unit("us") if row else None
    try:
        events = log.since(customer_id, stored or since) if log else []
    except sqlite3.Error:
        return Customer(row=row, stored=stored, complete=False) if row else None
    if row is None and not events:
        return None
    fresh = overlay(row or {}, events, at=at) if events else row
    return Customer(row=fresh or {}, stored=stored, complete=log is not None)


def age_s(now: pd.Timestamp, *stored: pd.Timestamp | None) -> float | None:
    """Return the seconds since the oldest of the times `stored`; None without any."""
    times = [time for time in stored if time is not None]
    return max(0.0, (now - min(times)).total_seconds()) if times else None


def staleness(customer: Customer, now: pd.Timestamp) -> FallbackReason | None:
    """Return why an answer from this customer's features is not as good as it should be."""
    if not customer.complete:
        return "store_unavailable"
    return "stale_features" if customer.stored and now - customer.stored > STALE else None


def frame(rows: Sequence[Row], customer_ids: Sequence[str]) -> pd.DataFrame:
    """Return `rows` (B customers) as `features.store` returns training frames."""
    table: dict[str, Any] = {"customer_id": np.array(customer_ids, dtype=object)}
    for name in ACTIVITY_COUNTS:
        table[name] = np.array([row.get(name) for row in rows], dtype=np.float64)
    for name in ACTIVITY_TIMES:
        table[name] = pd.DatetimeIndex([row.get(name) for row in rows], dtype=str(TIME))
    for name in HISTORY_LISTS:
        lists = np.empty(len(rows), dtype=object)
        lists[:] = [row.get(name) for row in rows]
        table[name] = lists
    return pd.DataFrame(table)
