"""Exports whose amounts are not plain numbers above 0."""

from pathlib import Path

import pytest

from tests.features.datasets.exports.export import export, kinds, numbers, quoted, revenue, values
from tests.features.datasets.exports.shops import HEADER, KAGGLE, KAGGLE_ROWS, ORDINARY

SEMICOLONS = ORDINARY + 'delimiter: ";"\n'
TOTAL = ORDINARY.replace("unit_price", "line_total")
MOVED = "price below 0: sign moved to the quantity"
SOLD = "1,c,A,2,5,2024-01-01 10:00:00\n"


@pytest.mark.parametrize(
    ("cell", "given", "named", "value"),
    [
        ("1,234.56", ["decimal=."], ["thousands=,"], 1234.56),  # B12
        ("1.234,56", ["decimal=,"], ["thousands=."], 1234.56),
        ("€12.50", ["decimal=."], [], 12.5),
        ("12,50 €", ["decimal=,"], [], 12.5),
        ("1'234.50", ["decimal=."], ["thousands='"], 1234.5),
        ("1\u202f234,50 €", ["decimal=,"], ["thousands= "], 1234.5),
        ("1,23,456.00", ["decimal=."], ["thousands=,"], 123456),
        ("12,5", ["decimal=."], ["decimal=,"], 12.5),
        ("１．５０", ["decimal=."], [], 1.5),
    ],
)
def test_numbers_as_people_write_them(
    tmp_path: Path, cell: str, given: list[str], named: list[str], value: float
) -> None:
    rows = f"1;c;A;1;{cell};2024-01-01 10:00:00\n"
    shop = export(tmp_path, rows, header=HEADER.replace(",", ";"), mapping=SEMICOLONS)
    options = [quoted(each) for each in given]
    if named:
        message = shop.refusal(*options)
        key, mark = named[0].split("=")
        assert f"row 2, column 'price', value {cell!r}" in message
        assert f'`{key}: "{mark}"`' in message
        assert f"{value:g} with" in message
    assert numbers(shop.load(*options, *map(quoted, named))) == (1, 1, 0, 1, value)


def test_a_sum_in_another_currency(tmp_path: Path) -> None:
    rows = "1;c;A;1;1 234,50 kr;2024-01-01 10:00:00\n"
    shop = export(tmp_path, rows, header=HEADER.replace(",", ";"), mapping=SEMICOLONS)
    options = [quoted("decimal=,"), quoted("thousands= ")]
    message = shop.refusal(*options)
    assert "'kr' is a sign of SEK" in message
    assert "`currency`" in message
    assert numbers(shop.load(*options, "currency=SEK")) == (1, 1, 0, 1, 1234.5)


def test_money_back_as_a_negative_price(tmp_path: Path) -> None:  # B14
    shop = export(tmp_path, SOLD + "2,c,A,1,-5,2024-01-03 10:00:00\n")
    message = shop.refusal()
    assert "row 3, column 'price', value '-5'" in message
    assert "negative_price: return" in message
    assert "discount_product_ids: [A]" in message
    dataset = shop.load("negative_price=return")
    assert kinds(dataset) == [("A", "sale", 2, 5), ("A", "return", -1, 5)]
    assert dataset.warnings == {MOVED: 1}
    assert numbers(dataset) == (1, 1, 0, 1, 5)


def test_a_discount_as_a_line(tmp_path: Path) -> None:
    shop = export(tmp_path, SOLD + "1,c,COUPON,1,-2,2024-01-01 10:00:00\n")
    fees = "fee_product_ids=[COUPON]"
    for options in ([], [fees]):
        assert "discount_product_ids: [COUPON]" in shop.refusal(*options)
        dataset = shop.load(*options, "discount_product_ids=[COUPON]")
        assert kinds(dataset)[1] == ("COUPON", "adjustment", -1, 2)
        assert (numbers(dataset), revenue(dataset)) == ((1, 1, 0, 2, 10), 8)
    dataset = shop.load(fees, "negative_price=return")  # a fee stays one
    assert kinds(dataset)[1] == ("COUPON", "fee", -1, 2)


def test_money_back_as_a_negative_total(tmp_path: Path) -> None:
    rows = "1,c,A,2,10,2024-01-01 10:00:00\n2,c,A,1,-5,2024-01-03 10:00:00\n"
    shop = export(tmp_path, rows, mapping=TOTAL)
    assert "negative_price: return" in shop.refusal()
    dataset = shop.load("negative_price=return")
    assert kinds(dataset) == [("A", "sale", 2, 5), ("A", "return", -1, 5)]


def test_a_debt_written_off(tmp_path: Path) -> None:
    debt = "A600005,B,Adjust bad debt,1,8/12/2011 14:51,-1106.5,,United Kingdom\n"
    shop = export(tmp_path, (KAGGLE_ROWS + debt).encode("cp1252"), mapping=KAGGLE)
    assert "row 6, column 'UnitPrice', value '-1106.5'" in shop.refusal()
    assert "negative_price: return (money back for goods) or adjustment" in shop.refusal()
    dataset = shop.load("negative_price=adjustment")
    assert kinds(dataset)[-1] == ("B", "adjustment", -1, 1106.5)
    assert revenue(dataset) == pytest.approx(30.75 - 1106.5)


def test_a_negative_total_of_a_negative_quantity_is_a_return(tmp_path: Path) -> None:
    rows = "1,c,A,2,10,2024-01-01 10:00:00\n2,c,A,-1,-5,2024-01-03 10:00:00\n"
    shop = export(tmp_path, rows, mapping=TOTAL)
    assert kinds(shop.load()) == [("A", "sale", 2, 5), ("A", "return", -1, 5)]
    message = export(tmp_path, rows).refusal()  # as a unit price
    assert "name it line_total" in message


@pytest.mark.parametrize("row", ["2,c,SHIP,1,-4", "2,c,SHIP,-1,4"])
def test_a_fee_given_back(tmp_path: Path, row: str) -> None:
    rows = f"{SOLD}1,c,SHIP,1,4,2024-01-01 10:00:00\n{row},2024-01-03 10:00:00\n"
    shop = export(tmp_path, rows)
    dataset = shop.load("fee_product_ids=[SHIP]", "negative_price=return")
    assert kinds(dataset)[1:] == [("SHIP", "fee", 1, 4), ("SHIP", "fee", -1, 4)]
    assert (numbers(dataset), revenue(dataset)) == ((1, 1, 0, 2, 10), 10)


@pytest.mark.parametrize("kind", ["return", "adjustment", "fee"])
def test_the_files_own_word_for_a_line_counts(tmp_path: Path, kind: str) -> None:
    header = f"{HEADER.strip()},kind\n"
    rows = f"{SOLD.strip()},sale\n2,c,A,1,-5,2024-01-03 10:00:00,{kind}\n"
    shop = export(tmp_path, rows, header=header, mapping=ORDINARY + "  line_type: kind\n")
    dataset = shop.load("negative_price=return")
    assert kinds(dataset)[1] == ("A", kind, -1, 5)
    if kind != "fee":
        assert kinds(shop.load()) == kinds(dataset)


@pytest.mark.parametrize(("total", "sign"), [("-3", -1), ("3", 1)])
def test_a_total_without_a_quantity_is_not_lost(tmp_path: Path, total: str, sign: int) -> None:
    rows = f"1,c,A,2,10,2024-01-01 10:00:00\n1,c,X,0,{total},2024-01-01 10:00:00\n"
    shop = export(tmp_path, rows, mapping=TOTAL)
    message = shop.refusal()
    assert "row 3, column 'qty', value '0'" in message
    assert "fee_product_ids: [X] or discount_product_ids: [X]" in message
    dataset = shop.load("discount_product_ids=[X]")
    assert kinds(dataset)[1] == ("X", "adjustment", sign, 3)
    assert revenue(dataset) == 10 + 3 * sign


def test_a_file_of_kaggle(tmp_path: Path) -> None:  # B45
    shop = export(tmp_path, KAGGLE_ROWS.encode("cp1252"), mapping=KAGGLE)
    assert "the bytes b'\\xa3' are not utf-8" in shop.refusal("encoding=utf-8")
    assert "encoding:" in shop.refusal("encoding=utf-8")
    titles = "products={product_id: StockCode, title: Description}"
    dataset = shop.load(titles)
    assert [kind[1] for kind in kinds(dataset)] == ["sale", "fee", "return", "adjustment"]
    assert (numbers(dataset), revenue(dataset)) == ((1, 1, 0, 5, 12.75), 30.75)
    assert "WHITE HOLDER £" in values(dataset.products, "title")


@pytest.mark.parametrize(("encoding", "word"), [("cp1250", "Świeca"), ("iso8859-15", "10 €")])
def test_a_file_of_kaggle_in_another_encoding(tmp_path: Path, encoding: str, word: str) -> None:
    content = KAGGLE_ROWS.replace("WHITE HOLDER £", word).encode(encoding)
    shop = export(tmp_path, content, mapping=KAGGLE)
    titles = "products={product_id: StockCode, title: Description}"
    assert "encoding" in shop.refusal("encoding=utf-8", titles)
    dataset = shop.load(f"encoding={encoding}", titles)
    assert values(dataset.products, "title")[0] == word
