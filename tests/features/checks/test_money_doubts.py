"""Doubts about prices, repeated lines and the course of the revenue."""

from typing import Any

import pandas as pd
import pytest

from tests.features.checks.ordinary_shop import Row, doubts_of, ordinary
from tests.features.shop import line


def test_no_prices() -> None:
    found = doubts_of(ordinary(lambda *_: {"unit_price": 0.0, "line_type": "adjustment"}))
    assert list(found) == ["no_prices"]
    assert "480 of 480 lines" in found["no_prices"].summary
    assert "without_prices: true" in found["no_prices"].way_on
    assert doubts_of(ordinary(lambda n, _: {"unit_price": 0.0} if n % 4 == 0 else {})) == {}


def test_one_price_for_all_products() -> None:
    found = doubts_of(ordinary(lambda *_: {"unit_price": 9.9}))
    assert list(found) == ["one_price"]
    assert "480 of 480 sale lines (100%) have the price 9.9" in found["one_price"].summary
    one_product = ordinary(lambda *_: {"unit_price": 9.9, "product_id": "ticket", "quantity": 2.0})
    assert "one_price" not in doubts_of(one_product)


def test_prices_100_times_apart() -> None:
    def change(order: int, row: Row) -> dict[str, Any]:
        price = row["unit_price"]
        return {"unit_price": price * 100} if order == 100 or order > 230 else {}  # type: ignore[operator]

    found = doubts_of(ordinary(change))
    assert list(found) == ["prices_100_times_apart"]
    assert "`decimal`" in found["prices_100_times_apart"].way_on
    # Prices that rise tenfold, and a single product's slip.
    assert doubts_of(ordinary(lambda n, _: {"unit_price": 25.0} if n == 9 else {})) == {}


def repeated(times: int, *, quantity: float) -> list[Row]:
    rows = ordinary(lambda *_: {"quantity": quantity})
    copies = [row | {"line_number": number} for number in range(times) for row in rows[::2]]
    return [*copies, *(row | {"line_number": 99} for row in rows[1::2])]


def test_lines_of_one_piece_that_repeat() -> None:
    found = doubts_of(repeated(2, quantity=1))
    assert list(found) == ["repeated_lines"]
    assert "240 of 720 sale lines (33%)" in found["repeated_lines"].summary
    assert "`line_number`" in found["repeated_lines"].way_on
    assert doubts_of(repeated(1, quantity=1)) == {}
    assert doubts_of(repeated(2, quantity=2)) == {}


def test_every_line_twice() -> None:
    rows = ordinary()
    twice = [*rows, *(row | {"line_number": row["line_number"] + 2} for row in rows)]  # type: ignore[operator]
    assert list(doubts_of(twice)) == ["repeated_lines"]


def test_months_below_0() -> None:
    back = line("r", "c01", "p01", "2011-03-01 12:00", quantity=-900, price=9, kind="return")
    found = doubts_of([*ordinary(), back])
    assert list(found) == ["negative_months"]
    assert found["negative_months"].examples[0].startswith("2011-03: -")
    assert doubts_of([*ordinary(), back | {"quantity": -1.0}]) == {}


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_step_in_the_revenue(way: str) -> None:
    def daily(day: int, factor: float) -> Row:
        at = pd.Timestamp("2011-01-03 10:00") + pd.Timedelta(days=day, minutes=day)
        return line(
            f"o{day:03d}", f"c{day % 13}", "tea", str(at), price=10 + day % 7, quantity=factor
        )

    after, before = (10.0, 1.0) if way == "up" else (1.0, 10.0)
    rows = [daily(day, before if day < 70 else after) for day in range(140)]
    found = doubts_of(rows, now="2011-06-01")
    assert list(found) == ["revenue_step"]
    assert f"steps {way} after 2011-03-13" in found["revenue_step"].summary  # the tenth Sunday
    season = [daily(day, 3.0 if day >= 70 else 1.0) for day in range(140)]
    week = [daily(day, 50.0 if 70 <= day < 77 else 1.0) for day in range(140)]
    assert doubts_of(season, now="2011-06-01") == doubts_of(week, now="2011-06-01") == {}
