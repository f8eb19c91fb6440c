"""Exports whose ids are not what they seem."""

from pathlib import Path

import openpyxl
import pytest

from tests.features.datasets.exports.export import (
    Export,
    export,
    kinds,
    numbers,
    values,
    workbook,
)
from tests.features.datasets.exports.shops import HEADER, TILL, TILL_HEADER

RESTARTING = (
    "1,1,anna,tea,1,3,2024-01-01 09:00:00\n"
    "1,1,anna,mug,1,8,2024-01-01 09:00:00\n"
    "2,1,ben,tea,1,3,2024-01-01 09:05:00\n"
    "1,1,cora,tea,1,3,2024-01-02 09:00:00\n"
    "1,2,dan,mug,1,8,2024-01-02 09:10:00\n"
    "1,1,anna,tea,1,3,2024-01-03 09:00:00\n"
)


def line(order: int, customer: str, product: str = "A") -> str:
    """One unit for 5 EUR, bought on the day `order` of January."""
    return f"{order},{customer},{product},1,5,2024-01-{order:02} 10:00:00\n"


def lines(*customers: str) -> str:
    return "".join(line(order, each) for order, each in enumerate(customers, start=1))


def test_receipt_numbers_that_restart_each_day(tmp_path: Path) -> None:  # B03
    till = export(tmp_path, RESTARTING, header=TILL_HEADER, mapping=TILL)
    message = till.refusal()
    assert "row 5, column 'receipt', value '1'" in message
    assert 'order_id: ["@day", receipt] with the till or the shop' in message
    message = till.refusal('order_lines.order_id=["@day", receipt]')
    assert 'order_id: ["@day", receipt] with the till or the shop' in message
    dataset = till.load('order_lines.order_id=["@day", till, receipt]')
    assert numbers(dataset) == (5, 4, 0, 6, 28)
    assert dataset.order_lines["order_id"].iloc[0] == "2024-01-01/1/1"


def test_receipt_numbers_of_each_store(tmp_path: Path) -> None:
    rows = "1,1,anna,tea,1,3,2024-01-01 09:00:00\n1,2,ben,mug,1,8,2024-01-01 09:00:00\n"
    till = export(tmp_path, rows, header=TILL_HEADER, mapping=TILL)
    assert "order_id: [" in till.refusal()
    assert numbers(till.load("order_lines.order_id=[till, receipt]")) == (2, 2, 0, 2, 11)


def test_receipt_numbers_that_restart_each_year(tmp_path: Path) -> None:
    rows = "1,1,anna,tea,1,3,2023-01-01 09:00:00\n1,1,anna,mug,1,8,2024-01-01 09:00:00\n"
    till = export(tmp_path, rows, header=TILL_HEADER, mapping=TILL)
    message = till.refusal()
    assert 'order_id: ["@day", receipt]' in message
    assert "orders_may_span_days: true" in message
    assert numbers(till.load('order_lines.order_id=["@day", receipt]')) == (2, 1, 0, 2, 11)
    assert numbers(till.load("orders_may_span_days=true")) == (1, 1, 0, 2, 11)


def test_words_that_stand_for_guests(tmp_path: Path) -> None:  # B05
    words = ("0", "0", "NULL", "guest", "nan", "N/A", "17", "17.0", "Kim@S.test", "kim@s.test")
    shop = export(tmp_path, lines(*words))
    guests = 'guest_ids: ["0", "NULL", "guest", "nan", "N/A"]'
    message = shop.refusal()
    assert f"value '0': no customer's id in most shops: write {guests}; those that are" in message
    assert "real_ids: [...]" in message
    options = [guests.replace(": ", "=", 1)]
    assert 'customer_ids: {case: lower, form: NFKC, remove: ".0"}' in shop.refusal(*options)
    options.append('customer_ids={case: lower, form: NFKC, remove: ".0"}')
    assert numbers(shop.load(*options)) == (10, 2, 6, 10, 50)


@pytest.mark.parametrize(
    "word",
    ["-", "0.0", "0000", "-1", "(null)", "\\N", "n.a.", "Walk-in customer", "no customer", "散客"],
)
def test_other_words_that_stand_for_guests(tmp_path: Path, word: str) -> None:
    shop = export(tmp_path, lines(word, word, "17"))
    assert f"row 2, column 'customer_id', value {word!r}" in shop.refusal()
    assert "guest_ids: [" in shop.refusal()
    assert numbers(shop.load(f"guest_ids=['{word}']")) == (3, 1, 2, 3, 15)
    assert numbers(shop.load(f"missing=['{word}']")) == (3, 1, 2, 3, 15)
    assert numbers(shop.load(f"real_ids=['{word}']")) == (3, 2, 0, 3, 15)


def test_an_address_of_the_shop_for_all_guests_is_a_doubt(tmp_path: Path) -> None:
    rows = "".join(
        f"{order},{'guest@shop.test' if order % 3 else f'c{order}'},A,1,5,2024-01-01 10:00:00\n"
        for order in range(1, 91)
    )
    shop = export(tmp_path, rows)
    assert "guest_ids" in shop.doubts()["customer_with_unlikely_share"]
    dataset = shop.load("guest_ids=[guest@shop.test]")
    assert numbers(dataset) == (90, 30, 60, 90, 450)


def test_one_address_in_several_spellings(tmp_path: Path) -> None:  # B09
    customers = ("Kim@Shop.test", "kim@shop.test ", "KIM@SHOP.TEST", "kim@shop.test\u200b")
    shop = export(tmp_path, lines(*customers, "cafe\u0301", "caf\u00e9"))
    assert "customer_ids: {case: lower, form: NFKC" in shop.refusal()
    dataset = shop.load("customer_ids={case: lower}")
    assert values(dataset.order_lines, "customer_id") == ["kim@shop.test"] * 4 + ["café"] * 2
    assert numbers(shop.load("customer_ids={case: keep}")) == (6, 4, 0, 6, 30)


def test_full_width_digits(tmp_path: Path) -> None:
    shop = export(tmp_path, lines("１２３", "123"))
    assert "customer_ids: {case: lower, form: NFKC" in shop.refusal()
    assert numbers(shop.load("customer_ids={form: NFKC}")) == (2, 1, 0, 2, 10)


def test_product_ids_that_were_numbers(tmp_path: Path) -> None:
    shop = export(tmp_path, line(1, "c", "401.0") + line(2, "c", "401"))
    assert 'product_ids: {case: lower, form: NFKC, remove: ".0"}' in shop.refusal()
    dataset = shop.load('product_ids={remove: ".0"}')
    assert values(dataset.order_lines, "product_id") == ["401", "401"]


def test_ids_that_a_spreadsheet_has_rounded(tmp_path: Path) -> None:  # B15
    rows = (
        "5.01E+12,8.61E+12,6.93217E+12,1,5,2024-01-01 10:00:00\n"
        "5.01E+12,8.61E+12,6.93217E+12,1,7,2024-01-02 10:00:00\n"
        "5.02E+12,8.61E+12,6.93217E+12,1,9,2024-01-03 10:00:00\n"
    )
    message = export(tmp_path, rows).refusal()
    assert "row 2, column 'order_id', value '5.01E+12'" in message
    assert "export the file again with the column as text" in message
    assert "real_ids: [5.01E+12]" in message
    again = rows.replace("5.01E+12", "5010000000001", 1).replace("5.01E+12", "5010000000002")
    again = again.replace("5.02E+12", "5020000000003").replace("8.61E+12", "8610000000007")
    shop = export(tmp_path, again.replace("6.93217E+12", "6932170000001"))
    assert numbers(shop.load()) == (3, 1, 0, 3, 21)


@pytest.mark.parametrize("written", ["1,23E+15", "1.23e15", "9E+12"])
def test_other_ids_that_were_rounded(tmp_path: Path, written: str) -> None:
    shop = export(tmp_path, line(1, "c", f'"{written}"'))
    assert f"column 'sku', value {written!r}: a spreadsheet has rounded" in shop.refusal()
    assert f"real_ids: [{written}]" in shop.refusal()
    assert kinds(shop.load(f"real_ids=['{written}']"))[0][0] == written


def test_article_numbers_with_an_e_are_no_rounded_numbers(tmp_path: Path) -> None:
    products = ["12E3", "E12", "1E", "5E-2"]
    shop = export(tmp_path, "".join(line(1, "c", each) for each in products))
    assert [kind[0] for kind in kinds(shop.load())] == products


def test_guards_that_spreadsheets_put_around_ids(tmp_path: Path) -> None:  # B16
    rows = (
        '"=""2022072512345928259""",c1,"=""00123""",1,5,2024-01-01 10:00:00\n'
        "\t2022072512345928260,c1,00123,1,5,2024-01-02 10:00:00\n"
        "`2022072512345928261,c1,'00123,1,5,2024-01-03 10:00:00\n"
        "2022072512345928262\t,c1,00123\t,1,5,2024-01-04 10:00:00\n"
    )
    dataset = export(tmp_path, rows).load()
    assert values(dataset.order_lines, "product_id") == ["00123"] * 4
    orders = [f"20220725123459282{number}" for number in (59, 60, 61, 62)]
    assert values(dataset.order_lines, "order_id") == orders
    assert dataset.warnings == {"spreadsheet's guard around a cell: removed": 4}
    assert numbers(dataset) == (4, 1, 0, 4, 20)


def test_guards_in_a_workbook(tmp_path: Path) -> None:
    names = HEADER.strip().split(",")
    products = ('="00123"', "'00123", "00123")
    rows = [[f"{n}", "c", each, 1, 5, "2024-01-01 10:00:00"] for n, each in enumerate(products)]
    shop = workbook(tmp_path, Orders=[names, *rows])
    book = openpyxl.load_workbook(shop.files[0])
    book.active["C2"].data_type = "s"  # text, as typed; else a formula
    book.save(shop.files[0])
    assert values(shop.load().order_lines, "product_id") == ["00123"] * 3


def test_guards_around_every_cell(tmp_path: Path) -> None:
    cells = ("1", "c", "00123", "2", "5.50", "2024-01-01 10:00:00")
    shop: Export = export(tmp_path, ",".join(f'"=""{cell}"""' for cell in cells) + "\n")
    assert kinds(shop.load()) == [("00123", "sale", 2, 5.5)]
