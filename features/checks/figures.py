"""The figures of what stands in a workspace: counts, amounts and times, by hand-checkable rules."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd

from features.checks.order_lines import money, orders_of, with_local_times
from features.schema import LINE_TYPES

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LARGEST: Final = 10


@dataclass(frozen=True, kw_only=True)
class CustomerShare:
    """One customer's part of the shop."""

    customer_id: str
    orders: int
    order_share: float
    """Of all orders, guests' orders included: 0 to 1."""
    revenue: Decimal
    """Net, in the shop's currency."""
    revenue_share: float | None
    """Of the net revenue; null if that is not above 0."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures of a workspace's tables. Amounts are in `currency`, exact to the cent."""

    timezone: str
    """IANA zone of all local times below."""
    currency: str
    now: pd.Timestamp
    """The workspace's clock (UTC)."""
    orders: int
    """Distinct order ids, those of returns and adjustments included."""
    purchases: int
    """Orders with a sale or fee line of a quantity above 0, as customer features count them."""
    guest_orders: int
    """Orders without a customer on any line."""
    lines_by_type: Mapping[str, int]
    customers: int
    """Distinct customers of the order lines."""
    customers_listed: int
    """Distinct customers of the customers table."""
    products_sold: int
    """Distinct products of the sale lines."""
    products_listed: int
    """Distinct products of the products table."""
    units_sold: float
    """Sum of the sale lines' quantities."""
    units_returned: float
    """Sum of the return lines' quantities, as a positive number."""
    gross_sales: Decimal
    """Sum of quantity times unit price over the sale lines."""
    returns: Decimal
    """The same over the return lines, as a positive number."""
    fees: Decimal
    adjustments: Decimal
    net_revenue: Decimal
    """Sum over all lines: gross sales - returns + fees + adjustments."""
    revenue_by_month: Mapping[str, Decimal]
    """Net revenue by the local month (YYYY-MM) of the line; months without a line are left out."""
    orders_by_month: Mapping[str, int]
    """Orders by the local month of their first line."""
    first_order: pd.Timestamp | None
    """Earliest `event_timestamp` of a line (UTC)."""
    last_order: pd.Timestamp | None
    """Latest `event_timestamp` of a line (UTC)."""
    largest_by_orders: tuple[CustomerShare, ...]
    """The ten customers with most orders, the largest first."""
    largest_by_revenue: CustomerShare | None
    """The customer with the highest net revenue."""
    orders_by_hour: tuple[int, ...]
    """Orders by the local hour of their first line, 0 to 23."""
    orders_by_weekday: tuple[int, ...]
    """Orders by the local weekday of their first line, from Monday."""
    lines_per_order: float | None
    """Median."""
    days_between_orders: float | None
    """Median days between two successive purchases of a customer; null without a repeat."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them: times as RFC 3339, amounts as numbers."""
        content: dict[str, Any] = _plain(asdict(self))
        return content


def figures(
    tables: Mapping[str, pd.DataFrame], *, timezone: str, currency: str, now: pd.Timestamp
) -> Figures:
    """Return the figures of the canonical `tables` of a shop in `timezone` at the clock `now`."""
    lines = with_local_times(tables["order_lines"], timezone)
    orders = orders_of(lines)
    of_type = {kind: (lines["line_type"] == kind).to_numpy(dtype=bool) for kind in LINE_TYPES}
    amounts, quantities = lines["amount"].to_numpy(), lines["quantity"].to_numpy()
    by_type = {kind: money(amounts[rows]) for kind, rows in of_type.items()}
    units = {kind: math.fsum(quantities[rows]) for kind, rows in of_type.items()}
    bought = (of_type["sale"] | of_type["fee"]) & (quantities > 0)
    purchases = orders_of(lines.loc[bought, ["order_id", "customer_id", "local"]])
    local = orders["local"].dt
    net = money(amounts)
    largest, richest = _largest(lines, orders=len(orders), net=net)
    return Figures(
        timezone=timezone,
        currency=currency,
        now=now,
        orders=len(orders),
        purchases=len(purchases),
        guest_orders=int(orders["customer_id"].isna().sum()),
        lines_by_type={kind: int(rows.sum()) for kind, rows in of_type.items()},
        customers=lines["customer_id"].nunique(),
        customers_listed=tables["customers"]["customer_id"].nunique(),
        products_sold=lines.loc[of_type["sale"], "product_id"].nunique(),
        products_listed=tables["products"]["product_id"].nunique(),
        units_sold=units["sale"],
        units_returned=0.0 - units["return"],
        gross_sales=by_type["sale"],
        returns=0 - by_type["return"],
        fees=by_type["fee"],
        adjustments=by_type["adjustment"],
        net_revenue=net,
        revenue_by_month={
            month: money(amounts[rows]) for month, rows in _rows_by_month(lines["local"]).items()
        },
        orders_by_month={
            month: len(rows) for month, rows in _rows_by_month(orders["local"]).items()
        },
        first_order=None if lines.empty else lines["event_timestamp"].min(),
        last_order=None if lines.empty else lines["event_timestamp"].max(),
        largest_by_orders=largest,
        largest_by_revenue=richest,
        orders_by_hour=tuple(np.bincount(local.hour, minlength=24).tolist()),
        orders_by_weekday=tuple(np.bincount(local.weekday, minlength=7).tolist()),
        lines_per_order=None if lines.empty else _median(lines["order_id"].value_counts()),
        days_between_orders=_days_between(purchases),
    )


def _rows_by_month(local: pd.Series) -> dict[str, Any]:
    """Return the positions of `local` times by their month, YYYY-MM, in order."""
    months = local.to_numpy().astype("datetime64[M]")
    return {
        str(m)[:7]: rows for m, rows in sorted(pd.Series(months).groupby(months).indices.items())
    }


def _largest(
    lines: pd.DataFrame, *, orders: int, net: Decimal
) -> tuple[tuple[CustomerShare, ...], CustomerShare | None]:
    """Return the customers with most orders, and the one with the highest revenue."""
    known = lines[["customer_id", "order_id", "amount"]].dropna(subset=["customer_id"])
    if known.empty:
        return (), None
    pairs = known.drop_duplicates(["customer_id", "order_id"])
    counts = pairs["customer_id"].value_counts()
    ranked = counts.sort_index().sort_values(ascending=False, kind="stable")
    spent = known.groupby("customer_id")["amount"].sum()

    def share(customer_id: str) -> CustomerShare:
        revenue = money(known.loc[(known["customer_id"] == customer_id).to_numpy(), "amount"])
        return CustomerShare(
            customer_id=customer_id,
            orders=int(counts[customer_id]),
            order_share=int(counts[customer_id]) / orders,
            revenue=revenue,
            revenue_share=float(revenue / net) if net > 0 else None,
        )

    largest = tuple(share(str(customer_id)) for customer_id in ranked.index[:_LARGEST])
    return largest, share(str(spent.idxmax()))


def _days_between(purchases: pd.DataFrame) -> float | None:
    known = purchases.dropna(subset=["customer_id"]).sort_values(["customer_id", "local"])
    gaps = known.groupby("customer_id")["local"].diff().dropna()
    return None if gaps.empty else _median(gaps.dt.total_seconds() / 86_400)


def _median(values: pd.Series) -> float:
    return float(values.median())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
