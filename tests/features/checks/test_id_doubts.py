"""Doubts about ids and their joins."""

from collections.abc import Callable

import pandas as pd
import pytest

from tests.features.checks.ordinary_shop import Row, doubts_of, ordinary
from tests.features.shop import customers, products


def ids(column: str, name: Callable[[int], str]) -> list[Row]:
    """Return the ordinary shop with the ids `name(number)` in `column`."""

    def change(order: int, row: Row) -> Row:
        number = order if column == "order_id" else int(str(row[column])[1:])
        return {column: name(number)}

    return ordinary(change)


@pytest.mark.parametrize(
    ("column", "odd", "code", "way_on"),
    [
        ("order_id", "5.01E+12", "order_ids_in_scientific_notation", "missing:"),
        ("customer_id", "1.2e+09", "customer_ids_in_scientific_notation", "missing:"),
        ("customer_id", "NULL", "customer_ids_missing", 'missing: ["NULL"]'),
        ("customer_id", "散客", "customer_ids_guest_ids", 'guest_ids: ["散客"]'),
        ("customer_id", "0", "customer_ids_guest_ids", 'guest_ids: ["0"]'),
        ("product_id", "N/A", "product_ids_missing", 'missing: ["N/A"]'),
        ("product_id", "Total", "product_ids_totals", 'totals: ["Total"]'),
        ("customer_id", "C01", "customer_ids_differ_by_case", "customer_ids: {case: lower}"),
        ("customer_id", "ｃ０１", "customer_ids_differ_by_form", "customer_ids: {form: NFKC}"),
        ("product_id", "p 01", "product_ids_differ_by_spaces", "product_id"),
    ],
)
def test_one_odd_id(column: str, odd: str, code: str, way_on: str) -> None:
    prefix = column[0]
    found = doubts_of(ids(column, lambda n: odd if n == 7 else f"{prefix}{n:02d}"))
    assert list(found) == [code]
    assert way_on in found[code].way_on
    assert odd in found[code].examples


@pytest.mark.parametrize("id_", ["5E12X", "0a", "nannie", "sums", "n"])
def test_ids_that_only_resemble_odd_ones(id_: str) -> None:
    assert doubts_of(ids("customer_id", lambda n: id_ if n == 7 else f"c{n:02d}")) == {}


def test_leading_zeros_and_the_width_that_restores_them() -> None:
    found = doubts_of(ids("product_id", lambda n: {1: "0042", 2: "42"}.get(n, f"{n + 1000}")))
    assert list(found) == ["product_ids_differ_by_zeros"]
    assert "product_ids: {width: 4}" in found["product_ids_differ_by_zeros"].way_on
    assert doubts_of(ids("product_id", lambda n: f"{n + 40:04d}")) == {}


def test_an_ending_of_numbers() -> None:
    found = doubts_of(ids("customer_id", lambda n: "142.0" if n == 3 else f"{n + 140}"))
    assert list(found) == ["customer_ids_differ_by_suffix"]
    assert 'customer_ids: {remove: ".0"}' in found["customer_ids_differ_by_suffix"].way_on
    assert doubts_of(ids("customer_id", lambda n: f"{n + 140}.0")) == {}


def test_a_spelling_of_the_customers_table_counts_too() -> None:
    found = doubts_of(ordinary(), customers=customers(*((f"C{n:02d}", NEW) for n in range(30))))
    assert set(found) == {"customer_ids_differ_by_case", "customers_never_join"}
    assert "60 customer ids are 30" in found["customer_ids_differ_by_case"].summary
    assert "{case: lower}` makes 100%" in found["customers_never_join"].way_on


def test_ids_rounded_to_15_digits() -> None:
    found = doubts_of(ids("order_id", lambda n: f"{920_000_000_000_000 + n}0000"))
    assert list(found) == ["order_ids_rounded"]
    assert doubts_of(ids("order_id", lambda n: f"920{n:06d}{n * 7919 % 10**10:010d}")) == {}
    assert doubts_of(ids("order_id", lambda n: f"{n + 1000}000000")) == {}  # 10 digits


def test_ids_cut_at_the_width_of_a_column() -> None:
    def mail(n: int) -> str:
        return f"{'abcdefghij'[: n % 10]}{n:02d}@{'shop' * (n % 3)}.test"

    assert doubts_of(ordinary(lambda order, _: {"customer_id": mail(order)})) == {}
    found = doubts_of(ordinary(lambda order, _: {"customer_id": mail(order)[:15]}))
    assert "customer_ids_cut" in found


@pytest.mark.parametrize("prefix", ["", "K"])
def test_numbers_that_count_up_are_not_cut(prefix: str) -> None:
    rows = ordinary(lambda order, _: {"customer_id": f"{prefix}{order + 1}"})
    assert doubts_of(rows) == {}


NEW = "2011-01-01"


def catalogue(name: Callable[[int], str], count: int = 12) -> pd.DataFrame:
    return products(*((name(n), NEW, "Cup") for n in range(count)))


def test_products_that_never_join() -> None:
    found = doubts_of(ordinary(), products=catalogue(lambda n: f"{n:02d}"))
    assert list(found) == ["products_never_join"]
    assert "480 of 480 lines (100%)" in found["products_never_join"].summary
    assert "product_id" in found["products_never_join"].way_on


def test_the_rule_that_makes_products_join_is_named() -> None:
    rows = ids("product_id", lambda n: f"{n + 1}")
    found = doubts_of(rows, products=catalogue(lambda n: f"{n + 1:05d}"))
    assert "product_ids: {width: 5}` makes 100%" in found["products_never_join"].way_on


def test_an_unlisted_product_and_unsold_ones_are_no_doubt() -> None:
    rows = ordinary(lambda order, _: {"product_id": "new"} if order == 3 else {})
    assert doubts_of(rows, products=catalogue(lambda n: f"p{n:02d}", count=40)) == {}


def test_another_shops_products() -> None:
    found = doubts_of(ordinary(), products=catalogue(lambda n: f"p{n:02d}", count=400))
    assert list(found) == ["products_never_sold"]
    assert "388 of 400" in found["products_never_sold"].summary
