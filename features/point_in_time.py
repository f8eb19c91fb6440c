"""Rows known at a cut: the basis of all Ibis expressions of features.

A cut is a time T (`cuts` has one column, `cut`). A row is known at T when it happened and was
recorded before T; windows are [T - days, T). Amounts are added as exact decimals: a value depends
on the rows known at T, not on their order.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import ibis
import ibis.expr.datatypes as dt
from ibis import _
from ibis.expr.types import Column, Table

from features.aggregations import Aggregation
from features.times import DAY_US

_FOREVER: Final = 2**62


def unix_microseconds(time: Any) -> Any:
    """Return the expression of a time as the microseconds since 1970 (an integer).

    It is DuckDB's `epoch_us`; Ibis' own difference of two times is many times slower there.
    """
    return _EPOCH_US(time)


def _microseconds(time: Any) -> Any:
    """Declare a function of DuckDB for Ibis: it has no body."""


_EPOCH_US: Final[Any] = ibis.udf.scalar.builtin(
    _microseconds,
    name="epoch_us",
    signature=((dt.Timestamp(timezone="UTC"),), dt.int64),
)


def knowable(order_lines: Table) -> Table:
    """Add when a line happened and became known (microseconds), its value and units (decimals)."""
    return order_lines.mutate(
        happened=unix_microseconds(_.event_timestamp),
        known=unix_microseconds(ibis.greatest(_.event_timestamp, _.recorded_timestamp)),
        positive=_.quantity * _.unit_price > 0,
        value=(_.quantity * _.unit_price).cast("decimal(38, 6)"),
        units=_.quantity.cast("decimal(38, 6)"),
    )


def sold(order_lines: Table) -> Table:
    """Return the positive sale lines of products, with the columns of `knowable`."""
    lines = knowable(order_lines)
    return lines.filter(lines.line_type == "sale", lines.product_id.notnull(), lines.positive)


def latest(
    rows: Table,
    by: Sequence[str],
    *,
    ties: Sequence[str] = ("order_id", "line_number"),
    oldest: bool = False,
) -> Table:
    """Add `replaced`: when a later (with `oldest`: earlier) row of the same `by` was first known.

    Then exactly one row of each `by` is known and not replaced at every cut: the latest known.
    """
    order = [ibis.desc(name) if oldest else ibis.asc(name) for name in ("event_timestamp", *ties)]
    later = ibis.window(group_by=list(by), order_by=order, rows=(1, None))
    return rows.mutate(replaced=_.known.min().over(later))


def seen(rows: Table, cuts: Table, *, days: int | None = None, until_days: int = 0) -> Table:
    """Return `rows` known at each cut T, once per cut, in [T - days, T - until_days)."""
    starts, ends = [_.known], [_FOREVER]
    if "replaced" in rows.columns:
        ends.append(_.replaced)
    if days is not None:
        starts.append(_.happened + until_days * DAY_US)
        ends.append(_.happened + days * DAY_US)
    rows = rows.mutate(starts=ibis.greatest(*starts), ends=ibis.least(*ends))
    cuts = cuts.mutate(time=unix_microseconds(_.cut))
    return rows.join(cuts, [rows.starts < cuts.time, rows.ends >= cuts.time]).drop("starts", "ends")


def aggregated(
    features: Sequence[Aggregation], rows: Mapping[str, Table], cuts: Table, *, key: Sequence[str]
) -> list[Table]:
    """Return `features` by `key`, one table for each kind of `rows` that they aggregate.

    Rows are read only over the longest window of their features.
    """
    tables = []
    for name in dict.fromkeys(feature.measure.rows for feature in features):
        selected = [feature for feature in features if feature.measure.rows == name]
        windows = [feature.days for feature in selected if feature.days is not None]
        days = max(windows) if len(windows) == len(selected) else None
        visible = seen(rows[name], cuts, days=days, until_days=min(f.until_days for f in selected))
        aggregates = {feature.name: feature.expression(visible) for feature in selected}
        tables.append(visible.group_by(list(key)).agg(**aggregates))
    return tables


def joined(first: Table, *others: Table) -> Table:
    """Join `others` to the rows of `first`; a missing number becomes 0, decimals become floats."""
    key = first.columns[:2]
    table = first
    for other in others:
        table = table.left_join(other, key, rname="{name}_right")
        table = table.drop(*(name for name in table.columns if name.endswith("_right")))
    numbers = {n: _number(table[n]) for n, t in table.schema().items() if t.is_numeric()}
    return stamped(table.mutate(**numbers))


def stamped(rows: Table) -> Table:
    """Rename the cut for Feast: a row computed for T has event and created time T."""
    return rows.rename(event_timestamp="cut").mutate(created_timestamp=_.event_timestamp)


def _number(column: Column) -> Column:
    filled = column.fill_null(0)
    return filled.cast("float64") if column.type().is_decimal() else filled
