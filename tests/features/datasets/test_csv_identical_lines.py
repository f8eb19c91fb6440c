"""Which rows of a file are lines of their own, and which repeat one."""

from pathlib import Path

import pytest

from features.ingest import ingest
from features.schema import BadInput
from features.tables import read_table
from features.workspace import Workspace
from tests.features.datasets.csv_shop import HEADER, load, told

SCANS = "1,K,A,1,2.5,2024-03-01\n" * 3 + "1,K,B,2,4,2024-03-01\n" + "1,K,A,1,2.5,2024-03-01\n"


def test_a_till_that_scans_each_piece_sells_every_piece(tmp_path: Path) -> None:
    dataset = load(tmp_path, SCANS)
    lines = dataset.order_lines
    assert told(lines, "line_number", "product_id", "quantity") == [
        *((1, "A", 1), (2, "A", 1), (3, "A", 1)),
        *((4, "B", 2), (5, "A", 1)),
    ]
    assert (lines["quantity"] * lines["unit_price"]).sum() == 4 * 2.5 + 2 * 4
    assert (dataset.read, dataset.kept, dataset.dropped) == (5, {"sale": 5}, {"exact_duplicate": 0})
    ws = Workspace.create(tmp_path / "shop", timezone="Europe/Berlin", currency="EUR")
    assert ingest(ws, dataset).added["order_lines"] == 5
    again = ingest(ws, load(tmp_path, SCANS))
    assert (again.kept, again.dropped["already_known"]) == ({}, 5)


def test_a_later_export_of_an_order_adds_its_new_lines_or_is_refused(tmp_path: Path) -> None:
    ws = Workspace.create(tmp_path / "shop", timezone="Europe/Berlin", currency="EUR")
    ingest(ws, load(tmp_path, SCANS))
    later = ingest(ws, load(tmp_path, f"{SCANS}1,K,B,2,4,2024-03-01\n"))
    assert (later.kept, later.dropped["already_known"]) == ({"sale": 1}, 5)
    other_order = "1,K,B,2,4,2024-03-01\n" + "1,K,A,1,2.5,2024-03-01\n" * 4
    assert ingest(ws, load(tmp_path, other_order)).kept == {}
    with pytest.raises(BadInput, match="row 7, column 'Bon', value '1': the workspace holds other"):
        ingest(ws, load(tmp_path, other_order + "1,K,C,1,9,2024-03-01\n"))
    assert len(read_table(ws, "order_lines")) == 6


def test_a_mapped_line_number_tells_a_repeated_row_from_a_second_piece(tmp_path: Path) -> None:
    rows = "1,K,A,1,2.5,2024-03-01,1\n1,K,A,1,2.5,2024-03-01,2\n1,K,A,1,2.5,2024-03-01,1\n"
    numbered = {"order_lines": {"line_number": "Pos"}}
    dataset = load(tmp_path, rows, header=f"{HEADER.strip()},Pos\n", **numbered)
    assert told(dataset.order_lines, "line_number", "product_id") == [(1, "A"), (2, "A")]
    assert (dataset.read, dataset.dropped) == (3, {"exact_duplicate": 1})


def test_a_row_that_a_file_of_customers_or_products_repeats_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "kunden.csv").write_text("Kunde,Land\nK,DE\nK,DE\n")
    customers = {"file": "kunden.csv", "customer_id": "Kunde", "country": "Land"}
    dataset = load(tmp_path, SCANS, customers=customers)
    assert told(dataset.customers, "customer_id", "country") == [("K", "DE")]
