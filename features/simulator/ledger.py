"""The simulated shop's tables: canonical order lines with fees, refunds and delays."""

from typing import Any, Final

import numpy as np
import pandas as pd

from features.schema import ORDER_LINES, TEXT, TIME
from features.simulator.calendar import DAY, microseconds
from features.simulator.catalogue import Catalogue, Floats, Integers
from features.simulator.customers import Customers
from features.simulator.orders import Purchases
from features.simulator.words import CATEGORIES

_STORES: Final = np.array(["S1", "S2", "S3"], object)
_NONE: Final = np.array(None, object)
_SHIPPING, _FREE_FROM = 3.95, 40.0


def canonical(frame: pd.DataFrame, start: pd.Timestamp) -> pd.DataFrame:
    """Return `frame` as canonical order lines, in its order; its times are relative to `start`."""
    columns: dict[str, Any] = {}
    for name, column in ORDER_LINES.columns.items():
        values = frame[name] if name in frame else pd.Series(None, frame.index, dtype=object)
        if name.endswith("_timestamp"):
            values = start + pd.to_timedelta(values, unit="us")
        dtype: Any = str(column.dtype)
        columns[name] = values.astype(dtype)
    return pd.DataFrame(columns).reset_index(drop=True)


def customer_rows(people: Customers, start: pd.Timestamp) -> pd.DataFrame:
    """Return the canonical customers, each valid from the time of joining."""
    return pd.DataFrame(
        {
            "customer_id": pd.Series(people.customer_ids, dtype=TEXT),
            "valid_from": times(people.joined, start),
            "country": pd.Series(people.country, dtype=TEXT),
        }
    )


def product_rows(shop: Catalogue, start: pd.Timestamp) -> pd.DataFrame:
    """Return the canonical products, each valid from its launch."""
    names = np.array([category.name for category in CATEGORIES], object)
    return pd.DataFrame(
        {
            "product_id": pd.Series(shop.product_ids, dtype=TEXT),
            "valid_from": times(shop.launch, start),
            "parent_product_id": pd.Series(None, range(len(shop.titles)), dtype=TEXT),
            "title": pd.Series(shop.titles, dtype=TEXT),
            "category": pd.Series(names[shop.category], dtype=TEXT),
        }
    )


def times(day: Floats, start: pd.Timestamp) -> pd.Series:
    """Return shop days since `start` as canonical times."""
    return (start + pd.to_timedelta(pd.Series(microseconds(day)), unit="us")).astype(TIME)


def draw_order_lines(
    shop: Catalogue,
    people: Customers,
    purchases: Purchases,
    *,
    guests: float,
    late: float,
    seed: int,
) -> pd.DataFrame:
    """Return the columns of order lines, with times in microseconds since the world's start.

    They are sales, shipping fees of small web orders, and refunds, which are separate orders some
    days later. A share `guests` of the orders has no customer; a share `late` is recorded 1 to 10
    days late.
    """
    rng = np.random.default_rng([seed, 5])
    begins = np.diff(purchases.order, prepend=-1) > 0
    nth = np.cumsum(begins) - 1  # number of each line's order
    first = np.flatnonzero(begins)
    orders = _orders(
        people, purchases.customer[first], purchases.day[first], guests=guests, late=late, rng=rng
    )
    week = (purchases.day // 7).astype(np.int64)
    consumed = shop.interval[purchases.product] < 60
    sales = pd.DataFrame(
        {
            "nth": nth,
            "line_number": np.arange(len(nth)) - first[nth] + 1,
            "product_id": shop.product_ids[purchases.product],
            "line_type": "sale",
            "quantity": 1.0 + rng.poisson(np.where(consumed, 0.5, 0.1)),
            "unit_price": shop.prices(purchases.product, week),
        }
    )
    total = np.bincount(nth, sales["quantity"] * sales["unit_price"], len(orders))
    small = np.flatnonzero((orders["channel"] == "web") & (total < _FREE_FROM))
    fees = pd.DataFrame(
        {
            "nth": small,
            "line_number": np.bincount(nth, minlength=len(orders))[small] + 1,
            "line_type": "fee",
            "quantity": 1.0,
            "unit_price": _SHIPPING,
        }
    )
    returned = sales[rng.random(len(sales)) < shop.returns[purchases.product]]
    refunded = returned.assign(line_type="return", quantity=-returned["quantity"])
    refunds = _refunds(orders, late, rng=rng)
    parts = [(orders, sales), (orders, fees), (refunds, refunded)]
    lines = pd.concat(
        [
            part.drop(columns="nth").join(headers.iloc[part["nth"]].set_axis(part.index))
            for headers, part in parts
        ],
        ignore_index=True,
    )
    return lines.sort_values(["event_timestamp", "order_id", "line_number"], ignore_index=True)


def _orders(
    people: Customers,
    buyer: Integers,
    day: Floats,
    *,
    guests: float,
    late: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    count = len(buyer)
    web = rng.random(count) < people.web[buyer]
    guest = rng.random(count) < guests
    event = microseconds(day)
    return pd.DataFrame(
        {
            "order_id": [f"S{n:08d}" for n in range(count)],
            "customer_id": np.where(guest, _NONE, people.customer_ids[buyer]),
            "channel": np.where(web, "web", "store"),
            "store_id": np.where(web, _NONE, _STORES[rng.integers(len(_STORES), size=count)]),
            "event_timestamp": event,
            "recorded_timestamp": event + _delay(count, late, rng=rng),
        }
    )


def _refunds(orders: pd.DataFrame, late: float, *, rng: np.random.Generator) -> pd.DataFrame:
    """Return the refund of each order: 3 to 28 days later, not recorded before the sale."""
    count = len(orders)
    event = orders["event_timestamp"] + (rng.uniform(3, 28, count) * DAY).astype(np.int64)
    return orders.assign(
        order_id="R" + orders["order_id"].str[1:],
        event_timestamp=event,
        recorded_timestamp=np.maximum(
            event + _delay(count, late, rng=rng), orders["recorded_timestamp"]
        ),
    )


def _delay(count: int, late: float, *, rng: np.random.Generator) -> Integers:
    """Return microseconds from event to recording: 0, or 1 to 10 days for a share `late`."""
    days = np.where(rng.random(count) < late, rng.uniform(1, 10, count), 0)
    return (days * DAY).astype(np.int64)
