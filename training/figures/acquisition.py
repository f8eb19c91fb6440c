"""What a new customer costs (CAC), and what a customer brings (CLV), by month of the first order.

CAC is the month's cost divided by its new customers: a count, which has no sampling error. CLV is
the mean gross margin of a customer's spend in the `days` from the first order on, including it,
before returns. Its interval is a bootstrap over customers; that of the ratio CLV : CAC follows. CLV
is known when the `days` after the month's end are over; before that it is left open (censored)
rather than low. Where the files do not reach back `new_after_days` before a month, its first orders
may be those of older customers: it has neither CAC nor CLV.
"""

import math

import numpy as np
import pandas as pd

from training.figures.cohorts import month_end, month_name, month_number, month_of
from training.figures.rates import Numbers, mean

TOTAL = "total"
"""The month of the row that adds up the months with a CLV."""


def acquisition(
    orders: pd.DataFrame,
    costs: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    timezone: str,
    margin: float,
    days: int,
    new_after_days: int,
    seed: int,
) -> pd.DataFrame:
    """Return a row for each row of `costs` whose month is over at `as_of` (UTC), and their total.

    `orders` are those known at `as_of`, `costs` those of `given_tables.read_costs`; a channel's new
    customers are those whose first order came by it. Columns: month, channel, cost, new_customers,
    cac; clv, clv_low, clv_high; clv_to_cac, clv_to_cac_low, clv_to_cac_high. NaN where undefined:
    CAC without a new customer, CLV before its days are over, both where `orders` do not reach
    back far enough, the ratio where CAC is 0. The total
    holds, of the months with a CLV, all costs and all new customers.
    """
    customers = _customers(orders, timezone=timezone, days=days)
    values = customers["spend"].to_numpy(np.float64) * margin
    reach = orders["event_timestamp"].min() + pd.Timedelta(days=new_after_days)
    rows, whole, whole_cost = [], np.zeros(len(customers), dtype=bool), 0.0
    for month, channel, cost in costs[["month", "channel", "cost"]].itertuples(index=False):
        number = month_number(month)
        end = month_end(number, timezone=timezone)
        if end > as_of:
            continue
        new = (customers["month"] == month).to_numpy(dtype=bool)
        if not pd.isna(channel):
            new = new & (customers["channel"] == channel).fillna(False).to_numpy(dtype=bool)
        reached = month_end(number - 1, timezone=timezone) >= reach
        complete = reached and end + pd.Timedelta(days=days) <= as_of
        if complete:
            whole, whole_cost = whole | new, whole_cost + cost
        rows.append(
            {"month": month, "channel": channel, "cost": cost, "new_customers": int(new.sum())}
            | _money(cost if reached else math.nan, values[new], complete=complete, seed=seed)
        )
    total = {"month": TOTAL, "channel": pd.NA, "cost": whole_cost, "new_customers": whole.sum()}
    rows.append(total | _money(whole_cost, values[whole], complete=True, seed=seed))
    return pd.DataFrame(rows)


def _customers(orders: pd.DataFrame, *, timezone: str, days: int) -> pd.DataFrame:
    """Return for each customer: month and channel of the first order, spend in the days from it."""
    orders = orders.sort_values("event_timestamp", kind="stable")
    first = orders.drop_duplicates("customer_id").set_index("customer_id")
    since = orders["event_timestamp"] - orders["customer_id"].map(first["event_timestamp"])
    window = pd.Timedelta(days=days)
    spend = orders[since < window].groupby("customer_id")["value"].sum()
    months = month_of(first["event_timestamp"], timezone=timezone)
    return pd.DataFrame(
        {
            "month": [month_name(int(month)) for month in months],
            "channel": first["channel"],
            "spend": spend.reindex(first.index),
        }
    )


def _money(cost: float, values: Numbers, *, complete: bool, seed: int) -> dict[str, float]:
    """Return CAC, CLV and their ratio of new customers with `values` (N,); NaN where undefined."""
    cac = cost / len(values) if len(values) else math.nan
    clv = mean(values if complete else values[:0], seed=seed)
    ratio = 1 / cac if cac > 0 else math.nan
    return {
        "cac": cac,
        "clv": clv.value,
        "clv_low": clv.low,
        "clv_high": clv.high,
        "clv_to_cac": clv.value * ratio,
        "clv_to_cac_low": clv.low * ratio,
        "clv_to_cac_high": clv.high * ratio,
    }
