from pathlib import Path

import pytest

from features.inspect.names import sureness
from features.schema import BadInput
from tests.features.inspect.generated import inspected

_ROWS = "1,c1,A,2,5,2024-01-01 10:00\n2,c2,B,1,7,2024-01-02 11:00\n2,c2,A,1,5,2024-01-02 11:00\n"


@pytest.mark.parametrize(
    ("column", "role"),
    [
        ("order_id", "order_id"),
        ("订单编号", "order_id"),
        ("流水号", "order_id"),
        ("Bestell-Nr.", "order_id"),
        ("order_purchase_timestamp", "event_timestamp"),
        ("t_dat", "event_timestamp"),
        ("下单时间", "event_timestamp"),
        ("article_id", "product_id"),
        ("宝贝ID", "product_id"),
        ("Lineitem sku", "product_id"),
        ("qty_ordered", "quantity"),
        ("单价（元）", "unit_price"),
        ("UnitPrice", "unit_price"),
        ("实收金额", "line_total"),
        ("row_total", "line_total"),
        ("customer_unique_id", "customer_id"),
        ("会员卡号", "customer_id"),
        ("收银机号", "till_id"),
        ("Filiale", "store_id"),
    ],
)
def test_names_of_shops_are_known(column: str, role: str) -> None:
    found = sureness(column, role)
    assert found is not None
    assert found[0] == "sure"


def test_two_columns_of_one_role_are_asked(tmp_path: Path) -> None:
    header = "order_id,customer_id,email,sku,qty,price,date\n"
    rows = "1,c1,x@s,A,1,5,2024-01-01\n2,c2,x@s,A,1,5,2024-01-02\n3,c1,y@s,A,1,5,2024-01-03\n"
    seen, mapping = inspected(tmp_path, header + rows)
    assert mapping.order_lines.customer_id == "customer_id"
    assert "'email'" in seen.questions["order_lines.customer_id"][0]


def test_a_column_that_says_the_same_is_not_asked(tmp_path: Path) -> None:
    header = "order_id,customer_id,email,sku,qty,price,date\n"
    rows = "1,c1,x@s,A,1,5,2024-01-01\n2,c2,y@s,A,1,5,2024-01-02\n"
    seen, _ = inspected(tmp_path, header + rows)
    assert "order_lines.customer_id" not in seen.questions


def test_cells_that_do_not_agree_take_the_role_away(tmp_path: Path) -> None:
    header = "order_id,customer_id,sku,quantity,price,date,count\n"
    rows = "".join(f"{n},c,A,box,5,2024-01-0{n},2\n" for n in range(1, 6))
    seen, mapping = inspected(tmp_path, header + rows)
    assert mapping.order_lines.quantity == "count"
    assert any("'box' in row 2 is not a number" in note for note in seen.evidence[""])


def test_a_name_that_only_contains_a_known_one_is_asked(tmp_path: Path) -> None:
    header = "my_order_number_x,customer_id,sku,qty,price,date\n"
    seen, mapping = inspected(tmp_path, header + _ROWS)
    assert mapping.order_lines.order_id == ("my_order_number_x",)
    assert "order_lines.order_id" in seen.questions


def test_unknown_names_of_times_and_products_are_asked_by_their_cells(tmp_path: Path) -> None:
    header = "order_id,customer_id,what,qty,price,moment_x\n"
    seen, mapping = inspected(tmp_path, header + _ROWS)
    assert mapping.order_lines.event_timestamp == ("moment_x",)
    assert mapping.order_lines.product_id == "what"
    assert {"order_lines.event_timestamp", "order_lines.product_id"} <= set(seen.questions)


def test_a_file_without_times_is_refused_with_its_columns(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no column holds the orders' times.*'colour'"):
        inspected(tmp_path, "order_id,sku,qty,price,colour\n1,A,1,5,red\n2,B,1,5,blue\n")


def test_no_quantity_no_price_and_no_customer_are_asked(tmp_path: Path) -> None:
    seen, mapping = inspected(tmp_path, "order_id,sku,date\n1,A,2024-01-01\n1,A,2024-01-01\n")
    assert mapping.without_prices
    keys = {"order_lines.quantity", "order_lines.customer_id", "without_prices"}
    assert keys <= set(seen.questions)


def test_a_file_without_products_is_refused_with_its_columns(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no column holds product ids.*'weight'"):
        inspected(tmp_path, "order_id,qty,price,date,weight\n1,1,5,2024-01-01,0.5\n")
