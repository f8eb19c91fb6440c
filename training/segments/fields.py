"""What a filter may say about a customer: the fields, each with its unit and its window.

All fields are as of a time T: of what happened and was recorded before T. Windows are [T - days, T)
with days of 24 hours. The measures of orders are the declared features of customers
(`features.customer_features`), so a new feature is a new field.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import pandas as pd
import pyarrow as pa

from features.aggregations import Aggregation
from features.customer_features import ACTIVITY_TIMES, CUSTOMER_FEATURES
from features.schema import TEXT
from features.times import DAY_US, microseconds
from training.segments.filters import Kind
from training.segments.lifecycle import STATES, LifecycleConfig, lifecycle
from training.segments.names import quoted
from training.segments.rfm import GROUP_NAMES, RFM_DAYS, rfm

BOUGHT_DAYS: Final = 365
"""The window of the lists of what a customer bought."""
_UNITS: Final = {
    "orders": "orders",
    "spend": "in the shop's currency, before returns",
    "returns": "lines returned",
    "units_365d": "pieces",
    "products_365d": "different products last bought",
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of the filter language."""

    kind: Kind
    meaning: str
    """What it measures, its unit, and its window."""


def _feature(feature: Aggregation) -> Field:
    if feature.name in ACTIVITY_TIMES:
        return Field(kind="time", meaning=f"time of the {feature.name.split('_')[0]} order")
    unit = _UNITS.get(feature.name) or _UNITS[feature.group if not feature.until_days else "orders"]
    if feature.days is None:
        return Field(kind="number", meaning=f"{unit}; all time")
    window = f"in the last {feature.days} days"
    if feature.until_days:
        window = f"from {feature.days} to {feature.until_days} days ago"
    return Field(kind="number", meaning=f"{unit}; {window}")


_QUINTILES: Final = {
    "recency": "1 to 5, 5: the last order is recent; all time",
    "frequency": f"1 to 5, 5: many orders; in the last {RFM_DAYS} days",
    "monetary": f"1 to 5, 5: much spend; in the last {RFM_DAYS} days",
}
FIELDS: Final[dict[str, Field]] = {
    **{feature.name: _feature(feature) for feature in CUSTOMER_FEATURES},
    "days_since_first_order": Field(kind="number", meaning="whole days; all time"),
    "days_since_last_order": Field(kind="number", meaning="whole days; all time"),
    "average_order_value": Field(
        kind="number", meaning="spend_total divided by orders_total; all time"
    ),
    **{name: Field(kind="number", meaning=meaning) for name, meaning in _QUINTILES.items()},
    "rfm_group": Field(kind="text", meaning=f"one of {', '.join(GROUP_NAMES)}"),
    "lifecycle": Field(kind="text", meaning=f"one of {', '.join(STATES)}"),
    "country": Field(kind="text", meaning="of the newest customer row; as spelled in the file"),
    "categories_365d": Field(
        kind="texts", meaning=f"categories bought; in the last {BOUGHT_DAYS} days"
    ),
    "product_ids_365d": Field(
        kind="texts", meaning=f"products bought; in the last {BOUGHT_DAYS} days"
    ),
    "channels_365d": Field(
        kind="texts", meaning=f"channels bought through; in the last {BOUGHT_DAYS} days"
    ),
    "store_ids_365d": Field(kind="texts", meaning=f"stores; in the last {BOUGHT_DAYS} days"),
}
"""By name. Unknown (null): what a customer without any order has no value of."""
KINDS: Final[dict[str, Kind]] = {name: field.kind for name, field in FIELDS.items()}

ORDERS: Final = """
CREATE OR REPLACE TABLE orders AS
SELECT customer_id, order_id, event_timestamp, recorded_timestamp,
    sum(CAST(quantity * unit_price AS DECIMAL(38, 6))) AS value
FROM order_lines
WHERE line_type IN ('sale', 'fee') AND quantity * unit_price > 0 AND customer_id IS NOT NULL
GROUP BY ALL
"""
"""The orders that count: `order_lines` is a view of the canonical lines."""
_BOUGHT: Final = f"""
WITH categories AS (
    SELECT product_id, arg_max(category, valid_from) AS category FROM products
    WHERE epoch_us(valid_from) < $at GROUP BY product_id
),
lines AS (
    SELECT DISTINCT customer_id, product_id, category, channel, store_id
    FROM order_lines LEFT JOIN categories USING (product_id)
    WHERE customer_id IS NOT NULL AND line_type = 'sale' AND quantity * unit_price > 0
        AND epoch_us(event_timestamp) >= $at - {BOUGHT_DAYS * DAY_US}
        AND epoch_us(event_timestamp) < $at AND epoch_us(recorded_timestamp) < $at
)
SELECT customer_id,
    list_sort(list(DISTINCT category) FILTER (category IS NOT NULL)) AS categories_365d,
    list_sort(list(DISTINCT product_id) FILTER (product_id IS NOT NULL)) AS product_ids_365d,
    list_sort(list(DISTINCT channel) FILTER (channel IS NOT NULL)) AS channels_365d,
    list_sort(list(DISTINCT store_id) FILTER (store_id IS NOT NULL)) AS store_ids_365d
FROM lines GROUP BY customer_id
"""
_COUNTRIES: Final = """
SELECT customer_id, arg_max(country, valid_from) AS country FROM shop_customers
WHERE epoch_us(valid_from) < $at GROUP BY customer_id
"""


def put_customers(
    con: duckdb.DuckDBPyConnection,
    activity: pa.Table,
    *,
    at: pd.Timestamp,
    states: LifecycleConfig | None = None,
) -> None:
    """Replace the table `customers` of `con` by FIELDS of every customer of `activity`, as of `at`.

    `con` has the views `order_lines`, `products` and `shop_customers` (canonical tables) and the
    table `orders` (ORDERS). `activity` holds the view customer_activity at `at` (UTC): all
    customers known then.
    """
    con.register("activity", activity)
    con.register("scores", rfm(con, at=at).astype({"customer_id": TEXT}))
    con.register(
        "lifecycles",
        lifecycle(con, states or LifecycleConfig(), at=at, customers="activity"),
    )
    con.execute(
        f"CREATE OR REPLACE TABLE customers AS SELECT customer_id, {_columns()} FROM activity "
        "LEFT JOIN scores USING (customer_id) LEFT JOIN lifecycles USING (customer_id) "
        f"LEFT JOIN ({_BOUGHT}) AS bought USING (customer_id) "
        f"LEFT JOIN ({_COUNTRIES}) AS countries USING (customer_id) ORDER BY customer_id",
        {"at": microseconds(at)},
    )
    for name in ("activity", "scores", "lifecycles"):
        con.unregister(name)


def _columns() -> str:
    """Return the SQL of FIELDS, from the tables that `put_customers` joins."""
    days = "($at - activity.{}) // " + str(DAY_US)
    special: Mapping[str, Any] = {
        "days_since_first_order": days.format("first_order_timestamp"),
        "days_since_last_order": days.format("last_order_timestamp"),
        "average_order_value": "spend_total / nullif(orders_total, 0)",
        **{name: f"make_timestamp(activity.{name})" for name in ACTIVITY_TIMES},
        **{f.name: f"activity.{f.name}" for f in CUSTOMER_FEATURES if f.name not in ACTIVITY_TIMES},
    }
    return ", ".join(f"{special.get(name, quoted(name))} AS {quoted(name)}" for name in FIELDS)
