"""Point-in-time features as pure Ibis expressions: canonical tables and cuts in, feature rows out.

`cuts` has one column, `cut`: the times T; each function returns the rows of all cuts at once.
"""

from typing import Final

from ibis import _
from ibis.expr.types import Table

from features.aggregations import Aggregation, Measure
from features.customer_features import CUSTOMER_FEATURES
from features.point_in_time import (
    aggregated,
    joined,
    knowable,
    latest,
    seen,
    sold,
    stamped,
    unix_microseconds,
)
from features.product_features import SALES_AGGREGATIONS

_VALUE_90D: Final = Aggregation(
    "value_90d", Measure(rows="sold", function="sum", column="value"), days=90
)


def customer_activity(order_lines: Table, cuts: Table, *, customers: Table | None = None) -> Table:
    """Return CUSTOMER_FEATURES of every customer known at a cut.

    A customer is known from any line, or from the `valid_from` of a row of `customers`.
    An order counts when it has a positive sale or fee line, and spend is the value of these lines;
    units and products come from positive sale lines, returns from return lines.
    """
    key = ["customer_id", "cut"]
    lines = knowable(order_lines.filter(_.customer_id.notnull()))
    positive = lines.filter(lines.line_type.isin(["sale", "fee"]), lines.positive)
    known = lines.select("customer_id", "known")
    if customers is not None:
        known = known.union(customers.select("customer_id", known=unix_microseconds(_.valid_from)))
    orders = positive.group_by(
        ["customer_id", "order_id", "event_timestamp", "happened", "known"]
    ).agg(value=_.value.sum(), units=_.units.sum(where=_.line_type == "sale"))
    rows = {
        "orders": orders,
        "products": latest(positive.filter(_.line_type == "sale"), ["customer_id", "product_id"]),
        "returns": lines.filter(lines.line_type == "return"),
    }
    return joined(
        seen(known.group_by("customer_id").agg(known=_.known.min()), cuts).select(key),
        *aggregated(CUSTOMER_FEATURES, rows, cuts, key=key),
    )


def product_sales(order_lines: Table, cuts: Table) -> Table:
    """Return PRODUCT_FEATURES of every product with a positive sale before a cut.

    Guests count in units, not in buyers. `unit_price` is that of the last sale, `unit_price_90d`
    the mean over units (the last price if none was sold), `return_rate_365d` the units returned
    divided by the units sold (0 if none was).
    """
    key = ["product_id", "cut"]
    sales = sold(order_lines)
    returned = knowable(order_lines).filter(_.line_type == "return", _.product_id.notnull())
    last = seen(latest(sales, ["product_id"]), cuts)
    first = seen(latest(sales, ["product_id"], oldest=True), cuts)
    rows = {
        "sold": sales,
        "buyers": latest(sales.filter(_.customer_id.notnull()), ["product_id", "customer_id"]),
        "sold_last_year": sales,
    }
    table = joined(
        last.select(*key, "unit_price", last_sale_timestamp=_.event_timestamp),
        first.select(*key, first_sale_timestamp=_.event_timestamp),
        *aggregated((*SALES_AGGREGATIONS, _VALUE_90D), rows, cuts, key=key),
        seen(sales, cuts, days=365).group_by(key).agg(sold_365d=_.units.sum()),
        seen(returned, cuts, days=365).group_by(key).agg(returned_365d=-_.units.sum()),
    )
    return table.mutate(
        unit_price_90d=(_.units_90d > 0).ifelse(_.value_90d / _.units_90d, _.unit_price),
        return_rate_365d=(_.sold_365d > 0).ifelse(_.returned_365d / _.sold_365d, 0.0),
    ).drop("value_90d", "sold_365d", "returned_365d")


def product_catalog(products: Table, cuts: Table) -> Table:
    """Return title, category and parent_product_id of every product, as valid at a cut."""
    valid_from = unix_microseconds(_.valid_from)
    rows = products.mutate(event_timestamp=_.valid_from, happened=valid_from, known=valid_from)
    visible = seen(latest(rows, ["product_id"], ties=()), cuts)
    return stamped(visible.select("product_id", "cut", "title", "category", "parent_product_id"))
