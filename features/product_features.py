"""The features of a product: the single list that defines rows, Feast's fields and inputs.

`features.transforms` computes them. There are no fresh rows: products change only with a snapshot.
"""

from typing import Final

from features.aggregations import Aggregation, Expression, Feature, Measure, names

# Guests count in units, not in buyers.
UNITS: Final = Measure(rows="sold", function="sum", column="units")
BUYERS: Final = Measure(rows="buyers", function="count", column="customer_id", latest_only=True)
# A past window reads separate rows: a year has four times as many as 90 days.
UNITS_LAST_YEAR: Final = Measure(rows="sold_last_year", function="sum", column="units")
BUYERS_LAST_YEAR: Final = Measure(rows="sold_last_year", function="distinct", column="customer_id")

SALES_AGGREGATIONS: Final = (
    *(Aggregation(f"units_{days}d", UNITS, days=days) for days in (3, 7, 28, 90)),
    *(Aggregation(f"buyers_{days}d", BUYERS, days=days) for days in (3, 7, 28, 90)),
    Aggregation("units_28d_last_year", UNITS_LAST_YEAR, days=365, until_days=337),
    Aggregation("buyers_28d_last_year", BUYERS_LAST_YEAR, days=365, until_days=337),
)
PRODUCT_FEATURES: Final[tuple[Feature, ...]] = (
    *SALES_AGGREGATIONS,
    Expression("unit_price", "float64"),  # of the last sale before T
    Expression("unit_price_90d", "float64"),  # mean over units; the last price if none was sold
    Expression("return_rate_365d", "float64"),
    Expression("first_sale_timestamp", "timestamp"),
    Expression("last_sale_timestamp", "timestamp"),
)
SALES_COUNTS: Final = names(PRODUCT_FEATURES, "int64", "float64")
SALES_TIMES: Final = names(PRODUCT_FEATURES, "timestamp")
CATALOG_FEATURES: Final = (
    Expression("title", "text"),
    Expression("category", "text"),
    Expression("parent_product_id", "text"),
)
