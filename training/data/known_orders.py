"""The orders of known customers as they were known at a time, straight from the tables."""

import pandas as pd

from features.snapshots import known_order_lines
from features.workspace import Workspace


def known_orders(ws: Workspace, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return the orders that happened and were recorded before `as_of` (UTC), oldest first.

    Columns customer_id, order_id, event_timestamp (the earliest of its lines), value (of its
    positive sale and fee lines, in the shop's currency; an order counts when it has such a line)
    and channel (of the first of them that has one; else null). Guests are left out.
    """
    lines = known_order_lines(ws, as_of)
    value = lines["quantity"] * lines["unit_price"]
    counts = lines["line_type"].isin(["sale", "fee"]) & lines["customer_id"].notna() & (value > 0)
    kept = lines.assign(value=value)[counts].sort_values(
        ["event_timestamp", "order_id", "line_number"], kind="stable"
    )
    orders = kept.groupby(["customer_id", "order_id"], sort=False, as_index=False)
    return orders.agg(
        event_timestamp=("event_timestamp", "min"),
        value=("value", "sum"),
        channel=("channel", "first"),
    )


def days_before(at: pd.Timestamp, times: pd.Series) -> pd.Series:
    """Return the days of 24 hours from `times` to `at`.

    >>> days_before(pd.Timestamp("1970-01-02T12:00Z"), pd.Series([pd.Timestamp(0, tz="UTC")]))[0]
    np.float64(1.5)
    """
    days: pd.Series = (at - times).dt.total_seconds() / 86_400
    return days
