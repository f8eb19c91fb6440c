"""A shop in a few lines: canonical tables written by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.schema import TABLES, empty
from features.tables import write_tables
from features.times import microseconds
from features.workspace import Workspace


def time(text: str) -> pd.Timestamp:
    """Return the UTC time `text`."""
    return pd.Timestamp(text, tz="UTC").as_unit("us")


AS_OF = time("2011-03-16 10:20:30.000001")
MONDAY = time("2011-03-14")


def line(
    order_id: str,
    customer_id: str | None,
    product_id: str | None,
    event: str,
    *,
    quantity: float = 1.0,
    price: float = 1.0,
    kind: str = "sale",
    number: int = 1,
    recorded: str | None = None,
) -> dict[str, object]:
    """Return one order line; it is recorded when it happens unless `recorded` is given."""
    return {
        "order_id": order_id,
        "line_number": number,
        "customer_id": customer_id,
        "product_id": product_id,
        "parent_product_id": None,
        "line_type": kind,
        "quantity": quantity,
        "unit_price": price,
        "channel": None,
        "store_id": None,
        "event_timestamp": time(event),
        "recorded_timestamp": time(recorded or event),
    }


def lines(*rows: dict[str, object]) -> pd.DataFrame:
    """Return canonical order lines."""
    return _table("order_lines", rows)


def customers(*rows: tuple[str, str]) -> pd.DataFrame:
    """Return canonical customers of (customer_id, valid_from)."""
    records = [{"customer_id": c, "valid_from": time(t), "country": None} for c, t in rows]
    return _table("customers", records)


def products(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """Return canonical products of (product_id, valid_from, title)."""
    records = [
        {
            "product_id": product_id,
            "valid_from": time(valid_from),
            "parent_product_id": None,
            "title": title,
            "category": None,
        }
        for product_id, valid_from, title in rows
    ]
    return _table("products", records)


def workspace(
    home: Path,
    order_lines: pd.DataFrame,
    *,
    customers: pd.DataFrame | None = None,
    products: pd.DataFrame | None = None,
    timezone: str = "UTC",
) -> Workspace:
    """Return a workspace at `home` with these tables."""
    ws = Workspace.create(home, timezone=timezone, clock="fixed:2011-12-10T00:00:00Z")
    given = {"order_lines": order_lines, "customers": customers, "products": products}
    with ws.lock("tables"):
        write_tables(ws, {name: table for name, table in given.items() if table is not None})
    return ws


def ask(*rows: tuple[str | None, pd.Timestamp]) -> pd.DataFrame:
    """Return the entities of a training frame: customers and the times of their features."""
    return pd.DataFrame(list(rows), columns=["customer_id", "event_timestamp"])


def _table(name: str, rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    columns = TABLES[name].columns
    frame = pd.DataFrame(list(rows), columns=list(columns)).astype(
        {c: str(k.dtype) for c, k in columns.items()}
    )
    return frame if len(frame) else empty(name)


def stored(value: Any) -> Any:
    """Return a frame's value as stored in online rows (features.customer_row)."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    return microseconds(value) if isinstance(value, pd.Timestamp) else value
