"""Columns that the checks derive from order lines: local times, amounts, one row per order."""

import math
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import pandas as pd

READ: Final = [
    *("order_id", "customer_id", "product_id", "store_id"),
    *("line_type", "quantity", "unit_price", "event_timestamp"),
]
"""The columns of canonical order lines that the checks read."""
_CENT: Final = Decimal("0.01")


def with_local_times(lines: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """Return the columns of canonical order `lines` that the checks read, `local` and `amount`.

    `local` is the `event_timestamp` as the shop's clock showed it in `timezone`, without a zone;
    `amount` is quantity times unit price in the shop's currency.
    """
    local = lines["event_timestamp"].dt.tz_convert(timezone).dt.tz_localize(None)
    return lines[READ].assign(local=local, amount=lines["quantity"] * lines["unit_price"])


def orders_of(lines: pd.DataFrame) -> pd.DataFrame:
    """Return one row per order, indexed by `order_id`: its first `local` time and a customer.

    `lines` is from `with_local_times`. `customer_id` is null if no line of the order has one.
    """
    grouped = lines.groupby("order_id", sort=False)
    return pd.DataFrame(
        {"local": grouped["local"].min(), "customer_id": grouped["customer_id"].first()}
    )


def sales(lines: pd.DataFrame) -> pd.DataFrame:
    """Return the sale lines among `lines`."""
    return lines[(lines["line_type"] == "sale").to_numpy(dtype=bool)]


def money(amounts: Iterable[float]) -> Decimal:
    """Return the sum of `amounts`, exact to the cent; half a cent is rounded away from 0.

    >>> money([0.1] * 3)
    Decimal('0.30')
    >>> money([1.005])
    Decimal('1.01')
    """
    total = Decimal(repr(round(math.fsum(amounts), 6)))
    return total.quantize(_CENT, rounding=ROUND_HALF_UP) + 0  # + 0: no "-0.00"
