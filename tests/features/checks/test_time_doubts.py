"""Doubts about times."""

from typing import Any

import pandas as pd

from features.times import read_time
from tests.features.checks.ordinary_shop import Row, doubts_of, ordinary
from tests.features.shop import line, time


def moved(**by: Any) -> list[Row]:
    """Return the ordinary shop with its times moved by a Timedelta."""
    step = pd.Timedelta(**by)

    def change(_: int, row: Row) -> dict[str, Any]:
        return {"event_timestamp": row["event_timestamp"] + step}  # type: ignore[operator]

    return ordinary(change)


def test_dates_without_a_time_of_day() -> None:
    def midnight(_: int, row: Row) -> dict[str, Any]:
        return {"event_timestamp": row["event_timestamp"].normalize()}  # type: ignore[attr-defined]

    found = doubts_of(ordinary(midnight))
    assert list(found) == ["times_at_midnight"]
    assert "240 of 240 orders (100%) are at 00:00:00 in UTC" in found["times_at_midnight"].summary
    assert "event_timestamp: [date, time]" in found["times_at_midnight"].way_on
    other = doubts_of(ordinary(midnight), timezone="Asia/Shanghai")["times_at_one_time_of_day"]
    assert "at 08:00:00 in Asia/Shanghai" in other.summary
    assert "`timezone`" in other.way_on


def test_three_orders_at_midnight_are_enough_two_are_not() -> None:
    rows = [line(f"o{d}", "ann", "tea", f"2011-03-0{d}") for d in (1, 2, 3)]
    assert list(doubts_of(rows, now="2011-03-05")) == ["times_at_midnight"]
    assert doubts_of(rows[:2], now="2011-03-05") == {}


def test_orders_at_night_are_of_another_zone() -> None:
    found = doubts_of(moved(hours=-12))
    assert list(found) == ["busy_at_night"]
    assert "`timezone`" in found["busy_at_night"].way_on
    assert doubts_of(moved(hours=-12), timezone="Asia/Tokyo") == {}


def test_a_shop_open_all_day_and_night_is_no_doubt() -> None:
    def change(order: int, row: Row) -> dict[str, Any]:
        day = row["event_timestamp"].normalize()  # type: ignore[attr-defined]
        return {"event_timestamp": day + pd.Timedelta(hours=order * 5 % 24, minutes=order % 59 + 1)}

    assert doubts_of(ordinary(change)) == {}


def without(first: str, last: str) -> list[Row]:
    start, end = time(first), time(last) + pd.Timedelta(days=1)
    return [row for row in ordinary() if not start <= row["event_timestamp"] < end]  # type: ignore[operator]


def test_a_gap() -> None:
    found = doubts_of(without("2011-01-20", "2011-02-05"))
    assert list(found) == ["days_without_orders"]
    assert "17 days, 2011-01-20 to 2011-02-05" in found["days_without_orders"].summary
    assert doubts_of(without("2011-01-20", "2011-01-30")) == {}  # holidays


def test_a_last_order_long_before_the_clock() -> None:
    found = doubts_of(ordinary(), now="2026-11-28", timezone="America/New_York")
    doubt = found["last_order_long_ago"]
    assert "2011-03-01" in doubt.summary
    assert "--clock fixed:2011-03-02T05:00:00Z" in doubt.way_on
    assert read_time("2011-03-02T05:00:00Z") == time("2011-03-02 05:00")
    assert doubts_of(ordinary(), now="2011-03-20") == {}


def test_one_row_of_1970() -> None:
    rows = [*ordinary(), line("old", "c01", "p01", "1970-01-01 10:00")]
    found = doubts_of(rows)
    assert list(found) == ["first_order_long_before"]
    assert "1 of 241 orders" in found["first_order_long_before"].summary
    assert "2,148 weekly snapshots; without these orders 9" in (
        found["first_order_long_before"].detail
    )
    assert "`where`" in found["first_order_long_before"].way_on
    assert doubts_of([*ordinary(), line("old", "c01", "p01", "2010-12-24 10:00")]) == {}


def test_the_first_of_two_orders_is_of_1970() -> None:
    rows = [line("a", "ann", "tea", "1970-01-01 10:00"), line("b", "ann", "tea", "2011-03-01 9:00")]
    assert list(doubts_of(rows)) == ["first_order_long_before"]


def test_ten_years_of_orders_are_no_stray_start() -> None:
    rows = [
        line(f"o{n}", f"c{n % 12}", "tea", str(pd.Timestamp("2001-01-01 10:07") + n * YEAR / 6))
        for n in range(60)
    ]
    assert doubts_of(rows, now="2010-11-10") == {}


YEAR = pd.Timedelta(days=365)


def test_orders_after_the_clock() -> None:
    found = doubts_of(ordinary(), now="2011-02-20")
    assert list(found) == ["orders_after_the_clock"]
    assert "--clock fixed:2011-03-02T00:00:00Z" in found["orders_after_the_clock"].way_on
