"""Doubts about orders: whose they are, and whether an order id names one order."""

from collections.abc import Iterator
from typing import Final

import pandas as pd

from features.checks.doubt import Doubt, Evidence, examples, yaml_list
from features.checks.order_lines import sales

_SHARE: Final = 0.05  # of the orders
_ORDERS: Final = 20  # more than this many
_TIMES: Final = 5  # as many as any other customer
_SMALL_SHOP: Final = 10  # customers; below, one customer may well have most orders
_GUEST_IDS: Final = 3  # as many ids may stand for guests
_MERGED_SHARE: Final = 0.01  # of the orders
_SPAN: Final = pd.Timedelta(hours=6)  # an order that is only closed after midnight is shorter
_ORDER_ID: Final = (
    "if the number restarts, several columns make an order's id: `order_id: [date, till, receipt]`"
)


def order_doubts(evidence: Evidence) -> Iterator[Doubt]:
    """Yield the doubts about orders and their customers."""
    yield from _unlikely_share(evidence)
    yield from _several_customers(evidence)
    yield from _partly_guest(evidence)
    yield from _several_days(evidence)
    yield from _several_stores(evidence)


def unlikely_customers(orders_by_customer: list[int], *, orders: int) -> int:
    """Return how many of the largest customers have an unlikely share of all `orders`.

    `orders_by_customer` is sorted, the largest first. At most three customers are unlikely: each
    has more than 20 orders, at least 5% of all, and at least 5 times those of the next customer.
    With fewer than ten customers none is, except the only one.

    >>> unlikely_customers([100, 5, *[1] * 20], orders=200)
    1
    >>> unlikely_customers([100, 5, 1], orders=106)
    0
    """
    counts = [n for n in orders_by_customer if n > max(_ORDERS, _SHARE * orders)]
    if len(orders_by_customer) == 1:
        return len(counts)
    if len(orders_by_customer) < _SMALL_SHOP:
        return 0
    for most in range(min(len(counts), _GUEST_IDS), 0, -1):
        if orders_by_customer[most - 1] >= _TIMES * orders_by_customer[most]:
            return most
    return 0


def _unlikely_share(evidence: Evidence) -> Iterator[Doubt]:
    counts = evidence.orders["customer_id"].dropna().value_counts()
    all_orders = len(evidence.orders)
    unlikely = counts[: unlikely_customers(counts.to_list(), orders=all_orders)]
    for customer_id, orders in unlikely.items():
        others = counts.drop(unlikely.index)
        beside = f", the largest other customer has {others.iloc[0]:,}" if len(others) else ""
        yield Doubt(
            code="customer_with_unlikely_share",
            summary=f"customer '{customer_id}' has {orders:,} of {all_orders:,} orders "
            f"({orders / all_orders:.0%}){beside}",
            detail="An id that stands for many people (guests, a counter, a marketplace) would be "
            "the best customer of the shop, and get its recommendations.",
            way_on=f"if it stands for guests: `guest_ids: {yaml_list([str(customer_id)])}`",
            examples=(str(customer_id),),
        )


def _several_customers(evidence: Evidence) -> Iterator[Doubt]:
    known = evidence.lines.dropna(subset=["customer_id"])
    pairs = known.drop_duplicates(["order_id", "customer_id"])["order_id"].value_counts()
    merged = pairs[pairs > 1]
    if len(merged):
        yield Doubt(
            code="orders_of_several_customers",
            summary=f"{len(merged):,} of {len(evidence.orders):,} orders have lines of several "
            f"customers, up to {merged.max():,}",
            detail="Such an order id names more than one order; orders are too few, and too large.",
            way_on=_ORDER_ID,
            examples=examples(merged.index),
        )


def _partly_guest(evidence: Evidence) -> Iterator[Doubt]:
    lines = evidence.lines
    known = lines["customer_id"].notna().groupby(lines["order_id"], sort=False)
    mixed = known.any() & ~known.all()
    if mixed.any():
        yield Doubt(
            code="orders_partly_without_customer",
            summary=f"{mixed.sum():,} of {len(mixed):,} orders have a customer on some lines only",
            detail="The other lines count as a guest's: they are in no customer's history.",
            way_on="if the customer stands on an order's first line only: `fill_down: [COLUMN]`",
            examples=examples(mixed.index[mixed]),
        )


def _several_days(evidence: Evidence) -> Iterator[Doubt]:
    local = sales(evidence.lines).groupby("order_id", sort=False)["local"]
    first, last = local.min(), local.max()
    long = (last.dt.normalize() > first.dt.normalize()) & (last - first >= _SPAN)
    if long.sum() > _MERGED_SHARE * len(evidence.orders):
        longest = (last - first).max().days
        yield Doubt(
            code="orders_over_several_days",
            summary=f"{long.sum():,} of {len(evidence.orders):,} orders have sales on several "
            f"days, over up to {longest:,} days",
            detail="A receipt number that restarts (each day, each year, by till) merges orders.",
            way_on=f"{_ORDER_ID}; if orders do last for days: `orders_may_span_days: true`",
            examples=examples(long.index[long]),
        )


def _several_stores(evidence: Evidence) -> Iterator[Doubt]:
    sold = sales(evidence.lines).dropna(subset=["store_id"])
    stores = sold.drop_duplicates(["order_id", "store_id"])["order_id"].value_counts()
    merged = stores[stores > 1]
    if len(merged) > _MERGED_SHARE * len(evidence.orders):
        yield Doubt(
            code="orders_in_several_stores",
            summary=f"{len(merged):,} of {len(evidence.orders):,} orders have sales in several "
            "stores",
            detail="A receipt number that each store or till counts for itself merges orders.",
            way_on=_ORDER_ID,
            examples=examples(merged.index),
        )
