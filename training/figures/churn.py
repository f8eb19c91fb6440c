"""The churn rate of the past: the share of a year's customers who then placed no order."""

from typing import Final

import numpy as np
import pandas as pd

from training.customers.orders import ACTIVE_DAYS
from training.figures.rates import add_share

WINDOWS: Final = 8
"""At most so many windows are shown, one directly after the other."""


def churn_rates(orders: pd.DataFrame, *, as_of: pd.Timestamp, days: int) -> pd.DataFrame:
    """Return the churn rate of the last windows of `days` before `as_of`, oldest first.

    Of the customers with an order in the ACTIVE_DAYS before a window, the rate is the share without
    one in it: what the models of `churn` predict. Only windows that are over are counted, and only
    those with all ACTIVE_DAYS before them in `orders`: with less, the year's customers are mostly
    fresh ones, and the rate is too low. `orders` are those known at `as_of`. Columns: start, end
    (UTC), active, churned, churn_rate with its Wilson interval of 95%.
    """
    times = orders["event_timestamp"]
    rows = []
    for back in range(WINDOWS):
        end = as_of - pd.Timedelta(days=days * back)
        start = end - pd.Timedelta(days=days)
        year = start - pd.Timedelta(days=ACTIVE_DAYS)
        if not times.min() <= year:
            break
        active = orders.loc[(times >= year) & (times < start), "customer_id"].unique()
        came = orders.loc[(times >= start) & (times < end), "customer_id"].unique()
        rows.append((start, end, len(active), int((~np.isin(active, came)).sum())))
    frame = pd.DataFrame(rows[::-1], columns=["start", "end", "active", "churned"])
    return add_share(frame, "churn_rate", count="churned", of="active")
