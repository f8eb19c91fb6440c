"""Customers as the models read them: the stored row, and what happened since."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

import pandas as pd

from features.customer_row import Row
from features.logs.events import Event, EventLog
from features.online.overlay import overlay
from features.schema import RETURN_LISTS
from features.times import STALE_AFTER, microseconds
from serving.schemas.base import FallbackReason

_STALE_US: Final = STALE_AFTER // timedelta(microseconds=1)
"""Snapshots are weekly: a stored row that is older, in microseconds, has missed one."""
SESSION_US: Final = 30 * 60_000_000
"""What was looked at within so many microseconds belongs to the visit of now."""


class OnlineStore(Protocol):
    """Where stored rows come from (`features.online.client.FeatureClient`)."""

    def online_customer(self, customer_id: str) -> dict[str, Any] | None:
        """Return the stored row (features.customer_row); None for an unknown customer."""
        ...

    def online_ids(self, count: int) -> list[str]:
        """Return at most `count` of the stored customers, from all over."""
        ...


class StoreUnavailable(RuntimeError):
    """The online store, or the log of fresh events, cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Customer:
    """One customer as of now."""

    row: Row
    stored_us: int | None
    """Time of the stored row, in microseconds since 1970; None when all that is known is newer."""
    complete: bool
    """False when the event log could not be read: fresh events are missing."""
    looked_at: tuple[str, ...] = ()
    """Products viewed, clicked or added within the last SESSION_US, newest last."""

    @property
    def bought(self) -> bool:
        """Whether any purchase is known."""
        products = self.row.get("recent_products")
        return products is not None and len(products) > 0

    def returned(self, *, since_us: int) -> tuple[str, ...]:
        """Return the products that were returned after `since_us`, as far as the row goes back."""
        products, times = (self.row.get(name) for name in RETURN_LISTS)
        if products is None or times is None:
            return ()
        return tuple(name for name, at in zip(products, times, strict=True) if at > since_us)


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
    if store is None or log is None:
        raise StoreUnavailable("there are no stores")
    try:
        row = store.online_customer(customer_id)
    except Exception as error:  # Feast's stores raise what they like; the answer must go out
        raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
    stored = row["snapshot_timestamp"] if row else None
    try:
        events = log.since(customer_id, microseconds(since) if stored is None else stored)
    except sqlite3.Error as error:
        if row is None:
            raise StoreUnavailable(f"fresh events: {error}") from error
        return Customer(row=row, stored_us=stored, complete=False)
    if row is None and not events:
        return None
    orders = [event for event in events if event.product_id is None]
    return Customer(
        row=overlay(row or {}, orders, at=at) if orders else row or {},
        stored_us=stored,
        complete=True,
        looked_at=_looked_at(events, microseconds(at) - SESSION_US) if events else (),
    )


def _looked_at(events: Sequence[Event], since_us: int) -> tuple[str, ...]:
    seen = [
        (microseconds(event.event_timestamp), event.product_id)
        for event in events
        if event.product_id is not None
    ]
    return tuple(product_id for time, product_id in sorted(seen) if time >= since_us)


def age_s(now: pd.Timestamp, *stored_us: int | None) -> float | None:
    """Return the seconds since the oldest of the times `stored_us`; None without any."""
    times = [time for time in stored_us if time is not None]
    return max(0.0, (microseconds(now) - min(times)) / 1e6) if times else None


def staleness(customer: Customer, now: pd.Timestamp) -> FallbackReason | None:
    """Return why an answer from this customer's features is not as good as it should be."""
    if not customer.complete:
        return "store_unavailable"
    stored = customer.stored_us
    stale = stored is not None and microseconds(now) - stored > _STALE_US
    return "stale_features" if stale else None
