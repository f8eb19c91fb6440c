from pathlib import Path

from tests.features.inspect.generated import inspected

_HEADER = "order_id,customer_id,sku,qty,date,"


def test_a_total_that_agrees_with_the_price_is_taken(tmp_path: Path) -> None:
    rows = "1,c,A,2,2024-01-01,5,10\n2,c,A,-1,2024-01-02,5,-5\n"
    seen, mapping = inspected(tmp_path, f"{_HEADER}price,line total\n{rows}")
    assert mapping.order_lines.line_total == "line total"
    assert "order_lines.line_total" not in seen.questions


def test_a_total_that_differs_from_the_price_is_asked(tmp_path: Path) -> None:
    rows = "1,c,A,2,2024-01-01,5,9\n2,c,A,1,2024-01-02,5,5\n"
    seen, mapping = inspected(tmp_path, f"{_HEADER}price,line total\n{rows}")
    assert mapping.order_lines.line_total == "line total"
    assert "in row 2" in seen.questions["order_lines.line_total"][0]


def test_an_order_s_total_on_each_line_is_not_taken_for_a_line_s(tmp_path: Path) -> None:
    rows = "1,c,A,2,2024-01-01,5,17\n1,c,B,1,2024-01-01,7,17\n2,c,A,1,2024-01-02,5,5\n"
    seen, mapping = inspected(tmp_path, f"{_HEADER}price,total\n{rows}")
    assert mapping.order_lines.unit_price == "price"
    assert "same on all lines of an order" in seen.questions["order_lines.unit_price"][0]


def test_a_price_that_grows_with_the_quantity_is_asked(tmp_path: Path) -> None:
    rows = "".join(
        f"{n},c,{sku},{n},2024-01-0{n},{each * n}\n"
        for n in (1, 2, 3)
        for sku, each in (("A", 5), ("B", 7), ("C", 9))
    )
    seen, _ = inspected(tmp_path, f"{_HEADER}price\n{rows}")
    assert "write line_total: price" in seen.questions["order_lines.unit_price"][0]


def test_a_discount_beside_the_price_is_asked(tmp_path: Path) -> None:
    rows = "1,c,A,2,2024-01-01,5,1\n2,c,A,1,2024-01-02,5,0\n"
    seen, mapping = inspected(tmp_path, f"{_HEADER}price,discount\n{rows}")
    assert mapping.order_lines.line_discount is None
    assert "add line_discount: discount" in seen.questions["order_lines.unit_price"][0]


def test_a_negative_price_of_goods_is_a_return_to_confirm(tmp_path: Path) -> None:
    rows = "1,c,A,2,2024-01-01,5\n2,c,A,1,2024-01-03,-5\n"
    seen, mapping = inspected(tmp_path, f"{_HEADER}price\n{rows}")
    assert mapping.negative_price == "return"
    assert "negative_price" in seen.questions


def test_a_negative_price_of_no_goods_is_an_adjustment_to_confirm(tmp_path: Path) -> None:
    rows = "1,c,A,2,2024-01-01,5\n2,c,BAD DEBT,1,2024-01-03,-5\n"
    _, mapping = inspected(tmp_path, f"{_HEADER}price\n{rows}")
    assert mapping.negative_price == "adjustment"


def test_fees_and_discounts_among_the_products_are_asked(tmp_path: Path) -> None:
    rows = "1,c,A,2,2024-01-01,5\n1,c,POST,1,2024-01-01,3\n1,c,COUPON,1,2024-01-01,-2\n"
    seen, mapping = inspected(tmp_path, f"{_HEADER}price\n{rows}")
    assert (mapping.fee_product_ids, mapping.discount_product_ids) == (("POST",), ("COUPON",))
    assert {"fee_product_ids", "discount_product_ids"} <= set(seen.questions)


def test_line_types_by_words(tmp_path: Path) -> None:
    rows = "1,c,A,1,2024-01-01,5,Verkauf\n2,c,A,1,2024-01-02,5,Retoure\n"
    seen, mapping = inspected(tmp_path, f"{_HEADER}price,Art\n{rows}")
    assert mapping.line_types == {"Verkauf": "sale", "Retoure": "return"}
    assert "line_types" in seen.questions


def test_identical_lines_are_counted(tmp_path: Path) -> None:
    seen, _ = inspected(tmp_path, f"{_HEADER}price\n" + "1,c,A,1,2024-01-01,5\n" * 3)
    assert "2 rows, such as row 3; they count" in seen.evidence["order_lines"][0]
    assert seen.figures is not None
    assert seen.figures.units_sold == 3


def test_the_currency_follows_from_one_sign_or_a_column(tmp_path: Path) -> None:
    seen, mapping = inspected(tmp_path, f"{_HEADER}price\n1,c,A,1,2024-01-01,£5.00\n")
    assert mapping.currency == "GBP"
    assert "currency" not in seen.questions
    text = f"{_HEADER}price,currency\n1,c,A,1,2024-01-01,5,SEK\n"
    seen, mapping = inspected(tmp_path, text)
    assert (mapping.currency, mapping.order_lines.currency) == ("SEK", "currency")
    assert "currency" not in seen.questions


def test_a_sign_of_several_currencies_is_asked(tmp_path: Path) -> None:
    seen, _ = inspected(tmp_path, f"{_HEADER}price\n1,c,A,1,2024-01-01,¥5.00\n")
    assert "CNY or JPY" in seen.questions["currency"][0]
