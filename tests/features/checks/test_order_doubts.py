"""Doubts about orders and their customers."""

from typing import Any

import pytest

from features.checks.order_doubts import unlikely_customers
from tests.features.checks.ordinary_shop import Row, doubts_of, ordinary
from tests.features.shop import line


def test_an_ordinary_shop_raises_no_doubt() -> None:
    assert doubts_of(ordinary()) == {}


def test_a_shop_without_lines_raises_no_doubt() -> None:
    assert doubts_of([]) == {}


def test_one_id_with_an_unlikely_share() -> None:
    found = doubts_of(ordinary(lambda order, _: {"customer_id": "99"} if order % 3 == 0 else {}))
    doubt = found["customer_with_unlikely_share"]
    assert "'99' has 80 of 240 orders (33%)" in doubt.summary
    assert 'guest_ids: ["99"]' in doubt.way_on


def test_a_good_customer_is_no_doubt() -> None:
    assert doubts_of(ordinary(lambda n, _: {"customer_id": "99"} if n % 12 == 0 else {})) == {}


def test_the_best_of_three_customers_is_no_doubt() -> None:
    assert doubts_of(ordinary(lambda n, _: {"customer_id": "c" if n % 9 else "b"})) == {}


def test_an_only_customer_with_all_orders() -> None:
    found = doubts_of(ordinary(lambda *_: {"customer_id": "counter"}))
    assert list(found) == ["customer_with_unlikely_share"]


@pytest.mark.parametrize(
    ("counts", "unlikely"),
    [
        ([60, 50, *[2] * 20], 2),  # two guest ids
        ([50, 11, *[5] * 20], 0),  # not 5 times the next
        ([20, *[1] * 20], 0),  # few orders
        ([30, *[1] * 800], 0),  # below 5%
        ([], 0),
    ],
)
def test_which_shares_are_unlikely(counts: list[int], unlikely: int) -> None:
    assert unlikely_customers(counts, orders=sum(counts)) == unlikely


def test_an_order_of_several_customers() -> None:
    def change(order: int, row: Row) -> dict[str, Any]:
        return {"customer_id": "c99"} if order == 5 and row["line_number"] == 2 else {}

    found = doubts_of(ordinary(change))
    assert list(found) == ["orders_of_several_customers"]
    assert found["orders_of_several_customers"].examples == ("o005",)
    assert "order_id: [date, till, receipt]" in found["orders_of_several_customers"].way_on


def test_a_customer_on_the_first_line_only() -> None:
    def change(_: int, row: Row) -> dict[str, Any]:
        return {"customer_id": None} if row["line_number"] == 2 else {}

    found = doubts_of(ordinary(change))
    assert list(found) == ["orders_partly_without_customer"]
    assert "fill_down" in found["orders_partly_without_customer"].way_on


def test_guests_are_no_doubt() -> None:
    assert doubts_of(ordinary(lambda n, _: {"customer_id": None} if n % 2 else {})) == {}


def test_a_receipt_number_that_restarts_each_week() -> None:
    rows = ordinary(lambda order, _: {"order_id": f"r{order % 29}", "customer_id": None})
    for number, row in enumerate(rows):
        row["line_number"] = number
    found = doubts_of(rows)
    assert list(found) == ["orders_over_several_days"]
    assert "29 of 29 orders" in found["orders_over_several_days"].summary
    assert "order_id: [date, till, receipt]" in found["orders_over_several_days"].way_on


def test_a_return_of_a_later_day_and_an_order_over_midnight_are_no_doubt() -> None:
    assert (
        doubts_of(
            [
                line("a", "ann", "tea", "2011-03-01 23:59"),
                line("a", "ann", "cup", "2011-03-02 00:01", number=2),
                line("a", "ann", "tea", "2011-03-02 15:00", number=3, quantity=-1, kind="return"),
            ]
        )
        == {}
    )


def test_a_receipt_number_of_several_stores() -> None:
    def stores(order: int, row: Row) -> dict[str, Any]:
        return {"store_id": f"s{row['line_number'] if order < 9 else 1}"}

    found = doubts_of(ordinary(stores))
    assert list(found) == ["orders_in_several_stores"]
    assert doubts_of(ordinary(lambda order, _: {"store_id": f"s{order % 3}"})) == {}
