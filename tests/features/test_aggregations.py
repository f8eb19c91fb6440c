"""Aggregations by hand: the update of one stored value, and what is refused."""

import pytest

from features.aggregations import Aggregation, FreshRow, Measure
from features.times import DAY_US

NOW = 1000 * DAY_US
SUM = Measure(rows="orders", function="sum", column="value")
COUNT = Measure(rows="products", function="count", column="product_id", latest_only=True)
FIRST = Measure(rows="orders", function="first", column="event_timestamp", transform=None)
LAST = Measure(rows="orders", function="last", column="event_timestamp", transform=None)


def rows(*ages: float, value: float = 2.5) -> list[FreshRow]:
    """Return rows that happened so many days before NOW."""
    return [FreshRow(happened=NOW - int(age * DAY_US), value=value) for age in ages]


def test_a_window_holds_its_start_and_not_its_end() -> None:
    feature = Aggregation("spend", SUM, days=30, until_days=10)
    fresh = [*rows(30, 10.5), *rows(10, 9, 30.001, value=100.0)]
    assert feature.updated(1.0, fresh, now=NOW) == 1.0 + 2 * 2.5
    assert feature.updated(None, [], now=NOW) == 0.0
    assert Aggregation("spend", SUM).updated(None, rows(0, 900), now=NOW) == 5.0
    # recorded by a clock ahead of ours: newer than now
    assert Aggregation("spend", SUM, days=30).updated(0.0, rows(-0.001), now=NOW) == 2.5


def test_a_row_that_replaces_another_counts_once() -> None:
    feature = Aggregation("products", COUNT, days=30)
    happened, old, older = NOW - DAY_US, NOW - 20 * DAY_US, NOW - 31 * DAY_US
    replacing = [FreshRow(happened=happened, replaces=other) for other in (None, old, older)]
    assert [feature.updated(5, [row], now=NOW) for row in replacing] == [6.0, 5.0, 6.0]


def test_times_are_the_first_and_the_last() -> None:
    first, last = Aggregation("first", FIRST), Aggregation("last", LAST)
    fresh, stored = rows(5, 3, 9), NOW - 7 * DAY_US
    assert first.updated(stored, fresh, now=NOW) == NOW - 9 * DAY_US
    assert last.updated(stored, fresh, now=NOW) == NOW - 3 * DAY_US
    assert (first.updated(None, [], now=NOW), last.updated(stored, [], now=NOW)) == (None, stored)


def test_a_past_window_of_latest_rows_is_refused() -> None:
    with pytest.raises(
        ValueError, match="products_last_year: latest_only rows cannot have a window"
    ):
        Aggregation("products_last_year", COUNT, days=365, until_days=275)


def test_a_past_window_stands_by_itself_in_explanations() -> None:
    measure = Measure(rows="orders", function="distinct", column="order_id", group="orders")
    assert Aggregation("orders_7d", measure, days=7).group == "orders"
    assert Aggregation("orders_old", measure, days=9, until_days=7).group == "orders_old"
