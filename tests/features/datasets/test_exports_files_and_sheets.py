"""Exports whose rows lie otherwise in their files than the mapping says, and two whole shops."""

import datetime
from pathlib import Path
from typing import Final

import pytest

from tests.features.datasets.exports.export import export, kinds, numbers, times, values, workbook
from tests.features.datasets.exports.shops import (
    CHINESE,
    CHINESE_ROWS,
    HEADER,
    POS,
    POS_ROWS,
    SHOPIFY,
    SHOPIFY_ROWS,
)
from tests.features.datasets.spoiled.facts import title_at

NAMES = HEADER.strip().split(",")
SOLD: Final[list[list[object]]] = [
    [5012345678901, 101, "00123", 1, 5.5, datetime.datetime(2024, 1, 5, 10)],
    [5012345678902, 102, 123, 1, 5.5, datetime.datetime(2024, 1, 6)],
]
TITLE = [["Orders report 2024"], []]
TRADITIONAL = str.maketrans("订单号会员数价时间", "訂單號會員數價時間")


def test_a_file_that_is_not_utf_16(tmp_path: Path) -> None:  # B17
    shop = export(tmp_path, CHINESE_ROWS.encode(), mapping=CHINESE)
    assert "is not utf-16: name the file's encoding" in shop.refusal()
    dataset = shop.load("encoding=utf-8")
    assert numbers(dataset) == (2, 2, 0, 3, 72.5)
    assert times(dataset) == ["2024-01-01 02:00:00", "2024-01-02 03:00:00"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark(tmp_path: Path, encoding: str) -> None:
    shop = export(tmp_path, CHINESE_ROWS.encode(encoding), mapping=CHINESE)
    for named in ("utf-16", "utf-8"):
        assert "name the file's encoding" in shop.refusal(f"encoding={named}")
    dataset = shop.load(f"encoding={encoding}")
    assert values(dataset.order_lines, "order_id") == ["001", "002"]
    assert numbers(dataset) == (2, 2, 0, 3, 72.5)


def test_utf_16_with_a_mark_under_another_name(tmp_path: Path) -> None:
    shop = export(tmp_path, CHINESE_ROWS.encode("utf-16"), mapping=CHINESE)
    assert "`encoding: utf-16`" in shop.refusal("encoding=utf-8")
    assert numbers(shop.load()) == (2, 2, 0, 3, 72.5)


def test_big5(tmp_path: Path) -> None:
    rows, mapping = CHINESE_ROWS.translate(TRADITIONAL), CHINESE.translate(TRADITIONAL)
    shop = export(tmp_path, rows.encode("big5"), mapping=mapping)
    for named in ("utf-8", "gbk"):
        assert "name the file's encoding" in shop.refusal(f"encoding={named}")
    dataset = shop.load("encoding=big5")
    assert values(dataset.order_lines, "customer_id") == ["甲", "乙"]


def test_a_second_sheet(tmp_path: Path) -> None:  # B19
    legend = [["what", "meaning"], ["sku", "stock unit"]]
    shop = workbook(tmp_path, Orders=[NAMES, *SOLD], Legend=legend)
    assert "`sheet: Orders`" in shop.refusal()
    dataset = shop.load("sheet=Orders")
    assert numbers(dataset) == (2, 2, 0, 2, 11)
    assert values(dataset.order_lines, "order_id") == ["5012345678901", "5012345678902"]
    assert values(dataset.order_lines, "product_id") == ["00123", "123"]
    assert times(dataset) == ["2024-01-05 09:00:00", "2024-01-05 23:00:00"]


@pytest.mark.parametrize("titles", [TITLE, [["Orders"], ["Shop 7"], ["as of May"]]])
def test_rows_above_the_header(tmp_path: Path, titles: list[list[object]]) -> None:
    shop = workbook(tmp_path, Orders=[*titles, NAMES, *SOLD])
    row = len(titles) + 1
    assert f"`header_row: {row}`" in shop.refusal()
    assert numbers(shop.load(f"header_row={row}")) == (2, 2, 0, 2, 11)


def test_a_hidden_sheet(tmp_path: Path) -> None:
    shop = workbook(tmp_path, Orders=[NAMES, *SOLD], _Old=[NAMES, *SOLD])
    message = shop.refusal()
    assert "`sheet: Orders`" in message
    assert "'Old' (hidden)" in message
    assert numbers(shop.load("sheet=Orders")) == (2, 2, 0, 2, 11)


def test_a_sheet_a_month(tmp_path: Path) -> None:
    january: list[list[object]] = [["January"], [], [*NAMES], SOLD[0]]
    february: list[list[object]] = [["February"], [], [*NAMES], SOLD[1]]
    shop = workbook(tmp_path, January=january, February=february)
    assert "`header_row`" in shop.refusal()
    assert numbers(shop.load("header_row=3")) == (2, 2, 0, 2, 11)


def test_a_total_below_the_table(tmp_path: Path) -> None:
    shop = workbook(tmp_path, Orders=[NAMES, *SOLD, ["Total", None, None, 2, 11, None]])
    assert 'totals: ["Total"]' in shop.refusal()
    dataset = shop.load("totals=[Total]")
    assert (numbers(dataset), dataset.dropped["totals"]) == ((2, 2, 0, 2, 11), 1)


OLIST = """
timezone: America/Sao_Paulo
currency: BRL
order_lines:
  order_id: order_id
  line_number: order_item_id
  customer_id: customer_id
  product_id: product_id
  unit_price: price
  quantity: qty
  event_timestamp: ts
"""
OLIST_HEADER = "order_id,order_item_id,product_id,price\n"


def test_order_heads_in_another_file(tmp_path: Path) -> None:  # B32
    mapping = OLIST.replace("  customer_id: customer_id\n", "")
    shop = export(tmp_path, "O1,1,P1,5\nO1,2,P2,7\n", header=OLIST_HEADER, mapping=mapping)
    (tmp_path / "heads.csv").write_text("order_id,customer_id,ts\nO1,c1,2024-01-05 10:00:00\n")
    message = shop.refusal()
    assert "'ts': the column is missing" in message
    assert "order_heads: {file: ..., order_id: order_id}" in message
    heads = "order_heads={file: heads.csv, order_id: order_id}"
    assert "leave quantity out if every row is one unit" in shop.refusal(heads)
    without = OLIST.replace("  quantity: qty\n", "")
    shop = export(tmp_path, "O1,1,P1,5\nO1,2,P2,7\n", header=OLIST_HEADER, mapping=without)
    dataset = shop.load(heads)
    assert numbers(dataset) == (1, 1, 0, 2, 12)
    assert times(dataset) == ["2024-01-05 13:00:00"] * 2


def test_an_order_without_a_head(tmp_path: Path) -> None:
    without = OLIST.replace("  quantity: qty\n", "")
    shop = export(tmp_path, "O1,1,P1,5\nO2,1,P2,7\n", header=OLIST_HEADER, mapping=without)
    (tmp_path / "heads.csv").write_text("order_id,customer_id,ts\nO1,c1,2024-01-05 10:00:00\n")
    heads = "order_heads={file: heads.csv, order_id: order_id}"
    assert "row 3, column 'order_id', value 'O2'" in shop.refusal(heads)


def test_a_tills_export_in_gbk(tmp_path: Path) -> None:  # E-shops
    shop = export(tmp_path, POS_ROWS.encode("gbk"), mapping=POS, name="pos_gbk.csv")
    assert 'totals: ["合计"]' in shop.refusal()
    options = ["totals=[合计]"]
    assert 'guest_ids: ["散客"]' in shop.refusal(*options)
    options.append("guest_ids=[散客]")
    assert 'order_id: ["@day", 流水号] with the till' in shop.refusal(*options)
    options.append('order_lines.order_id=["@day", 收银机号, 流水号]')
    dataset = shop.load(*options)
    assert numbers(dataset) == (4, 3, 1, 5, 66)
    assert kinds(dataset)[2] == ("6900000000008", "return", -1, 9)
    assert dataset.order_lines["customer_id"].iloc[0] == "8800000000000095"
    assert times(dataset)[0] == "2024-01-10 01:39:28"


def test_an_export_of_shopify(tmp_path: Path) -> None:
    shop = export(tmp_path, SHOPIFY_ROWS.encode(), mapping=SHOPIFY, name="shopify.csv")
    assert "status: {column: Financial Status" in shop.refusal()
    options = [
        "status={column: Financial Status, order: [paid], refund: [refunded], leave_out: [voided]}"
    ]
    assert "fill_down: [Financial Status]" in shop.refusal(*options)
    options.append("fill_down=[Financial Status]")
    assert "customer_ids: {case: lower" in shop.refusal(*options)
    dataset = shop.load(*options, "customer_ids={case: lower}")
    assert numbers(dataset) == (3, 1, 1, 4, 18)
    assert title_at(dataset, "CUP", "2024-08-01T00:00:00Z") == 'Cup, "blue"'
    assert title_at(dataset, "CUP", "2024-12-31T00:00:00Z") == 'Cup, "red"'
    assert title_at(dataset, "TEA", "2024-12-31T00:00:00Z") == "Tea & more"
