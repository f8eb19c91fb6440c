"""Figures, to the cent by hand."""

import json
from decimal import Decimal

import pytest

from features.checks.figures import figures
from tests.features.checks.ordinary_shop import figures_of, tables
from tests.features.shop import customers, line, products, time

ROWS = [
    # Berlin is at UTC+1: the first order is of 1 January there, at 00:30 on a Saturday.
    line("a", "ann", "tea", "2010-12-31 23:30", quantity=3, price=0.1, number=1),
    line("a", "ann", "post", "2010-12-31 23:30", price=4.95, kind="fee", number=2),
    line("b", "ben", "tea", "2011-01-03 08:00", quantity=2, price=1.005),
    line("c", None, "cup", "2011-01-03 09:00", quantity=1, price=7),
    line("d", "ann", "cup", "2011-01-11 11:30", quantity=1, price=20),
    line("e", "ann", "cup", "2011-02-01 12:00", quantity=-1, price=20, kind="return"),
    line("f", "ann", "cut", "2011-02-01 12:00", quantity=-1, price=0.5, kind="adjustment"),
]


def test_the_figures_of_a_small_shop() -> None:
    content = tables(
        ROWS,
        customers=customers(("ann", "2011-01-01"), ("zoe", "2011-01-01")),
        products=products(("tea", "2011-01-01", "Tea")),
    )
    found = figures(content, timezone="Europe/Berlin", currency="EUR", now=time("2011-03-01"))
    assert (found.orders, found.purchases, found.guest_orders) == (6, 4, 1)
    assert found.lines_by_type == {"sale": 4, "return": 1, "fee": 1, "adjustment": 1}
    assert (found.customers, found.customers_listed) == (2, 2)
    assert (found.products_sold, found.products_listed) == (2, 1)
    assert (found.units_sold, found.units_returned) == (7, 1)
    assert found.gross_sales == Decimal("29.31")  # 0.30 + 2.01 + 7 + 20
    assert found.returns == 20
    assert (found.fees, found.adjustments) == (Decimal("4.95"), Decimal("-0.5"))
    assert found.net_revenue == Decimal("13.76")
    assert found.revenue_by_month == {"2011-01": Decimal("34.26"), "2011-02": Decimal("-20.5")}
    assert found.orders_by_month == {"2011-01": 4, "2011-02": 2}
    assert found.first_order == time("2010-12-31 23:30")
    assert found.last_order == time("2011-02-01 12:00")
    assert {h: n for h, n in enumerate(found.orders_by_hour) if n} == {
        **{0: 1, 9: 1, 10: 1},
        **{12: 1, 13: 2},
    }
    assert found.orders_by_weekday == (2, 3, 0, 0, 0, 1, 0)
    assert found.lines_per_order == 1
    assert found.days_between_orders == 10.5  # ann: a to d; her return is no purchase


def test_the_largest_customers() -> None:
    found = figures_of(ROWS)
    ann, ben = found.largest_by_orders
    assert (ann.customer_id, ann.orders, ann.order_share) == ("ann", 4, 4 / 6)
    assert ann.revenue == Decimal("4.75")  # 0.30 + 4.95 + 20 - 20 - 0.50
    assert ann.revenue_share == pytest.approx(4.75 / 13.76)
    assert (ben.customer_id, ben.revenue) == ("ben", Decimal("2.01"))
    assert found.largest_by_revenue == ann


def test_revenue_is_exact_where_a_sum_of_floats_is_not() -> None:
    rows = [line(f"o{n}", "ann", "tea", "2011-01-01", price=0.1) for n in range(1000)]
    assert sum(0.1 for _ in range(1000)) != 100
    assert figures_of(rows).net_revenue == 100
    # The total 9.99 of 7 units, as `line_total` stores it.
    assert figures_of(
        [line("o", "ann", "tea", "2011-01-01", quantity=7, price=9.99 / 7)]
    ).net_revenue == Decimal("9.99")


def test_without_lines_there_is_nothing_to_measure() -> None:
    found = figures_of([])
    assert (found.orders, found.customers) == (0, 0)
    assert found.net_revenue == 0
    assert (found.first_order, found.lines_per_order, found.largest_by_orders) == (None, None, ())
    assert found.orders_by_hour == (0,) * 24


def test_guests_only() -> None:
    found = figures_of([line("o", None, "tea", "2011-01-01")])
    assert (found.guest_orders, found.customers, found.largest_by_revenue) == (1, 0, None)


def test_json_holds_the_same_figures() -> None:
    content = json.loads(json.dumps(figures_of(ROWS).to_json()))
    assert content["net_revenue"] == 13.76
    assert content["revenue_by_month"]["2011-02"] == -20.5
    assert content["first_order"] == "2010-12-31T23:30:00+00:00"
    assert content["largest_by_orders"][0]["customer_id"] == "ann"
