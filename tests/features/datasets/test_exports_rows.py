"""Exports whose rows are not whole order lines."""

from pathlib import Path

import pytest

from configs.loader import ConfigError
from tests.features.datasets.exports.export import export, kinds, numbers, revenue, times
from tests.features.datasets.exports.shops import HEADER, ORDINARY, WEB, WEB_HEADER

AT = "2024-02-03 10:00:00 +0100"
SUMMER = "2024-07-04 10:00:00 +0200"
STATES = (
    f"#1001,kim@shop.test,paid,{AT},1,30.00,SHIRT\n"
    f"#1001,kim@shop.test,,{AT},2,25.00,CAP\n"
    f"#1002,lee@shop.test,refunded,{SUMMER},1,25.00,CAP\n"
    f"#1003,lee@shop.test,voided,{SUMMER},1,25.00,CAP\n"
)
STATUS = "status={column: Financial Status, order: [paid], refund: [refunded], leave_out: [voided]}"


def header(column: str) -> str:
    return WEB_HEADER.replace("Created at", f"{column},Created at")


def test_the_same_article_scanned_again(tmp_path: Path) -> None:  # B01
    scans = "7,c7,A,1,5,2024-01-07 10:00:00\n" * 3
    dataset = export(tmp_path, scans).load()
    assert numbers(dataset) == (1, 1, 0, 3, 15)
    assert dataset.dropped == {"exact_duplicate": 0}


def test_pieces_that_come_back_one_by_one(tmp_path: Path) -> None:
    rows = "7,c7,A,4,5,2024-01-07 10:00:00\n" + "8,c7,A,-1,5,2024-01-08 10:00:00\n" * 2
    dataset = export(tmp_path, rows).load()
    assert [kind[1:3] for kind in kinds(dataset)] == [("sale", 4), ("return", -1), ("return", -1)]
    assert numbers(dataset) == (1, 1, 0, 2, 10)


def test_a_line_number_tells_a_copied_row_from_another_piece(tmp_path: Path) -> None:
    row = "7,c7,A,1,5,2024-01-07 10:00:00"
    shop = export(tmp_path, f"{row},1\n{row},1\n{row},2\n", header=f"{HEADER.strip()},line\n")
    dataset = shop.load("order_lines.line_number=line")
    assert (numbers(dataset), dataset.dropped) == ((1, 1, 0, 2, 10), {"exact_duplicate": 1})


def test_order_columns_on_the_first_line_only(tmp_path: Path) -> None:  # B10
    rows = (
        f"#1001,kim@shop.test,{AT},1,30.00,SHIRT\n"
        ",,,2,25.00,CAP\n"
        f"#1002,lee@shop.test,{SUMMER},1,25.00,CAP\n"
    )
    shop = export(tmp_path, rows, header=WEB_HEADER, mapping=WEB)
    message = shop.refusal()
    assert "row 3, column 'Name', value missing" in message
    assert "fill_down: [Name, " in message
    assert 'totals: ["2"]' in message  # the row's first filled cell
    dataset = shop.load("fill_down=[Name, Email, Created at]")
    assert numbers(dataset) == (2, 2, 0, 4, 105)
    assert times(dataset)[1:] == ["2024-02-03 09:00:00", "2024-07-04 08:00:00"]


def test_all_but_the_order_id_on_the_first_line_only(tmp_path: Path) -> None:
    rows = (
        f"#1001,kim@shop.test,{AT},1,30.00,SHIRT\n"
        "#1001,,,2,25.00,CAP\n"
        f"#1002,,{SUMMER},1,25.00,CAP\n"
        "#1002,,,3,25.00,CAP\n"
    )
    shop = export(tmp_path, rows, header=WEB_HEADER, mapping=WEB)
    assert "fill_down: [Created at, Email]" in shop.refusal()
    dataset = shop.load("fill_down=[Created at, Email]")
    assert numbers(dataset) == (2, 1, 1, 7, 180)  # the second order is a guest's


def test_the_customer_on_the_first_line_only(tmp_path: Path) -> None:
    rows = f"#1001,kim@shop.test,{AT},1,30.00,SHIRT\n#1001,,{AT},2,25.00,CAP\n"
    shop = export(tmp_path, rows, header=WEB_HEADER, mapping=WEB)
    assert "fill_down: [Email" in shop.refusal()
    assert numbers(shop.load("fill_down=[Email]")) == (1, 1, 0, 3, 80)


def test_a_first_row_that_no_row_above_can_fill(tmp_path: Path) -> None:
    rows = f",,,2,25.00,CAP\n#1001,kim@shop.test,{AT},1,30.00,SHIRT\n"
    shop = export(tmp_path, rows, header=WEB_HEADER, mapping=WEB)
    options = ["fill_down=[Name, Email, Created at]"]
    assert 'where: {Name: {leave_out: [""]}}' in shop.refusal(*options)
    dataset = shop.load(*options, 'where={Name: {leave_out: [""]}}')
    assert (numbers(dataset), dataset.dropped["where: Name"]) == ((1, 1, 0, 1, 30), 1)


def test_a_status_as_line_type_on_the_first_line_only(tmp_path: Path) -> None:  # B11
    types = "  line_type: Financial Status\nline_types: {paid: sale, refunded: return, voided: fee}"
    shop = export(tmp_path, STATES, header=header("Financial Status"), mapping=WEB + types)
    message = shop.refusal()
    assert "row 3, column 'Financial Status', value missing" in message
    assert "fill_down: [Financial Status]" in message
    dataset = shop.load("fill_down=[Financial Status]")
    assert [kind[1] for kind in kinds(dataset)] == ["sale", "sale", "return", "fee"]
    assert [kind[2] for kind in kinds(dataset)] == [1, 2, -1, 1]


def test_a_status_of_the_order(tmp_path: Path) -> None:
    shop = export(tmp_path, STATES, header=header("Financial Status"), mapping=WEB)
    assert "status: {column: Financial Status, order: [...]" in shop.refusal()
    assert "fill_down: [Financial Status]" in shop.refusal(STATUS)
    assert "refund or wait" in shop.refusal(
        STATUS.replace(", leave_out: [voided]", ""), "fill_down=[Financial Status]"
    )
    dataset = shop.load(STATUS, "fill_down=[Financial Status]")
    assert numbers(dataset) == (2, 2, 0, 3, 80)  # a refund is a return of what was sold
    assert dataset.dropped["left out: Financial Status is voided"] == 1
    assert dataset.read == 5


@pytest.mark.parametrize(
    ("column", "word"),
    [("Zustand", "Storniert"), ("État", "Remboursée"), ("State", "Cancelled"), ("状态", "已退款")],
)
def test_a_status_in_another_language(tmp_path: Path, column: str, word: str) -> None:
    rows = STATES.replace("refunded", word).replace("voided", "paid")
    message = export(tmp_path, rows, header=header(column), mapping=WEB).refusal()
    assert f"row 4, column {column!r}, value {word!r}" in message
    assert f"status: {{column: {column}, order" in message
    assert f"unused: [{column}]" in message


def test_a_cancellation_by_its_time(tmp_path: Path) -> None:
    rows = STATES.replace(",paid,", ",,").replace("refunded", "").replace("voided", SUMMER)
    shop = export(tmp_path, rows, header=header("Cancelled at"), mapping=WEB)
    assert 'where: {Cancelled at: {only: [""]}}' in shop.refusal()
    assert numbers(shop.load('where={Cancelled at: {only: [""]}}')) == (2, 2, 0, 4, 105)
    assert numbers(shop.load("unused=[Cancelled at]")) == (3, 2, 0, 5, 130)


def test_a_refunded_amount(tmp_path: Path) -> None:
    rows = STATES.replace(",paid,", ",0.00,").replace("refunded", "0.00").replace("voided", "25.00")
    shop = export(tmp_path, rows, header=header("Refunded Amount"), mapping=WEB)
    assert 'where: {Refunded Amount: {only: ["", "0.00"]}}' in shop.refusal()
    assert "unused: [Refunded Amount]" in shop.refusal()
    only = 'where={Refunded Amount: {only: ["", "0.00"]}}'
    assert numbers(shop.load(only)) == (2, 2, 0, 4, 105)


def test_a_currency_on_the_first_line_only(tmp_path: Path) -> None:
    rows = f"#1,k@s.test,EUR,{AT},1,30.00,SHIRT\n#1,k@s.test,,{AT},2,25.00,CAP\n"
    currency = "  currency: Currency\n"
    shop = export(tmp_path, rows, header=header("Currency"), mapping=WEB + currency)
    assert "fill_down: [Currency]" in shop.refusal()
    assert numbers(shop.load("fill_down=[Currency]")) == (1, 1, 0, 3, 80)


def test_a_currency_column_that_nobody_reads(tmp_path: Path) -> None:
    rows = f"#1,k@s.test,EUR,{AT},1,30.00,SHIRT\n#2,k@s.test,USD,{AT},2,25.00,CAP\n"
    shop = export(tmp_path, rows, header=header("Currency"), mapping=WEB)
    assert "order_lines: {currency: Currency}" in shop.refusal()
    currency = "order_lines.currency=Currency"
    assert "where: {Currency: {only: [EUR]}}" in shop.refusal(currency)
    assert numbers(shop.load(currency, "where={Currency: {only: [EUR]}}")) == (1, 1, 0, 1, 30)


H_AND_M = """
timezone: Europe/Stockholm
currency: SEK
order_lines:
  order_id: t_dat
  customer_id: customer_id
  product_id: article_id
  unit_price: price
  event_timestamp: t_dat
"""
H_AND_M_HEADER = "t_dat,customer_id,article_id,price\n"


def test_a_file_without_quantities(tmp_path: Path) -> None:  # B32
    rows = "2024-01-05,c1,1,0.05\n2024-01-05,c1,1,0.05\n2024-01-05,c1,2,0.05\n"
    shop = export(tmp_path, rows, header=H_AND_M_HEADER, mapping=H_AND_M)
    assert numbers(shop.load()) == (1, 1, 0, 3, 0.15)
    rows += "2024-01-05,c2,1,0.05\n"
    shop = export(tmp_path, rows, header=H_AND_M_HEADER, mapping=H_AND_M)
    assert 'order_id: ["@day", t_dat]' in shop.refusal()
    dataset = shop.load('order_lines.order_id=["@day", customer_id]')
    assert numbers(dataset) == (2, 2, 0, 4, 0.2)


def test_a_file_without_order_ids(tmp_path: Path) -> None:
    rows = "2024-01-05,c1,1,0.05\n2024-01-05,c1,1,0.05\n2024-01-05,c2,2,0.05\n"
    mapping = H_AND_M.replace("  order_id: t_dat\n", "")
    shop = export(tmp_path, rows, header=H_AND_M_HEADER, mapping=mapping)
    with pytest.raises(ConfigError, match='such as order_id: \\["@day", customer_id\\]'):
        shop.load()
    dataset = shop.load('order_lines.order_id=["@day", customer_id]')
    assert numbers(dataset) == (2, 2, 0, 3, 0.15)


def test_a_file_without_customers(tmp_path: Path) -> None:
    mapping = ORDINARY.replace("  customer_id: customer_id\n", "")
    rows = "1,A,2,5,2024-01-05 10:00:00\n"
    shop = export(tmp_path, rows, header=HEADER.replace("customer_id,", ""), mapping=mapping)
    assert numbers(shop.load()) == (1, 0, 1, 2, 10)


WORDS = [("no", "yes"), ("0", "1"), ("off", "on"), ("null", "~"), ("1e3", "0x1F"), ("01", "1")]


@pytest.mark.parametrize(
    ("sold", "back"), [*WORDS, ("2024-01-01", "2024-01-02"), ("1:30", "12:30:45"), ("1.0", "1.00")]
)
def test_words_that_yaml_reads_as_something_else(tmp_path: Path, sold: str, back: str) -> None:
    rows = f"1,c,A,1,5,2024-01-01 10:00:00,{sold}\n2,c,A,1,5,2024-01-02 10:00:00,{back}\n"  # B46
    types = f"  line_type: ret\nline_types: {{{sold}: sale, {back}: return}}\n"
    shop = export(tmp_path, rows, header=f"{HEADER.strip()},ret\n", mapping=ORDINARY + types)
    assert kinds(shop.load()) == [("A", "sale", 1, 5), ("A", "return", -1, 5)]


@pytest.mark.parametrize("fee", ["0010", "off", "0x1F", "1_000"])
def test_fees_whose_ids_yaml_reads_as_something_else(tmp_path: Path, fee: str) -> None:
    rows = f"1,c,A,1,5,2024-01-01 10:00:00\n1,c,{fee},1,5,2024-01-01 10:00:00\n"
    shop = export(tmp_path, rows, mapping=f"{ORDINARY}fee_product_ids: [{fee}]\n")
    assert [kind[:2] for kind in kinds(shop.load())] == [("A", "sale"), (fee, "fee")]
    assert revenue(shop.load()) == 10
