from pathlib import Path

from tests.features.inspect.generated import inspected

_HEADER = "receipt,till,customer_id,sku,qty,price,time\n"


def test_receipts_that_restart_by_day_and_till_get_both(tmp_path: Path) -> None:
    rows = (
        "1,1,anna,tea,1,3,2024-01-01 09:00:00\n1,1,anna,mug,1,8,2024-01-01 09:00:00\n"
        "1,1,cora,tea,1,3,2024-01-02 09:00:00\n1,2,dan,mug,1,8,2024-01-02 09:10:00\n"
    )
    seen, mapping = inspected(tmp_path, _HEADER + rows)
    assert mapping.order_lines.order_id == ("@day", "till", "receipt")
    assert "start again" in seen.questions["order_lines.order_id"][0]
    assert seen.figures is not None
    assert seen.figures.orders == 3


def test_receipts_of_guests_at_two_tills_are_two_orders(tmp_path: Path) -> None:
    rows = "1,1,,tea,1,3,2024-01-01 09:00:00\n1,2,,mug,1,8,2024-01-01 09:10:00\n"
    seen, mapping = inspected(tmp_path, _HEADER + rows)
    assert mapping.order_lines.order_id == ("till", "receipt")
    assert seen.figures is not None
    assert seen.figures.orders == 2


def test_a_return_on_a_later_day_is_no_conflict(tmp_path: Path) -> None:
    rows = "1,1,anna,tea,2,3,2024-01-01 09:00:00\n1,1,anna,tea,-1,3,2024-01-09 09:00:00\n"
    seen, mapping = inspected(tmp_path, _HEADER + rows)
    assert mapping.order_lines.order_id == ("receipt",)
    assert "order_lines.order_id" not in seen.questions


def test_an_order_of_one_customer_over_several_days_is_asked(tmp_path: Path) -> None:
    rows = "1,1,anna,tea,2,3,2024-01-01 09:00:00\n1,1,anna,mug,1,3,2024-01-09 09:00:00\n"
    seen, mapping = inspected(tmp_path, _HEADER + rows)
    assert mapping.order_lines.order_id == ("receipt",)
    assert mapping.orders_may_span_days
    assert "orders_may_span_days" in seen.questions


def test_the_day_is_the_shop_s_own(tmp_path: Path) -> None:
    rows = "1,1,anna,tea,2,3,2024-01-01T22:30:00Z\n1,1,ben,mug,1,3,2024-01-01T23:30:00Z\n"
    seen, mapping = inspected(tmp_path, _HEADER + rows, timezone="Europe/Berlin")
    assert mapping.order_lines.order_id == ("@day", "receipt")
    assert seen.refusal is None


def test_without_an_order_id_a_customer_s_day_is_proposed(tmp_path: Path) -> None:
    text = "t_dat,customer_id,article_id,price\n2024-01-05,c1,1,5\n2024-01-05,c1,2,5\n"
    seen, mapping = inspected(tmp_path, text)
    assert mapping.order_lines.order_id == ("@day", "customer_id")
    assert "no order id" in seen.questions["order_lines.order_id"][0]
