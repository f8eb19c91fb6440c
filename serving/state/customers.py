"""Customers as the models read them: the stored row plus later events."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pandas as pd

from features.customer_features import RETURN_LISTS
from features.customer_row import Row
from features.logs.events import Event, EventLog, LogCut
from features.online.fresh_events import with_fresh_events
from features.online.store import OnlineStore
from features.times import STALE_AFTER, microseconds, timestamp
from serving.schemas.base import FallbackReason

_STALE_US: Final = STALE_AFTER // timedelta(microseconds=1)
"""Age in microseconds from which a stored row is stale: snapshots are weekly."""
SESSION_US: Final = 30 * 60_000_000
"""Products viewed within this many microseconds belong to the current visit."""


class StoreUnavailable(RuntimeError):
    """The online store, or the log of new events, cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Customer:
    """One customer as of now."""

    row: Row
    stored_us: int | None
    """Time of the stored row, in microseconds since 1970; None if the customer has none."""
    complete: bool
    """False if the event log could not be read: new events are missing."""
    looked_at: tuple[str, ...] = ()
    """Products viewed, clicked or added within the last SESSION_US, newest last."""

    @property
    def bought(self) -> bool:
        """Whether any purchase is known."""
        products = self.row.get("recent_products")
        return products is not None and len(products) > 0

    def returned(self, *, since_us: int) -> tuple[str, ...]:
        """Return the products that were returned after `since_us`, among those in the row."""
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
    since: LogCut,
) -> Customer | None:
    """Return the customer at `at`, from a stored row and one read of the log; None if unknown.

    `since` is what the current cut holds of the log: a customer without a stored row is computed
    from the later events. Features that are newer than `at` (the clock was set back) are read as of
    their own time. Raises StoreUnavailable.
    """
    if store is None or log is None:
        raise StoreUnavailable("there are no stores")
    try:
        row = store.online_customer(customer_id)
    except Exception as error:  # Feast's stores raise any type; the request must be answered
        raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
    stored = row["snapshot_timestamp"] if row else None
    if row is not None:
        since = LogCut(row["snapshot_timestamp"], row["log_sequence"])
    try:
        events = log.since(customer_id, since)
    except sqlite3.Error as error:
        if row is None:
            raise StoreUnavailable(f"fresh events: {error}") from error
        return Customer(row=row, stored_us=stored, complete=False)
    if row is None and not events:
        return None
    orders = [event for event in events if event.product_id is None]
    if orders:
        row = with_fresh_events(row or {}, orders, at=max(at, timestamp(since.before_us)))
    return Customer(
        row=row or {},
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
    """Return the seconds since the oldest of the times `stored_us`; None if all are None."""
    times = [time for time in stored_us if time is not None]
    return max(0.0, (microseconds(now) - min(times)) / 1e6) if times else None


def staleness(customer: Customer, now: pd.Timestamp) -> FallbackReason | None:
    """Return why an answer from this customer's features is degraded; None if it is not."""
    if not customer.complete:
        return "store_unavailable"
    stored = customer.stored_us
    stale = stored is not None and microseconds(now) - stored > _STALE_US
    return "stale_features" if stale else None
