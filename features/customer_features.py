"""The features of a customer: the single list from which everything else is derived.

Offline rows (features.transforms), the update by fresh events (features.online.fresh_events),
Feast's fields, the packed online row and the model inputs all come from CUSTOMER_FEATURES.
How to add one: features/README.md.
"""

from typing import Final

from features.aggregations import Aggregation, Expression, Measure, names

# An order counts when it has a positive sale or fee line; its value is the sum of these lines.
ORDERS: Final = Measure(rows="orders", function="distinct", column="order_id", group="orders")
SPEND: Final = Measure(rows="orders", function="sum", column="value", group="spend")
UNITS: Final = Measure(rows="orders", function="sum", column="units", group="products")
PRODUCTS: Final = Measure(
    rows="products", function="count", column="product_id", latest_only=True, group="products"
)
RETURNS: Final = Measure(rows="returns", function="count", column="order_id", group="returns")
FIRST_ORDER: Final = Measure(
    rows="orders", function="first", column="event_timestamp", group="first_order", transform=None
)
LAST_ORDER: Final = Measure(
    rows="orders", function="last", column="event_timestamp", group="last_order", transform=None
)

CUSTOMER_FEATURES: Final = (
    Aggregation("orders_30d", ORDERS, days=30),
    Aggregation("orders_90d", ORDERS, days=90),
    Aggregation("orders_365d", ORDERS, days=365),
    Aggregation("orders_total", ORDERS),
    # Orders of the coming 90 days, one year ago.
    Aggregation("orders_90d_last_year", ORDERS, days=365, until_days=275),
    Aggregation("spend_30d", SPEND, days=30),
    Aggregation("spend_90d", SPEND, days=90),
    Aggregation("spend_365d", SPEND, days=365),
    Aggregation("spend_total", SPEND),
    Aggregation("units_365d", UNITS, days=365),
    Aggregation("products_365d", PRODUCTS, days=365),
    Aggregation("returns_365d", RETURNS, days=365),
    Aggregation("first_order_timestamp", FIRST_ORDER),
    Aggregation("last_order_timestamp", LAST_ORDER),
)
ACTIVITY_COUNTS: Final = names(CUSTOMER_FEATURES, "int64", "float64")
ACTIVITY_TIMES: Final = names(CUSTOMER_FEATURES, "timestamp")

HISTORY_LENGTH: Final = 400
"""Maximum length of a history, in purchases (customer, order, product); the newest remain."""
RETURN_DAYS: Final = 365
"""A history holds the returns of this many days before T."""
HISTORY_FEATURES: Final = (  # computed, and updated, in features.customer_history
    Expression("recent_products", "texts"),
    Expression("recent_timestamps", "timestamps"),
    Expression("recent_values", "floats"),
    Expression("returned_products", "texts"),
    Expression("returned_timestamps", "timestamps"),
)
HISTORY_LISTS: Final = tuple(f.name for f in HISTORY_FEATURES if f.name.startswith("recent_"))
RETURN_LISTS: Final = tuple(f.name for f in HISTORY_FEATURES if f.name.startswith("returned_"))
