"""Customers as they were at times of the past, and which of them stayed away afterwards."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import duckdb
import pandas as pd

from configs.duck import connect
from features.tables import PinnedTables
from features.times import DAY_US, microseconds
from features.views import compute
from training.segments.fields import put_customers
from training.segments.refresh import put_tables

ACTIVE: Final = "orders_365d >= 1"
"""Only these customers are looked at: churn is of those with an order in the last 365 days."""
_CHURNED: Final = f"""
WITH later AS (
    SELECT customer_id FROM orders WHERE epoch_us(recorded_timestamp) < $as_of
    GROUP BY customer_id, order_id
    HAVING min(epoch_us(event_timestamp)) >= $at
        AND min(epoch_us(event_timestamp)) < $at + $horizon_days * {DAY_US}
)
SELECT customers.*, CAST(customer_id NOT IN (FROM later) AS TINYINT) AS churned
FROM customers WHERE {ACTIVE} ORDER BY customer_id
"""


def customers_at(
    tables: PinnedTables, times: Sequence[pd.Timestamp]
) -> Iterator[tuple[pd.Timestamp, duckdb.DuckDBPyConnection]]:
    """Yield each of `times` (UTC) and a connection whose table `customers` holds FIELDS then.

    It is the same connection each time, and its table is replaced at the next step. An order that
    was corrected at a time or later has its former lines then.
    """
    con, views = connect(), connect()
    activities: Iterator[tuple[pd.Timestamp, Any]] = compute(
        views, tables.paths, "customer_activity", times
    )
    for at, activity in activities:
        put_tables(con, tables.paths, at=at)
        put_customers(con, activity, at=at)
        yield at, con


def put_churned(
    con: duckdb.DuckDBPyConnection,
    tables: PinnedTables,
    *,
    at: pd.Timestamp,
    as_of: pd.Timestamp,
    horizon_days: int,
) -> None:
    """Replace the table `examples` of `con`: the ACTIVE `customers` of `at`, and `churned`.

    `churned` is 1 without an order in [at, at + horizon_days), known before `as_of` (UTC), else 0.
    Raises ValueError if that horizon reaches past `as_of`.
    """
    if at + pd.Timedelta(days=horizon_days) > as_of:
        raise ValueError(f"at = {at}: the {horizon_days} days after it end past as_of = {as_of}")
    put_tables(con, tables.paths, at=as_of)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE examples AS {_CHURNED}",
        {"at": microseconds(at), "as_of": microseconds(as_of), "horizon_days": horizon_days},
    )
