"""What a shop's tables say, in numbers that a shop knows of itself."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from features.schema import RetailDataset

Bought = tuple[str, str, int, int]


@dataclass(frozen=True)
class Facts:
    """A shop's orders in numbers; amounts in cents."""

    orders: int
    customers: int
    guest_orders: int
    units: int
    """Sold minus returned."""
    cents: int
    """The revenue of sales minus that of returns."""
    bought: tuple[Bought, ...]
    """Of each order, in order of time: time (UTC, ISO 8601), customer ("": a guest), units, cents.

    Only sales count here, not returns.
    """


def facts(dataset: RetailDataset) -> Facts:
    """Return what the sales and returns of `dataset` say."""
    lines = dataset.order_lines
    lines = lines[lines["line_type"].isin(["sale", "return"])]
    lines = lines.assign(cents=lines["quantity"] * lines["unit_price"] * 100)
    sold = lines[lines["line_type"] == "sale"]
    guests = sold[sold["customer_id"].isna()]
    return Facts(
        orders=sold["order_id"].nunique(),
        customers=sold["customer_id"].nunique(),
        guest_orders=guests["order_id"].nunique(),
        units=round(lines["quantity"].sum()),
        cents=round(lines["cents"].sum()),
        bought=tuple(sorted(_bought(order) for _, order in sold.groupby("order_id"))),
    )


def _bought(order: pd.DataFrame) -> Bought:
    customers = order["customer_id"].fillna("").unique()
    time = order["event_timestamp"].min().strftime("%Y-%m-%dT%H:%M:%SZ")
    return time, "+".join(customers), round(order["quantity"].sum()), round(order["cents"].sum())


def title_at(dataset: RetailDataset, product: str, time: Any) -> str | None:
    """Return the title of `product` that was known at `time`; None if none was."""
    rows = dataset.products
    rows = rows[(rows["product_id"] == product) & (rows["valid_from"] <= time)]
    titles = rows.sort_values("valid_from")["title"]
    return None if titles.empty or pd.isna(titles.iloc[-1]) else str(titles.iloc[-1])
