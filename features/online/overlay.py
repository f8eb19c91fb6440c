"""The overlay: a customer's stored row as of now, its fresh events added, without a new snapshot.

It follows the definitions of `features.transforms`; a test holds the two against each other.
"""

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from features.customer_row import Row
from features.logs.events import Event, Item
from features.schema import ACTIVITY_COUNTS, HISTORY_LENGTH, RETURN_DAYS
from features.times import microseconds

_DAY: Final = pd.Timedelta(days=1)
_FOREVER: Final = 10**6
# Feature -> the days before now in which its events lie: [at - first, at - last].
_ORDERS: Final = {
    "orders_30d": (30, 0),
    "orders_90d": (90, 0),
    "orders_365d": (365, 0),
    "orders_total": (_FOREVER, 0),
    "orders_90d_last_year": (365, 275),
}
_SPEND: Final = {"spend_30d": 30, "spend_90d": 90, "spend_365d": 365, "spend_total": _FOREVER}


def overlay(row: Row, events: Sequence[Event], *, at: pd.Timestamp) -> dict[str, Any]:
    """Return the customer's `row` (as stored; `{}` for a new customer) as it is at `at`.

    `events` are those that the row's snapshot lacks (`EventLog.since`). The result equals what a
    snapshot at `at` would hold as long as no stored purchase left a window since the row's
    snapshot; `products_365d` takes a product for new when it stands nowhere in the stored history
    of at most HISTORY_LENGTH purchases of the last 365 days. A snapshot holds the returns of those
    alone who bought, and of purchases of one product at one moment tells apart the orders.
    """
    new = dict(row)
    for name in ACTIVITY_COUNTS:
        new[name] = float(_number(row.get(name)))
    history, returned = _history(row), _returned(row)
    year_ago = microseconds(at - 365 * _DAY)
    recent = {product for time, product, _ in history if time >= year_ago}
    for event in events:
        age = (at - event.event_timestamp) / _DAY
        priced = [item for item in event.items if item.quantity * item.unit_price > 0]
        if event.type == "order_refunded":
            new["returns_365d"] += len(priced) if age <= 365 else 0
            time = microseconds(event.event_timestamp)
            for item in priced:
                returned[item.product_id] = max(time, returned.get(item.product_id, time))
        elif event.type == "order_completed" and priced:
            _count_order(new, event, age)
            time = microseconds(event.event_timestamp)
            bought = {item.product_id: _value(item) for item in priced}
            history.extend((time, product, value) for product, value in bought.items())
            if age <= 365:
                new["units_365d"] += sum(item.quantity for item in priced)
                new["products_365d"] += len(bought.keys() - recent)
                recent |= bought.keys()
    history = sorted(history, key=lambda entry: (-entry[0], entry[1]))[:HISTORY_LENGTH]
    new["recent_timestamps"] = [time for time, _, _ in history]
    new["recent_products"] = [product for _, product, _ in history]
    new["recent_values"] = [value for _, _, value in history]
    oldest = microseconds(at - RETURN_DAYS * _DAY)
    returns = sorted((-time, product) for product, time in returned.items() if time >= oldest)
    new["returned_timestamps"] = [-time for time, _ in returns]
    new["returned_products"] = [product for _, product in returns]
    return new


def _count_order(new: dict[str, Any], event: Event, age: float) -> None:
    for name, (first, last) in _ORDERS.items():
        new[name] += last < age <= first if last else age <= first
    value = sum(i.quantity * i.unit_price for i in event.items)
    for name, days in _SPEND.items():
        new[name] += value if age <= days else 0
    time = microseconds(event.event_timestamp)
    for name, choose in (("first_order_timestamp", min), ("last_order_timestamp", max)):
        stored = new.get(name)
        new[name] = time if stored is None else choose(time, stored)


def _history(row: Row) -> list[tuple[int, str, float]]:
    """Return the purchases of `row`: time (microseconds since 1970), product, value."""
    if row.get("recent_products") is None:
        return []
    stored = zip(
        row["recent_timestamps"], row["recent_products"], row["recent_values"], strict=True
    )
    return [(int(time), str(product), float(value)) for time, product, value in stored]


def _returned(row: Row) -> dict[str, int]:
    """Return when each product of `row` was returned last (microseconds since 1970)."""
    if row.get("returned_products") is None:
        return {}
    return dict(zip(row["returned_products"], row["returned_timestamps"], strict=True))


def _value(item: Item) -> float:
    return round(item.quantity * item.unit_price, 6)  # as the snapshots' decimals


def _number(value: Any) -> float:
    return 0.0 if value is None else float(value)
