"""A workspace of orders written by hand or drawn, without snapshots: all that segments read."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from features.schema import empty
from features.tables import write_tables
from features.workspace import Workspace

NOW = pd.Timestamp("2024-03-15T00:00:00Z").as_unit("us")
DAY = pd.Timedelta(days=1)


class Line(NamedTuple):
    """One order of one line; `days` before NOW, recorded `late` days later."""

    customer_id: str | None
    days: float
    product_id: str | None = "tea"
    quantity: float = 1
    unit_price: float = 10
    line_type: str = "sale"
    channel: str | None = None
    late: float = 0


def tastes(count: int) -> list[Line]:
    """Return the lines of `count` customers `drink0`, ... and as many `cook0`, ...: two tastes.

    A customer bought four of the five products of its taste.
    """
    return [
        Line(f"{taste}{at}", days=10 + at, product_id=f"{taste}-{product}")
        for taste in ("drink", "cook")
        for at in range(count)
        for product in range(5)
        if product != at % 5
    ]


def order_lines(lines: Sequence[Line]) -> pd.DataFrame:
    """Return `lines` as canonical order lines, one order a line."""
    happened = [NOW - line.days * DAY for line in lines]
    frame = pd.DataFrame(
        {
            "order_id": [f"o{at}" for at in range(len(lines))],
            "line_number": 1,
            "customer_id": [line.customer_id for line in lines],
            "product_id": [line.product_id for line in lines],
            "parent_product_id": None,
            "line_type": [line.line_type for line in lines],
            "quantity": [float(line.quantity) for line in lines],
            "unit_price": [float(line.unit_price) for line in lines],
            "channel": [line.channel for line in lines],
            "store_id": None,
            "event_timestamp": happened,
            "recorded_timestamp": [
                at + line.late * DAY for at, line in zip(happened, lines, strict=True)
            ],
        }
    )
    return frame.astype(empty("order_lines").dtypes)


def make(home: Path, lines: Sequence[Line], *, now: pd.Timestamp = NOW) -> Workspace:
    """Create a workspace at `home` with `lines`; its clock is fixed at `now`."""
    ws = Workspace.create(home, clock=f"fixed:{now.isoformat()}")
    put(ws, lines)
    return ws


def put(ws: Workspace, lines: Sequence[Line]) -> None:
    """Replace the shop's tables by `lines`, two products with categories, and two countries."""
    start = NOW - 2000 * DAY
    products = empty("products").dtypes
    catalogue = pd.DataFrame(
        {
            "product_id": ["tea", "pot"],
            "valid_from": [start, start],
            "parent_product_id": None,
            "title": None,
            "category": ["drinks", "kitchen"],
        }
    ).astype(products)
    customers = pd.DataFrame(
        {
            "customer_id": ["anna", "anna", "nobody"],
            "valid_from": [start, NOW - 5 * DAY, NOW - 5 * DAY],
            "country": ["France", "Spain", "Spain"],
        }
    ).astype(empty("customers").dtypes)
    with ws.lock("tables"):
        write_tables(
            ws,
            {"order_lines": order_lines(lines), "products": catalogue, "customers": customers},
        )
