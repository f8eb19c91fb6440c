"""Every feature by hand, then all of them against a reference that reads line by line."""

from typing import Any

import ibis
import pandas as pd
import pytest

from features import transforms
from features.customer_features import ACTIVITY_COUNTS, ACTIVITY_TIMES, HISTORY_LENGTH
from features.customer_history import customer_history
from features.product_features import SALES_COUNTS
from tests.features.rows import CUT, rows_at
from tests.features.shop import customers, line, lines, products, time


def one(transform: Any, *rows: dict[str, object], cut: str = CUT) -> dict[str, Any]:
    """Return the only row at `cut`."""
    made = rows_at(transform, lines(*rows), cut)
    assert len(made) == 1
    return dict(made.iloc[0])


def test_activity_by_hand() -> None:
    made = one(
        transforms.customer_activity,
        # 2 x 3 + 1 x 4 = 10, in 30 days; two lines are one order
        line("o1", "A", "p", "2011-06-20", quantity=2, price=3),
        line("o1", "A", "q", "2011-06-20", quantity=1, price=4, number=2),
        # 5 of p again, in 90 days; the product counts once
        line("o2", "A", "p", "2011-05-01", quantity=5, price=3),
        # an order of a fee alone: counts, without units or products
        line("o3", "A", None, "2011-01-01", quantity=1, price=7.5, kind="fee"),
        # last year's season [2010-07-01, 2010-09-29)
        line("o4", "A", "r", "2010-07-01", quantity=1, price=1),
        # more than a year ago
        line("o5", "A", "s", "2010-06-30", quantity=1, price=100),
        # two return lines in 365 days, one before
        line("o6", "A", "p", "2011-06-21", quantity=-1, price=3, kind="return"),
        line("o6", "A", "q", "2011-06-21", quantity=-1, price=4, kind="return", number=2),
        line("o7", "A", "s", "2010-06-30", quantity=-1, price=100, kind="return"),
        # no order: no money came, or it went
        line("o8", "A", "t", "2011-06-22", quantity=1, price=0),
        line("o9", "A", None, "2011-06-22", quantity=-1, price=9, kind="fee"),
        line("o10", "A", "t", "2011-06-22", quantity=3, price=9, kind="adjustment"),
    )
    assert made == {
        "customer_id": "A",
        "event_timestamp": time(CUT),
        "created_timestamp": time(CUT),
        "orders_30d": 1,
        "orders_90d": 2,
        "orders_365d": 4,
        "orders_total": 5,
        "orders_90d_last_year": 1,
        "spend_30d": 10.0,
        "spend_90d": 25.0,
        "spend_365d": 33.5,
        "spend_total": 133.5,
        "units_365d": 9.0,
        "products_365d": 3,
        "returns_365d": 2,
        "first_order_timestamp": time("2010-06-30"),
        "last_order_timestamp": time("2011-06-20"),
    }


def test_windows_hold_their_start_and_not_the_cut() -> None:
    made = one(
        transforms.customer_activity,
        line("o1", "A", "p", "2011-06-01"),  # T - 30 days
        line("o2", "A", "p", "2011-05-31 23:59:59.999999"),
        line("o3", "A", "p", "2011-06-30 23:59:59.999999"),
        line("o4", "A", "p", CUT),
        line("o5", "A", "p", "2010-09-29"),  # T - 275 days: no more last year's season
        line("o6", "A", "p", "2010-09-28 23:59:59.999999"),
    )
    assert made["orders_30d"] == 2
    assert made["orders_total"] == 5
    assert made["orders_90d_last_year"] == 1
    assert made["last_order_timestamp"] == time("2011-06-30 23:59:59.999999")


def test_a_line_counts_once_it_is_recorded_and_at_its_own_time() -> None:
    late = line("o2", "A", "p", "2011-05-20", recorded="2011-07-01")
    table = lines(line("o1", "A", "p", "2011-05-01"), late)
    made = rows_at(transforms.customer_activity, table, CUT, "2011-07-01 00:00:00.000001")
    assert made["orders_total"].tolist() == [1, 2]
    assert made["orders_30d"].tolist() == [0, 0]
    assert made["last_order_timestamp"].tolist() == [time("2011-05-01"), time("2011-05-20")]
    history = rows_at(customer_history, table, CUT, "2011-07-02")
    assert history["recent_products"].map(len).tolist() == [1, 2]


def test_a_customer_without_orders_has_zeros_and_no_times() -> None:
    made = one(
        transforms.customer_activity,
        line("o1", "A", "p", "2011-06-01", quantity=-1, kind="return"),
    )
    assert made["returns_365d"] == 1
    assert all(made[name] == 0 for name in ACTIVITY_COUNTS if name != "returns_365d")
    assert all(pd.isna(made[name]) for name in ACTIVITY_TIMES)


def test_guests_are_no_customers() -> None:
    table = lines(line("o1", None, "p", "2011-06-01"))
    assert rows_at(transforms.customer_activity, table, CUT).empty
    assert rows_at(customer_history, table, CUT).empty


def test_a_customer_is_known_from_its_first_row_on() -> None:
    known = ibis.memtable(customers(("A", "2011-06-30"), ("B", CUT)))
    made = rows_at(
        transforms.customer_activity,
        lines(line("o1", "C", "p", "2011-06-01")),
        CUT,
        customers=known,
    )
    assert made["customer_id"].tolist() == ["A", "C"]
    assert made["orders_total"].tolist() == [0, 1]


def test_history_by_hand() -> None:
    made = one(
        customer_history,
        line("o1", "A", "q", "2011-06-20"),
        line("o1", "A", "p", "2011-06-20", number=2),
        line("o1", "A", "p", "2011-06-20", number=3, quantity=2, price=1.5),  # the same purchase
        line("o2", "A", "p", "2011-06-21", price=0.1),
        line("o3", "A", "r", CUT),  # not before the cut
        line("o4", "A", "s", "2011-06-22", kind="return", quantity=-1),
        line("o5", "A", None, "2011-06-22", kind="fee"),
    )
    assert list(made["recent_products"]) == ["p", "p", "q"]
    first, second = 1_308_614_400_000_000, 1_308_528_000_000_000
    assert list(made["recent_timestamps"]) == [first, second, second]
    assert list(made["recent_values"]) == [0.1, 3.0, 1.0]
    assert list(made["returned_products"]) == ["s"]
    assert list(made["returned_timestamps"]) == [first + 86_400_000_000]


def test_returns_by_hand() -> None:
    def back(order: str, product: str | None, day: str) -> dict[str, object]:
        return line(order, "A", product, day, kind="return", quantity=-1)

    made = one(
        customer_history,
        line("o1", "A", "q", "2010-06-20"),
        back("o2", "p", "2011-05-01"),
        back("o3", "p", "2011-05-03"),  # the last one counts
        back("o4", "q", "2011-05-03"),
        back("o5", "r", "2010-07-01"),  # T - 365 days
        back("o6", "s", "2010-06-30"),  # too old
        back("o7", "t", CUT),  # not before the cut
        back("o8", None, "2011-05-05"),
    )
    assert list(made["returned_products"]) == ["p", "q", "r"]
    assert list(made["returned_timestamps"]) == [
        time(day).value // 1000 for day in ("2011-05-03", "2011-05-03", "2010-07-01")
    ]


def test_history_keeps_the_newest() -> None:
    count = HISTORY_LENGTH + 20
    days = pd.date_range(end="2011-04-30", periods=count).strftime("%Y-%m-%d")
    table = [line(f"o{i}", "A", f"p{i}", day) for i, day in enumerate(days)]
    # the newest but one was recorded late: until then an older one has its place
    table[count - 2]["recorded_timestamp"] = time("2011-07-01")
    made = rows_at(customer_history, lines(*table), CUT, "2011-07-02")
    before, after = made["recent_products"]
    assert list(before) == [f"p{i}" for i in (count - 1, *range(count - 3, 18, -1))]
    assert list(after) == [f"p{i}" for i in range(count - 1, 19, -1)]


def test_product_sales_by_hand() -> None:
    made = one(
        transforms.product_sales,
        line("o1", "A", "p", "2011-06-30", quantity=2, price=6),
        line("o2", "A", "p", "2011-06-27", quantity=1, price=5),
        line("o3", None, "p", "2011-06-27", quantity=4, price=5),  # a guest: units, no buyer
        line("o4", "B", "p", "2011-06-10", quantity=1, price=5),
        line("o5", "C", "p", "2011-04-02", quantity=2, price=4),  # T - 90 days
        # last year [2010-07-01, 2010-07-29)
        line("o6", "A", "p", "2010-07-01", quantity=3, price=4),
        line("o7", "A", "p", "2010-07-28", quantity=3, price=4),
        line("o8", "B", "p", "2010-07-29", quantity=5, price=4),
        line("o9", "A", "p", "2011-06-30", quantity=-3, price=6, kind="return"),
    )
    assert made == {
        "product_id": "p",
        "event_timestamp": time(CUT),
        "created_timestamp": time(CUT),
        "units_3d": 2.0,
        "units_7d": 7.0,
        "units_28d": 8.0,
        "units_90d": 10.0,
        "buyers_3d": 1,
        "buyers_7d": 1,
        "buyers_28d": 2,
        "buyers_90d": 3,
        "units_28d_last_year": 6.0,
        "buyers_28d_last_year": 1,
        "unit_price": 6.0,
        "unit_price_90d": (12 + 5 + 20 + 5 + 8) / 10,
        "return_rate_365d": 3 / 21,
        "first_sale_timestamp": time("2010-07-01"),
        "last_sale_timestamp": time("2011-06-30"),
    }


def test_a_product_not_sold_lately_keeps_its_last_price() -> None:
    made = one(transforms.product_sales, line("o1", "A", "p", "2010-01-01", price=3))
    assert (made["unit_price"], made["unit_price_90d"]) == (3.0, 3.0)
    assert made["return_rate_365d"] == 0.0
    counts = [name for name in SALES_COUNTS if name.startswith(("units", "buyers"))]
    assert all(made[name] == 0 for name in counts)


def test_a_late_sale_is_no_new_price() -> None:
    table = lines(
        line("o1", "A", "p", "2011-05-01", price=3),
        line("o2", "A", "p", "2011-04-01", price=2, recorded="2011-06-15"),
    )
    made = rows_at(transforms.product_sales, table, "2011-06-01", CUT)
    assert made["unit_price"].tolist() == [3.0, 3.0]
    assert made["first_sale_timestamp"].tolist() == [time("2011-05-01"), time("2011-04-01")]


def test_catalog_reads_the_title_of_its_time() -> None:
    table = products(("p", "2011-01-01", "Old"), ("p", CUT, "New"), ("q", CUT, "Later"))
    made = rows_at(transforms.product_catalog, table, CUT, "2011-07-02")
    assert made["title"].tolist() == ["Old", "New", "Later"]
    assert made["product_id"].tolist() == ["p", "p", "q"]


@pytest.mark.parametrize(
    "transform", [transforms.customer_activity, customer_history, transforms.product_sales]
)
def test_no_lines_give_no_rows(transform: Any) -> None:
    assert rows_at(transform, lines(), CUT).empty
