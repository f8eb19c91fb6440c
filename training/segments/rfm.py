"""RFM: how recently, how often and for how much a customer orders, and the groups that follow.

At a time T, of the orders with `event_timestamp` < T and `recorded_timestamp` < T:

- recency: whole days (of 24 hours) from the last order to T, over all time;
- frequency: orders in [T - 365 days, T); monetary: their value, in the shop's currency.

Each one becomes a quintile from 1 to 5 (5: recent, often, much) among all customers with an order
before T. The rule, ties included: a customer is in quintile q when at least (q - 1) / 5 of the
customers, and less than q / 5, have a strictly lower value. Equal values therefore share a
quintile, the lowest one that any order of them would give: if 70% of the customers ordered once,
they all have frequency 1, and those who ordered twice have 4. (By cume_dist, the share at or below,
the 70% would have 4.)
"""

from collections.abc import Sequence
from itertools import product
from typing import Final, Literal, get_args

import duckdb
import numpy as np
import pandas as pd

from features.schema import TEXT, TIME
from features.times import DAY_US, microseconds
from training.segments.names import quoted

RFM_DAYS: Final = 365
"""Frequency and monetary count the orders of this many days before T."""
Group = Literal["Champions", "Loyal", "Recent", "Needs Attention", "At Risk", "Inactive"]
GROUP_NAMES: Final[tuple[Group, ...]] = get_args(Group)
LEVELS: Final = {1: 1, 2: 1, 3: 2, 4: 3, 5: 3}
"""Quintile to level: 1 low, 2 middle, 3 high. Klaviyo's scores are levels."""
GROUPS: Final[dict[Group, tuple[str, ...]]] = {
    "Champions": ("333", "332", "323"),
    "Loyal": ("331", "322", "321", "233", "232"),
    "Recent": ("313", "312", "311", "223", "222"),
    "Needs Attention": ("221", "213", "133", "132", "123"),
    "At Risk": ("231", "212", "211", "131", "122"),
    "Inactive": ("121", "113", "112", "111"),
}
"""The levels of recency, frequency and monetary, in this order, of each group.

Source: Klaviyo, "Understanding scoring and customer groups in the RFM report" (help article
17797937793179, 2024). Klaviyo's thresholds differ: 180 and 365 days for recency, thirds otherwise.
"""
_GROUP_OF: Final = {levels: group for group, cells in GROUPS.items() for levels in cells}


def group(recency: int, frequency: int, monetary: int) -> Group:
    """Return the group of three quintiles. Raises KeyError outside 1 to 5.

    >>> group(5, 5, 4)
    'Champions'
    >>> group(5, 1, 1)
    'Recent'
    >>> group(1, 4, 4)
    'Needs Attention'
    """
    return _GROUP_OF[f"{LEVELS[recency]}{LEVELS[frequency]}{LEVELS[monetary]}"]


def _quintile(order: str) -> str:
    """Return the SQL of the quintile at a cut by `order`, in whole numbers: rank - 1 are lower."""
    rank = f"rank() OVER (PARTITION BY cut ORDER BY {order})"
    return f"CAST(1 + 5 * ({rank} - 1) // count(*) OVER (PARTITION BY cut) AS TINYINT)"


_CELLS: Final = ", ".join(
    f"({r}, {f}, {m}, '{group(r, f, m)}')" for r, f, m in product(LEVELS, repeat=3)
)
# Values are added as decimals: their sum, and so a tie, does not depend on the order of addition.
_SCORES: Final = f"""
WITH cuts AS (SELECT unnest(?::BIGINT[]) AS cut),
known AS (
    SELECT customer_id, order_id, CAST(value AS DECIMAL(38, 4)) AS value,
        epoch_us(event_timestamp) AS happened,
        greatest(epoch_us(event_timestamp), epoch_us(recorded_timestamp)) AS known
    FROM {{orders}} WHERE customer_id IS NOT NULL
),
measured AS (
    SELECT cut, customer_id,
        (cut - max(happened)) // {DAY_US} AS recency_days,
        count(DISTINCT order_id) FILTER (happened >= cut - {RFM_DAYS * DAY_US}) AS orders_365d,
        coalesce(sum(value) FILTER (happened >= cut - {RFM_DAYS * DAY_US}), 0) AS spend_365d
    FROM known JOIN cuts ON known.known < cuts.cut
    GROUP BY cut, customer_id
),
scored AS (
    SELECT *,
        {_quintile("recency_days DESC")} AS recency,
        {_quintile("orders_365d")} AS frequency,
        {_quintile("spend_365d")} AS monetary
    FROM measured
)
SELECT cut, customer_id, recency_days, orders_365d, CAST(spend_365d AS DOUBLE) AS spend_365d,
    scored.recency, scored.frequency, scored.monetary, rfm_group
FROM scored
JOIN (VALUES {_CELLS}) AS cells (recency, frequency, monetary, rfm_group)
    USING (recency, frequency, monetary)
ORDER BY cut, customer_id
"""


def rfm(
    con: duckdb.DuckDBPyConnection, *, at: pd.Timestamp, orders: str = "orders"
) -> pd.DataFrame:
    """Return the RFM of every customer with an order known before `at` (UTC), by customer_id.

    `orders` is a table or view of `con`: customer_id (null: a guest, left out), order_id,
    event_timestamp and recorded_timestamp (UTC), value (in the shop's currency, counted to four
    decimals; below 1e30). Rows of one order_id are one order. Columns of the answer: customer_id,
    recency_days, orders_365d, spend_365d, the quintiles recency, frequency and monetary, rfm_group.
    """
    return _scores(con, [at], orders).drop(columns="cut")


def rfm_changes(
    con: duckdb.DuckDBPyConnection, *, times: Sequence[pd.Timestamp], orders: str = "orders"
) -> pd.DataFrame:
    """Return the group of every customer at the last of `times`, the one before, and its change.

    `times` (UTC, ascending, at least two) are month ends. Columns, by customer_id: customer_id;
    rfm_group at the last time; previous_rfm_group at the last but one (null: no order was known);
    changed_timestamp, the first of the times from which on the customer was in rfm_group without a
    break (null: already at the first time, so the change is older than them). Raises ValueError.
    """
    cuts = [microseconds(time) for time in times]
    if len(cuts) < 2 or sorted(set(cuts)) != cuts:
        raise ValueError(f"times = {[*map(str, times)]}: at least two, ascending")
    scores = _scores(con, times, orders)
    groups = scores.pivot(index="customer_id", columns="cut", values="rfm_group")
    groups = groups.reindex(columns=cuts)  # who is known at one time is at all later ones
    same = groups.eq(groups[cuts[-1]], axis=0).fillna(False).to_numpy(dtype=bool)
    since = len(cuts) - same[:, ::-1].cumprod(axis=1).sum(axis=1)  # the first time of the last run
    changed = pd.to_datetime(np.array(cuts)[since], unit="us", utc=True)
    return pd.DataFrame(
        {
            "rfm_group": groups[cuts[-1]],
            "previous_rfm_group": groups[cuts[-2]],
            "changed_timestamp": pd.Series(changed, groups.index).astype(TIME).mask(since == 0),
        }
    ).reset_index()


def _scores(
    con: duckdb.DuckDBPyConnection, times: Sequence[pd.Timestamp], orders: str
) -> pd.DataFrame:
    """Return the RFM at every one of `times`, named by `cut` in microseconds since 1970 (UTC)."""
    cuts = [microseconds(time) for time in times]
    frame = con.execute(_SCORES.format(orders=quoted(orders)), [cuts]).df()
    return frame.astype({"customer_id": TEXT, "rfm_group": TEXT})
