"""Any shop's files under a YAML mapping."""

import textwrap
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.datasets import csv
from features.datasets.mapping import load_mapping
from features.ingest import ingest
from features.schema import BadInput, Origin, validate
from features.workspace import Workspace
from tests.features.datasets.csv_shop import HEADER, load, told


def test_the_example_of_the_docstring_runs(tmp_path: Path) -> None:
    example = (csv.__doc__ or "").split("\n\n")[1]
    (tmp_path / "shop.yaml").write_text(textwrap.dedent(example))
    (tmp_path / "bons.csv").write_text(
        "Bon;Kunde;Artikel;Menge;Preis;Zeit;Art\n"
        "1;K1;A/1;2;1,50;01.03.2024 10:00;Verkauf\n"
        "1;K1;A/1;2;1,50;01.03.2024 10:00;Verkauf\n"
        "1;K1;POST;1;4,90;01.03.2024 10:00;Versand\n"
        "2;;日本;1;7,00;31.03.2024 02:30;Verkauf\n"
        "3;K1;A/1;1;1,50;01.04.2024 10:00;Retoure\n"
    )
    (tmp_path / "artikel.csv").write_text("Nummer;Name\nA/1;Apfel\n日本;Tee\nB;\n")
    mapping = load_mapping(tmp_path / "shop.yaml")
    dataset = csv.load(tmp_path / "bons.csv", mapping)
    assert (dataset.read, dataset.dropped) == (5, {"exact_duplicate": 0})
    assert dataset.kept == {"sale": 3, "fee": 1, "return": 1}
    assert list(dataset.warnings.values()) == [1, 1]
    lines = dataset.order_lines
    assert told(lines, "order_id", "line_number", "line_type", "quantity", "unit_price") == [
        ("1", 1, "sale", 2, 1.5),
        ("1", 2, "sale", 2, 1.5),
        ("1", 3, "fee", 1, 4.9),
        ("2", 1, "sale", 1, 7),
        ("3", 1, "return", -1, 1.5),
    ]
    assert lines["customer_id"].isna().tolist() == [False, False, False, True, False]
    assert lines["event_timestamp"].dt.strftime("%d %H:%M").tolist() == [
        *("01 09:00", "01 09:00", "01 09:00"),
        *("31 01:00", "01 08:00"),
    ]
    products = dataset.products
    assert products["title"].fillna("-").tolist() == ["Apfel", "Tee", "-"]
    assert products["valid_from"].dt.strftime("%d %H:%M").tolist() == [
        *("01 09:00", "31 01:00"),
        "01 08:00",  # never sold: known from the file's last moment
    ]


def test_without_line_types_sign_and_price_say_them(tmp_path: Path) -> None:
    rows = (
        "1,K,A,1,2.5,2024-03-01\n"
        "1,K,A,-1,2.5,2024-03-01\n"
        "1,K,A,1,0,2024-03-01\n"
        "1,K,POST,1,4.9,2024-03-01\n"
    )
    lines = load(tmp_path, rows, fee_product_ids=["POST"]).order_lines
    assert told(lines, "line_number", "line_type") == [
        *((1, "sale"), (2, "return")),
        *((3, "adjustment"), (4, "fee")),
    ]


def test_what_a_line_costs_in_all_gives_its_unit_price(tmp_path: Path) -> None:
    rows = (
        "1,K,A,3,7.5,2024-03-01\n"
        "1,K,B,-2,-5,2024-03-01\n"
        "1,K,C,2,0,2024-03-01\n"
        "1,K,E,0,0,2024-03-01\n"
    )
    total = {"unit_price": None, "line_total": "Preis"}
    lines = load(tmp_path, rows, order_lines=total).order_lines
    assert told(lines, "line_type", "quantity", "unit_price") == [
        *(("sale", 3, 2.5), ("return", -2, 2.5)),
        *(("adjustment", 2, 0), ("adjustment", 0, 0)),
    ]
    validate("order_lines", lines, origin=Origin(file="bons.csv"))
    cells_and_rules = [
        ("2,-5", "'-5': not negative; say what such a line is: negative_price"),
        ("-2,5", "'5': a total with the quantity's sign"),
        ("2,", "missing: a number"),
        ("2,x", "'x': a number"),
    ]
    for cells, rule in cells_and_rules:
        with pytest.raises(BadInput, match=f"row 2, column 'Preis', value {rule}"):
            load(tmp_path, f"1,K,A,{cells},2024-03-01\n", order_lines=total)


def test_every_optional_column_is_taken(tmp_path: Path) -> None:
    dataset = load(
        tmp_path,
        "1,K,A,1,2.5,2024-03-01T10:00Z,7,A-red,return,web,Köln,2024-03-02T10:00Z,EUR\n",
        header=f"{HEADER.strip()},Pos,Sorte,Art,Weg,Laden,Gebucht,Geld\n",
        order_lines={
            **{"line_number": "Pos", "parent_product_id": "Sorte", "line_type": "Art"},
            **{"channel": "Weg", "store_id": "Laden", "recorded_timestamp": "Gebucht"},
            "currency": "Geld",
        },
    )
    line = dataset.order_lines.iloc[0]
    assert line["line_number"] == 7
    assert line[["parent_product_id", "channel", "store_id"]].tolist() == ["A-red", "web", "Köln"]
    assert (line["line_type"], line["quantity"]) == ("return", -1)
    assert line["recorded_timestamp"] - line["event_timestamp"] == pd.Timedelta(days=1)
    validate("order_lines", dataset.order_lines, origin=dataset.origin("order_lines"))


def test_customers_and_events_come_from_their_own_files(tmp_path: Path) -> None:
    (tmp_path / "kunden.csv").write_text("Kunde,Land,Seit\nK,DE,2024-01-01\nK,AT,2024-02-01\n")
    (tmp_path / "klicks.csv").write_text("Id,Was,Kunde,Zeit\ne1,product_viewed,K,2024-02-01\n")
    dataset = load(
        tmp_path,
        "1,K,A,1,2.5,2024-03-01\n",
        customers={
            **{"file": "kunden.csv", "customer_id": "Kunde"},
            **{"country": "Land", "valid_from": "Seit"},
        },
        events={
            **{"file": "klicks.csv", "event_id": "Id", "type": "Was"},
            **{"customer_id": "Kunde", "event_timestamp": "Zeit"},
        },
    )
    assert told(dataset.customers, "customer_id", "country") == [("K", "DE"), ("K", "AT")]
    assert told(dataset.events, "event_id", "type") == [("e1", "product_viewed")]
    ws = Workspace.create(tmp_path / "shop", timezone="Europe/Berlin", currency="EUR")
    result = ingest(ws, dataset)
    assert result.added == {"order_lines": 1, "customers": 2, "products": 0, "events": 1}


def test_a_cell_without_valid_from_is_the_first_order_line_or_the_file_s_end(
    tmp_path: Path,
) -> None:
    (tmp_path / "kunden.csv").write_text("Kunde,Land,Seit\nK,DE,2024-01-01\nL,AT,\nM,CH,\n")
    (tmp_path / "artikel.csv").write_text("Nummer,Name,Seit\nA,Tee,\nB,Tasse,2023-12-01\nC,,\n")
    dataset = load(
        tmp_path,
        "1,L,B,1,2.5,2024-03-02\n2,L,A,1,2.5,2024-03-01\n3,K,A,1,2.5,2024-03-03\n",
        customers={
            **{"file": "kunden.csv", "customer_id": "Kunde"},
            **{"country": "Land", "valid_from": "Seit"},
        },
        products={
            **{"file": "artikel.csv", "product_id": "Nummer"},
            **{"title": "Name", "valid_from": "Seit"},
        },
    )
    days = {
        name: frame["valid_from"].dt.tz_convert("Europe/Berlin").dt.strftime("%Y-%m-%d").tolist()
        for name, frame in (("customers", dataset.customers), ("products", dataset.products))
    }
    assert days == {
        "customers": ["2024-01-01", "2024-03-01", "2024-03-03"],
        "products": ["2024-03-01", "2023-12-01", "2024-03-03"],
    }
    ws = Workspace.create(tmp_path / "shop", timezone="Europe/Berlin", currency="EUR")
    assert ingest(ws, dataset).added["customers"] == 3


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,K,A,x,1,2024-03-01", "column 'Menge', value 'x': a number"),
        ("1,K,A,nan,1,2024-03-01", "column 'Menge', value 'nan': a number"),
        ("1,K,A,inf,1,2024-03-01", "column 'Menge', value 'inf': a number"),
        ("1,K,A,1,,2024-03-01", "column 'Preis', value missing: a number"),
        (
            "1,K,A,1,-2,2024-03-01",
            "column 'Preis', value '-2': not negative; say what such a line is: negative_price",
        ),
        ("1,K,A,1,1,", "column 'Zeit', value missing: not null; if only the first line"),
        (
            "1,K,A,1,1,03/01/2024",
            "column 'Zeit', value '03/01/2024': a time like 2011-12-09 12:50:00",
        ),
        (
            "1,K,A,1,1,2024-03-01T10:00:00+01:00",
            "column 'Zeit', value '2024-03-01T10:00:00+01:00': "
            "times with and without a UTC offset are mixed in one column",
        ),
        (
            "2,K,A,1,1,2031-03-01 10:00",
            "column 'Zeit', value '2031-03-01T09:00:00+00:00': "
            "not after the workspace's clock, 2030-01-01T00:00:00+00:00",
        ),
        (
            f"2,{'K' * 1_000_000},A,1,1,2024-03-01",
            f"column 'Kunde', value '{'K' * 76}...: "
            "an id is 1-128 characters without control characters",
        ),
        (
            "1,K,A\x07,1,1,2024-03-01",
            "column 'Artikel', value 'A\\x07': "
            "an id is 1-128 characters without control characters",
        ),
        (",K,A,1,1,2024-03-01", "column 'Bon', value missing: not null; if only the first line"),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    ws = Workspace.create(
        tmp_path / "shop",
        timezone="Europe/Berlin",
        currency="EUR",
        clock="fixed:2030-01-01T00:00:00Z",
    )
    with pytest.raises(BadInput) as refused:
        ingest(ws, load(tmp_path, f"1,K,A,1,1,2024-03-01 10:00\n{row}\n"))
    assert str(refused.value).startswith(f"{tmp_path}/bons.csv, row 3, {message}")


@pytest.mark.parametrize(
    ("column", "cell", "mapping", "message"),
    [
        (
            "currency",
            "USD",
            {},
            "column 'Extra', value 'USD': the mapping's currency is EUR; to leave other rows out, "
            "write where: {Extra: {only: [EUR]}}",
        ),
        (
            "currency",
            "",
            {},
            "column 'Extra', value missing: the mapping's currency is EUR; to leave other rows "
            "out, write where: {Extra: {only: [EUR]}}; if only the first line of an order has it, "
            "write fill_down: [Extra]",
        ),
        ("line_number", "1.5", {}, "column 'Extra', value '1.5': a whole number"),
        (
            "line_type",
            "Gutschein",
            {"line_types": {"Verkauf": "sale", "Retoure": "return"}},
            "column 'Extra', value 'Gutschein': one of Verkauf, Retoure (the mapping's line_types)",
        ),
        (
            "line_type",
            "gift",
            {},
            "column 'Extra', value 'gift': one of sale, return, fee, adjustment",
        ),
    ],
)
def test_a_broken_optional_cell_is_named(
    tmp_path: Path, column: str, cell: str, mapping: dict[str, Any], message: str
) -> None:
    ws = Workspace.create(tmp_path / "shop", timezone="Europe/Berlin", currency="EUR")
    rows, header = f"1,K,A,1,1,2024-03-01 10:00,{cell}\n", f"{HEADER.strip()},Extra\n"
    with pytest.raises(BadInput) as refused:
        ingest(ws, load(tmp_path, rows, header=header, order_lines={column: "Extra"}, **mapping))
    assert str(refused.value) == f"{tmp_path}/bons.csv, row 2, {message}"


def test_a_key_with_other_values_is_refused(tmp_path: Path) -> None:
    rows = "1,K,A,1,1,2024-03-01,1\n1,K,A,1,1,2024-03-01,1\n1,K,A,2,1,2024-03-01,1\n"
    header = f"{HEADER.strip()},Pos\n"
    ws = Workspace.create(tmp_path / "shop", timezone="Europe/Berlin", currency="EUR")
    with pytest.raises(BadInput) as refused:
        ingest(ws, load(tmp_path, rows, header=header, order_lines={"line_number": "Pos"}))
    assert str(refused.value) == (
        f"{tmp_path}/bons.csv, row 4, column 'Bon, Pos', value ('1', 1): "
        "a key of an order line appears once"
    )


def test_a_word_for_a_sale_with_a_quantity_below_0_is_refused(tmp_path: Path) -> None:
    words = {"order_lines": {"line_type": "Art"}, "line_types": {"S": "sale", "R": "return"}}
    header = f"{HEADER.strip()},Art\n"
    with pytest.raises(BadInput, match="row 2, column 'Art', value 'S': not a sale where"):
        load(tmp_path, "1,K,A,-1,1,2024-03-01,S\n", header=header, **words)
    assert load(tmp_path, "1,K,A,-1,1,2024-03-01,R\n", header=header, **words).kept == {"return": 1}
