"""Point-in-time features as pure Ibis expressions: canonical tables and cuts in, feature rows out.

A cut is a time T (`cuts` has one column, `cut`); each function gives the rows of all cuts at once.
A line is known at T when it happened and was recorded before T; windows are [T - days, T).
Amounts are added as exact decimals: a value depends on the lines known at T, not on their order.
"""

from collections.abc import Sequence
from typing import Any, Final

import ibis
from ibis import _
from ibis.expr.types import Column, Table

from features.schema import HISTORY_LENGTH, RETURN_DAYS

_EPOCH: Final = ibis.timestamp("1970-01-01", timezone="UTC")
_DAY: Final = 24 * 60 * 60 * 1_000_000  # microseconds
_FOREVER: Final = 2**62
_YEAR: Final = 365


def customer_activity(order_lines: Table, cuts: Table, *, customers: Table | None = None) -> Table:
    """Return ACTIVITY_COUNTS and ACTIVITY_TIMES of every customer known at a cut.

    A customer is known by any line, and by a row of `customers` from its `valid_from` on.
    An order counts when it has a positive sale or fee line, and spend is the value of such lines;
    units and products are those of positive sale lines, returns are return lines.
    """
    key = ["customer_id", "cut"]
    lines = _knowable(order_lines.filter(_.customer_id.notnull()))
    positive = lines.filter(lines.line_type.isin(["sale", "fee"]), lines.positive)
    sold = positive.filter(positive.line_type == "sale")
    known = lines.select("customer_id", "known")
    if customers is not None:
        known = known.union(customers.select("customer_id", known=microseconds(_.valid_from)))
    orders = positive.group_by(
        ["customer_id", "order_id", "event_timestamp", "happened", "known"]
    ).agg(value=_.value.sum(), units=_.units.sum(where=_.line_type == "sale"))
    counts = _seen(orders, cuts).group_by(key)
    counts = counts.agg(
        **{f"orders_{days}d": _.order_id.nunique(where=_within(days)) for days in (30, 90, 365)},
        orders_total=_.order_id.nunique(),
        orders_90d_last_year=_.order_id.nunique(where=_within(_YEAR) & ~_within(_YEAR - 90)),
        **{f"spend_{days}d": _.value.sum(where=_within(days)) for days in (30, 90, 365)},
        spend_total=_.value.sum(),
        units_365d=_.units.sum(where=_within(365)),
        first_order_timestamp=_.event_timestamp.min(),
        last_order_timestamp=_.event_timestamp.max(),
    )
    products = _seen(_latest(sold, ["customer_id", "product_id"]), cuts, days=365)
    returns = _seen(lines.filter(lines.line_type == "return"), cuts, days=365)
    return _rows(
        _seen(known.group_by("customer_id").agg(known=_.known.min()), cuts).select(key),
        counts,
        products.group_by(key).agg(products_365d=_.product_id.count()),
        returns.group_by(key).agg(returns_365d=_.count()),
    )


def customer_history(order_lines: Table, cuts: Table) -> Table:
    """Return the last HISTORY_LENGTH purchases of every customer who bought before a cut.

    A purchase is a (customer, order, product) with a positive sale line, at the time and the value
    of its last line. `recent_products`, `recent_timestamps` (microseconds since 1970) and
    `recent_values` (in the shop's currency) stand newest first, ties by product id. So do
    `returned_products` and `returned_timestamps`: the last return of each product in RETURN_DAYS.
    """
    key = ["customer_id", "cut"]
    order = [_.event_timestamp.desc(), _.product_id, _.order_id]
    bought = _sold(order_lines).filter(_.customer_id.notnull())
    bought = _latest(bought, ["customer_id", "order_id", "product_id"])
    newest = ibis.window(group_by="customer_id", order_by=order)
    newer = ibis.window(group_by="customer_id", order_by=order, rows=(-HISTORY_LENGTH, -1))
    purchase = {
        "position": ibis.row_number().over(newest),
        "product_id": _.product_id,
        "micros": _.happened,
        "value": _.value.cast("float64"),
    }
    bought = bought.mutate(
        purchase=ibis.struct(purchase),
        full=_.replaced.isnull().cast("int64").sum().over(newer) == HISTORY_LENGTH,
        newer_known=_.known.max().over(newer),
    )
    # Only for speed: a line leaves the list once HISTORY_LENGTH newer purchases are known.
    bought = bought.mutate(replaced=ibis.coalesce(_.replaced, _.full.ifelse(_.newer_known, None)))
    lists = _seen(bought, cuts).group_by(key)
    lists = lists.agg(purchases=_.purchase.collect().sort()[:HISTORY_LENGTH])
    returned = _knowable(order_lines).filter(
        _.line_type == "return", _.customer_id.notnull(), _.product_id.notnull()
    )
    returned = _seen(_latest(returned, ["customer_id", "product_id"]), cuts, days=RETURN_DAYS)
    returned = returned.mutate(
        line=ibis.struct({"age": -_.happened, "product_id": _.product_id}),
    )
    lists = lists.left_join(returned.group_by(key).agg(returns=_.line.collect().sort()), key)
    return _stamped(
        lists.select(
            *key,
            recent_products=_.purchases.map(lambda purchase: purchase.product_id),
            recent_timestamps=_.purchases.map(lambda purchase: purchase.micros),
            recent_values=_.purchases.map(lambda purchase: purchase.value),
            returned_products=_.returns.map(lambda line: line.product_id),
            returned_timestamps=_.returns.map(lambda line: -line.age),
        )
    )


def product_sales(order_lines: Table, cuts: Table) -> Table:
    """Return SALES_COUNTS and SALES_TIMES of every product with a positive sale before a cut.

    Guests count in units, not in buyers. `unit_price` is that of the last sale, `unit_price_90d`
    the mean over units (the last price where none was sold), `return_rate_365d` the units returned
    by the units sold (0 where none was).
    """
    key = ["product_id", "cut"]
    windows = (3, 7, 28, 90)
    sold = _sold(order_lines)
    returned = _knowable(order_lines).filter(_.line_type == "return", _.product_id.notnull())
    last = _seen(_latest(sold, ["product_id"]), cuts)
    first = _seen(_latest(sold, ["product_id"], oldest=True), cuts)
    buyers = _latest(sold.filter(_.customer_id.notnull()), ["product_id", "customer_id"])
    rows = _rows(
        last.select(*key, "unit_price", last_sale_timestamp=_.event_timestamp),
        first.select(*key, first_sale_timestamp=_.event_timestamp),
        _seen(sold, cuts, days=90)
        .group_by(key)
        .agg(
            **{f"units_{days}d": _.units.sum(where=_within(days)) for days in windows},
            value_90d=_.value.sum(),
        ),
        _seen(buyers, cuts, days=90)
        .group_by(key)
        .agg(**{f"buyers_{days}d": _.count(where=_within(days)) for days in windows}),
        _seen(sold, cuts, days=_YEAR, until=_YEAR - 28)
        .group_by(key)
        .agg(units_28d_last_year=_.units.sum(), buyers_28d_last_year=_.customer_id.nunique()),
        _seen(sold, cuts, days=365).group_by(key).agg(sold_365d=_.units.sum()),
        _seen(returned, cuts, days=365).group_by(key).agg(returned_365d=-_.units.sum()),
    )
    return rows.mutate(
        unit_price_90d=(_.units_90d > 0).ifelse(_.value_90d / _.units_90d, _.unit_price),
        return_rate_365d=(_.sold_365d > 0).ifelse(_.returned_365d / _.sold_365d, 0.0),
    ).drop("value_90d", "sold_365d", "returned_365d")


def product_catalog(products: Table, cuts: Table) -> Table:
    """Return what stood of every product at a cut: title, category, parent_product_id."""
    valid_from = microseconds(_.valid_from)
    rows = products.mutate(event_timestamp=_.valid_from, happened=valid_from, known=valid_from)
    latest = _latest(rows, ["product_id"], ties=())
    seen = _seen(latest, cuts)
    return _stamped(seen.select("product_id", "cut", "title", "category", "parent_product_id"))


def microseconds(time: Any) -> Any:
    """Return a time as the microseconds since 1970 (an integer)."""
    return time.delta(_EPOCH, unit="microsecond")


def _knowable(order_lines: Table) -> Table:
    """Add when a line happened and was known (microseconds), and what it brought (decimals)."""
    return order_lines.mutate(
        happened=microseconds(_.event_timestamp),
        known=microseconds(ibis.greatest(_.event_timestamp, _.recorded_timestamp)),
        positive=_.quantity * _.unit_price > 0,
        value=(_.quantity * _.unit_price).cast("decimal(38, 6)"),
        units=_.quantity.cast("decimal(38, 6)"),
    )


def _sold(order_lines: Table) -> Table:
    lines = _knowable(order_lines)
    return lines.filter(lines.line_type == "sale", lines.product_id.notnull(), lines.positive)


def _latest(
    rows: Table,
    by: Sequence[str],
    *,
    ties: Sequence[str] = ("order_id", "line_number"),
    oldest: bool = False,
) -> Table:
    """Add `replaced`: when a later (with `oldest`: earlier) row of the same `by` was first known.

    At every cut then exactly one row of each `by` is known and not replaced: the latest known.
    """
    order = [ibis.desc(name) if oldest else ibis.asc(name) for name in ("event_timestamp", *ties)]
    later = ibis.window(group_by=list(by), order_by=order, rows=(1, None))
    return rows.mutate(replaced=_.known.min().over(later))


def _seen(rows: Table, cuts: Table, *, days: int | None = None, until: int = 0) -> Table:
    """Return `rows` once for each cut T that sees them, in [T - days, T - until)."""
    starts, ends = [_.known], [_FOREVER]
    if "replaced" in rows.columns:
        ends.append(_.replaced)
    if days is not None:
        starts.append(_.happened + until * _DAY)
        ends.append(_.happened + days * _DAY)
    rows = rows.mutate(starts=ibis.greatest(*starts), ends=ibis.least(*ends))
    cuts = cuts.mutate(time=microseconds(_.cut))
    return rows.join(cuts, [rows.starts < cuts.time, rows.ends >= cuts.time]).drop("starts", "ends")


def _within(days: int) -> Any:
    return _.happened >= _.time - days * _DAY


def _rows(first: Table, *others: Table) -> Table:
    """Join `others` to the rows of `first`; a number that is missing is 0, decimals are floats."""
    key = first.columns[:2]
    table = first
    for other in others:
        table = table.left_join(other, key, rname="{name}_right")
        table = table.drop(*(name for name in table.columns if name.endswith("_right")))
    numbers = {n: _number(table[n]) for n, t in table.schema().items() if t.is_numeric()}
    return _stamped(table.mutate(**numbers))


def _number(column: Column) -> Column:
    filled = column.fill_null(0)
    return filled.cast("float64") if column.type().is_decimal() else filled


def _stamped(rows: Table) -> Table:
    """Name the cut as Feast reads it: what was computed for T happened and was known at T."""
    return rows.rename(event_timestamp="cut").mutate(created_timestamp=_.event_timestamp)
