"""Random filters and random customers, and what a filter means, in plain Python."""

import math
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

from training.segments.filters import (
    OPERATORS,
    And,
    Compare,
    Filter,
    In,
    Kind,
    Known,
    Not,
    Or,
    Value,
)

COLUMNS: dict[str, Kind] = {
    "spend_90d": "number",
    "orders": "number",
    "category": "text",
    "last_order": "time",
    "tags": "texts",
}
_TYPES = {
    "customer_id": pa.string(),
    "spend_90d": pa.float64(),
    "orders": pa.int64(),
    "category": pa.string(),
    "last_order": pa.timestamp("us", tz="UTC"),
    "tags": pa.list_(pa.string()),
}
Row = dict[str, Any]

_texts = st.sampled_from(["tea", "coffee", "", 'say "tea"', "茶", "a\\b\n", "' OR 1=1 --"])
_times = st.sampled_from(
    [
        pd.Timestamp("2024-01-01T00:00:00Z").as_unit("us"),
        pd.Timestamp("2024-01-01T00:00:00.000001Z").as_unit("us"),
        pd.Timestamp("2023-06-30T22:00:00Z").as_unit("us"),
    ]
)
_numbers = st.one_of(
    st.sampled_from([0.0, 1.0, 2.0, -1.0, 0.5, 100.0]), st.floats(allow_nan=False, width=32)
).filter(math.isfinite)
_of_kind: dict[Kind, st.SearchStrategy[Any]] = {
    "number": _numbers,
    "text": _texts,
    "time": _times,
    "texts": _texts,
}


@st.composite
def _conditions(draw: st.DrawFn) -> Filter:
    column = draw(st.sampled_from(sorted(COLUMNS)))
    kind = COLUMNS[column]
    shape = draw(st.sampled_from(["compare", "compare", "in", "known"]))
    if shape == "in":
        return In(column, kind, tuple(draw(st.lists(_of_kind[kind], min_size=1, max_size=3))))
    if shape == "known":
        return Known(column, kind, draw(st.booleans()))
    operator: Any = draw(st.sampled_from(OPERATORS[kind]))
    return Compare(column, kind, operator, draw(_of_kind[kind]))


def _combined(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(inner.map(Not), several.map(And), several.map(Or))


FILTERS: st.SearchStrategy[Filter] = st.recursive(_conditions(), _combined, max_leaves=8)
_ROWS = st.fixed_dictionaries(
    {
        "spend_90d": st.none() | st.just(math.nan) | _numbers,
        "orders": st.none() | st.integers(-1, 3),
        "category": st.none() | _texts,
        "last_order": st.none() | _times,
        "tags": st.none() | st.lists(st.none() | _texts, max_size=3),
    }
)
TABLES: st.SearchStrategy[list[Row]] = st.lists(_ROWS, max_size=15).map(
    lambda rows: [{"customer_id": f"c{at:02d}", **row} for at, row in enumerate(rows)]
)


def holds(node: Filter, row: Row) -> bool:
    """Return whether the filter holds for one customer: an unknown value is in no comparison."""
    match node:
        case Not(operand):
            return not holds(operand, row)
        case And(operands):
            return all(holds(operand, row) for operand in operands)
        case Or(operands):
            return any(holds(operand, row) for operand in operands)
        case Known(column, _, known):
            return known != _unknown(row[column])
        case In(column, kind, values):
            return any(holds(Compare(column, kind, "=", value), row) for value in values)
        case Compare(column, _, operator, value):
            return not _unknown(row[column]) and _compared(row[column], operator, value)


def _unknown(found: Any) -> bool:
    return found is None or (isinstance(found, float) and math.isnan(found))


def _compared(found: Any, operator: str, value: Value) -> bool:
    if isinstance(found, list):
        return (value in found) == (operator == "=")
    results: dict[str, bool] = {"=": found == value, "!=": found != value}
    if not isinstance(found, str):
        results |= {
            "<": found < value,
            "<=": found <= value,
            ">": found > value,
            ">=": found >= value,
        }
    return results[operator]


def put_customers(con: duckdb.DuckDBPyConnection, rows: list[Row]) -> None:
    """Replace the table `customers` of `con` by `rows`."""
    columns = {name: [row[name] for row in rows] for name in _TYPES}
    table = pa.table({name: pa.array(columns[name], _TYPES[name]) for name in _TYPES})
    con.register("rows", table)
    con.execute("CREATE OR REPLACE TABLE customers AS FROM rows")
    con.unregister("rows")
