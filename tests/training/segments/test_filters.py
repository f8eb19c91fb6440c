"""What a filter means: its SQL selects whom plain Python selects."""

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings

from tests.training.segments.random_filters import (
    COLUMNS,
    FILTERS,
    TABLES,
    Row,
    holds,
    put_customers,
)
from training.segments.filter_parser import MAX_DEPTH, MAX_LENGTH, parse
from training.segments.filters import Compare, Filter, to_sql

NOBODY: Row = {"customer_id": "nobody"} | dict.fromkeys(COLUMNS)


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET threads = 1; SET TimeZone = 'America/New_York'")
    return connection


def selected(con: duckdb.DuckDBPyConnection, node: Filter) -> list[str]:
    sql, values = to_sql(node)
    rows = con.execute(f"SELECT customer_id FROM customers WHERE {sql} ORDER BY ALL", values)
    return [customer for (customer,) in rows.fetchall()]


@settings(max_examples=400, deadline=None, derandomize=True)
@given(node=FILTERS, rows=TABLES)
def test_sql_selects_as_python(
    con: duckdb.DuckDBPyConnection, node: Filter, rows: list[Row]
) -> None:
    put_customers(con, rows)
    assert selected(con, node) == [row["customer_id"] for row in rows if holds(node, row)]
    sql, values = to_sql(node)
    nulls = con.execute(f"SELECT count(*) FROM customers WHERE ({sql}) IS NULL", values).fetchall()
    assert nulls == [(0,)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spend_90d > 100", ["rich"]),
        ("spend_90d != 5", ["rich"]),
        ("not spend_90d > 100", ["nobody", "poor"]),
        ("spend_90d is unknown", ["nobody"]),
        ("spend_90d is known and orders is unknown", ["poor"]),
        ('category = "tea" and spend_90d >= 5', ["poor", "rich"]),
        ('category = "tea" and spend_90d > 5 or orders is unknown', ["nobody", "poor", "rich"]),
        ('category = "tea" and (spend_90d > 5 or orders is unknown)', ["poor", "rich"]),
        ('category in ("coffee", "tea")', ["poor", "rich"]),
        ("spend_90d in (5, 6)", ["poor"]),
        ('tags = "vip"', ["rich"]),
        ('tags != "vip"', ["poor"]),
        ('tags in ("vip", "new")', ["rich"]),
        ('not tags in ("vip", "new")', ["nobody", "poor"]),
        ('last_order < "2024-01-02"', ["poor"]),
        ('last_order >= "2024-01-01T12:00:00+02:00"', ["poor", "rich"]),
        ('last_order > "2024-01-01T12:00:00+02:00"', ["rich"]),
    ],
)
def test_by_hand(con: duckdb.DuckDBPyConnection, text: str, expected: list[str]) -> None:
    early, late = pd.Timestamp("2024-01-01T10:00:00Z"), pd.Timestamp("2024-02-01T00:00:00Z")
    poor = {"customer_id": "poor", "spend_90d": 5.0, "orders": None, "category": "tea"}
    rich = {"customer_id": "rich", "spend_90d": 500.0, "orders": 3, "category": "tea"}
    rows = [
        poor | {"last_order": early, "tags": []},
        rich | {"last_order": late, "tags": ["vip", "old"]},
        NOBODY,
    ]
    put_customers(con, rows)
    assert selected(con, parse(text, COLUMNS)) == expected


def test_values_and_names_are_never_code(con: duckdb.DuckDBPyConnection) -> None:
    put_customers(con, [NOBODY | {"category": "x"}])
    attack = "x' OR 1=1; DROP TABLE customers; --"
    sql, values = to_sql(Compare("category", "text", "=", attack))
    assert attack not in sql
    assert values == [attack]
    assert selected(con, Compare("category", "text", "=", attack)) == []
    with pytest.raises(duckdb.BinderException):
        selected(con, Compare('category" = "category" OR "category', "text", "=", "y"))


def test_the_longest_and_the_deepest_filter_run(con: duckdb.DuckDBPyConnection) -> None:
    put_customers(con, [NOBODY | {"orders": 1}])
    for word in (" or ", " and "):
        conditions = MAX_LENGTH // len(f"orders = 1{word}")
        assert selected(con, parse(word.join(["orders = 1"] * conditions), COLUMNS)) == ["nobody"]
    values = ",".join(["1"] * ((MAX_LENGTH - 12) // 3))
    assert selected(con, parse(f"orders in ({values})", COLUMNS)) == ["nobody"]
    deep = "orders = 1"
    for _ in range(MAX_DEPTH // 2):
        deep = f"not (orders = 1 and {deep})"
    assert selected(con, parse(deep, COLUMNS)) == ["nobody"]


def test_a_timestamp_without_zone_is_utc(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "CREATE OR REPLACE TABLE customers AS SELECT 'a' AS customer_id, "
        "TIMESTAMP '2024-01-01 00:00:00' AS last_order"
    )
    assert selected(con, parse('last_order = "2024-01-01"', COLUMNS)) == ["a"]
