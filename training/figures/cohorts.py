"""Retention and repeat rate by cohort: the customers whose first order was in the same month.

Months are those of the shop's calendar. A month that is not over at the cut is not shown (it is
censored): neither as a cohort, nor as a later month of one. So the youngest cohorts have the fewest
months, and no number is low because its month had only begun. At the other end, the first cohorts
of a shop's files also hold older customers, whose first orders are not in the files.
"""

import numpy as np
import pandas as pd

from training.figures.rates import add_share


def month_of(times: pd.Series, *, timezone: str) -> pd.Series:
    """Return the number of months from January 1970 to the local month of UTC `times`."""
    local = times.dt.tz_convert(timezone).dt
    months: pd.Series = (local.year - 1970) * 12 + local.month - 1
    return months


def month_name(number: int) -> str:
    """Return a month that `month_of` numbers as text.

    >>> month_name(0), month_name(503)
    ('1970-01', '2011-12')
    """
    return f"{1970 + number // 12:04d}-{number % 12 + 1:02d}"


def month_number(name: str) -> int:
    """Return the number of the month `name`, YYYY-MM.

    >>> month_number("2011-12")
    503
    """
    year, month = map(int, name.split("-"))
    return (year - 1970) * 12 + month - 1


def month_end(number: int, *, timezone: str) -> pd.Timestamp:
    """Return the time (UTC) at which a month that `month_of` numbers is over.

    >>> str(month_end(503, timezone="Europe/Berlin"))
    '2011-12-31 23:00:00+00:00'
    """
    day = pd.Timestamp(f"{month_name(number + 1)}-01")
    return day.tz_localize(timezone, nonexistent="shift_forward", ambiguous=True).tz_convert("UTC")


def current_month(as_of: pd.Timestamp, *, timezone: str) -> int:
    """Return the number of the month that is not over at `as_of` (UTC).

    >>> current_month(pd.Timestamp("2011-12-31T23:00Z"), timezone="Europe/Berlin") - 504
    0
    """
    return int(month_of(pd.Series([as_of]), timezone=timezone).iloc[0])


def cohorts(orders: pd.DataFrame, *, as_of: pd.Timestamp, timezone: str) -> pd.DataFrame:
    """Return a row for each cohort and month since its own, 0 for that, oldest first.

    `orders` are those known at `as_of` (`training.data.known_orders`). Columns: cohort (YYYY-MM),
    month, customers; ordered (customers with an order in the month) and retention, its share of
    customers; repeated (customers with a second order by the end of the month) and repeat_rate. The
    shares have Wilson intervals of 95%: `retention_low`, `retention_high`, ...
    """
    months = month_of(orders["event_timestamp"], timezone=timezone)
    orders = orders.assign(calendar=months).sort_values(["customer_id", "event_timestamp"])
    by_customer = orders.groupby("customer_id")["calendar"]
    first = by_customer.transform("first")
    orders = orders.assign(cohort=first, month=orders["calendar"] - first)
    rank = by_customer.cumcount()
    sizes = orders[rank == 0].groupby("cohort").size()
    seen = orders.drop_duplicates(["customer_id", "month"]).groupby(["cohort", "month"]).size()
    again = orders[rank == 1].groupby(["cohort", "month"]).size()
    last = current_month(as_of, timezone=timezone) - 1
    rows = [
        (cohort, month, size)
        for cohort, size in zip(sizes.index.tolist(), sizes.tolist(), strict=True)
        for month in range(last - cohort + 1)
    ]
    frame = pd.DataFrame(rows, columns=["cohort", "month", "customers"], dtype=np.int64)
    places = pd.MultiIndex.from_frame(frame[["cohort", "month"]])
    frame["ordered"] = seen.reindex(places, fill_value=0).to_numpy(dtype=np.int64)
    frame["repeated"] = again.reindex(places, fill_value=0).to_numpy(dtype=np.int64)
    frame["repeated"] = frame.groupby("cohort")["repeated"].cumsum()
    frame = add_share(frame, "retention", count="ordered", of="customers")
    frame = add_share(frame, "repeat_rate", count="repeated", of="customers")
    return frame.assign(cohort=[month_name(int(cohort)) for cohort in frame["cohort"]])
