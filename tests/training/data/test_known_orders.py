"""The orders straight from the tables are those that models learn from."""

from pathlib import Path

from pandas.testing import assert_frame_equal

from tests.features.shop import line, lines, time, workspace
from tests.training.shop import Shop
from training.data.known_orders import known_orders


def test_they_are_the_orders_of_the_training_data(shop: Shop) -> None:
    for data in (shop.past, shop.full):
        expected = data.orders(data.start, data.as_of)
        found = known_orders(shop.ws, data.as_of)
        assert len(found) > 500
        columns = ["customer_id", "order_id", "event_timestamp", "value"]
        assert_frame_equal(found[columns], expected[columns])


def test_only_positive_sales_and_fees_of_customers_make_an_order(tmp_path: Path) -> None:
    day = "2011-03-01"
    ws = workspace(
        tmp_path / "shop",
        lines(
            line("1", "ann", "tea", day, price=10, quantity=2),
            line("1", "ann", None, "2011-03-02", price=3, kind="fee", number=2),
            line("1", "ann", "mug", day, price=9, quantity=-1, kind="return", number=3),
            line("2", "ann", "tea", day, price=5, kind="adjustment"),
            line("3", None, "tea", day, price=5),
            line("4", "ann", "tea", day, price=0),
            line("5", "bob", "tea", day, price=5, recorded="2011-03-16"),
        ),
    )
    (order,) = known_orders(ws, time("2011-03-16")).to_dict("records")
    assert (order["order_id"], order["value"], order["event_timestamp"]) == ("1", 23, time(day))
