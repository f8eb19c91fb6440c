"""A customer's stored row as of now: fresh events are added to it, without a new snapshot.

The definition of each feature determines what an event adds (`features.customer_features`); a test
compares every feature with a new snapshot.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from features.aggregations import FreshRow
from features.customer_features import CUSTOMER_FEATURES
from features.customer_history import Purchase, purchases, updated_history
from features.customer_row import Row
from features.logs.events import Event
from features.times import microseconds


def with_fresh_events(row: Row, events: Sequence[Event], *, at: pd.Timestamp) -> dict[str, Any]:
    """Return the customer's `row` (as stored; `{}` for a new customer) as it is at `at`.

    `events` are those missing from the row's snapshot (`EventLog.since`). The result equals what a
    snapshot at `at` would hold as long as no stored purchase left a window since the row's
    snapshot; a count of products counts a product as new if it is not in the window's part of the
    stored history, which holds at most HISTORY_LENGTH purchases.
    """
    now = microseconds(at)
    orders: list[FreshRow] = []
    returns: list[tuple[int, str]] = []
    fresh: list[Purchase] = []
    for event in events:
        lines = [item for item in event.items if item.quantity * item.unit_price > 0]
        if not lines:
            continue
        time = microseconds(event.event_timestamp)
        if event.type == "order_refunded":
            returns += [(time, line.product_id) for line in lines]
        elif event.type == "order_completed":
            value = sum(line.quantity * line.unit_price for line in lines)
            units = sum(line.quantity for line in lines)
            orders.append(FreshRow(happened=time, value=value, units=units))
            last = {line.product_id: line.quantity * line.unit_price for line in lines}
            fresh += [  # rounded as the snapshots' decimals are
                (time, product, round(value, 6)) for product, value in last.items()
            ]
    stored = purchases(row)
    rows = {
        "orders": orders,
        "products": _products(stored, fresh),
        "returns": [FreshRow(happened=time) for time, _ in returns],
    }
    new = dict(row)
    for feature in CUSTOMER_FEATURES:
        name = feature.name
        new[name] = feature.updated(row.get(name), rows[feature.measure.rows], now=now)
    new.update(updated_history(row, stored, fresh, returns, now=now))
    return new


def _products(stored: Sequence[Purchase], fresh: Sequence[Purchase]) -> list[FreshRow]:
    """Return a row for each product of `fresh`: its latest purchase, replacing the stored one."""
    latest: dict[str, int] = {}
    for time, product, _ in fresh:
        latest[product] = max(time, latest.get(product, time))
    if not latest:
        return []
    before = {product: time for time, product, _ in reversed(stored)}
    return [
        FreshRow(happened=max(time, before.get(product, time)), replaces=before.get(product))
        for product, time in latest.items()
    ]
