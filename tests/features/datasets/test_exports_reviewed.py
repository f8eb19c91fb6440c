"""Exports that a reviewer made: each came in wrong, or ended in a traceback, before it was here."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.loader import ConfigError
from features.datasets import csv
from features.datasets.mapping import ShopMapping, load_mapping
from features.schema import BadInput
from tests.features.datasets.csv_shop import HEADER, SHOP, load, told

ROW = "1,a,x,1,5,2024-01-05 10:00\n"
NAMES = HEADER.strip().split(",")


def mapped(**keys: Any) -> ShopMapping:
    return ShopMapping(**SHOP | keys)


def table(folder: Path, **columns: Any) -> Path:
    """Write two orders as a .parquet file, with other `columns`."""
    moments = [datetime.datetime(2024, 1, day, 10) for day in (5, 6)]
    cells = {
        "Bon": pa.array(["1", "2"]),
        "Kunde": pa.array(["a", "b"]),
        "Artikel": pa.array(["x", "y"]),
        "Menge": pa.array([1, 2]),
        "Preis": pa.array([5.0, 6.0]),
        "Zeit": pa.array(moments, pa.timestamp("us")),
    }
    file = folder / "bons.parquet"
    pq.write_table(pa.table(cells | columns), file)
    return file


def workbook(folder: Path, *cells: Any) -> Path:
    """Write a workbook of one row."""
    book = openpyxl.Workbook()
    for row in (NAMES, cells):
        book.active.append(row)
    book.save(folder / "bons.xlsx")
    return folder / "bons.xlsx"


def files(folder: Path, *rows: str, header: str = HEADER) -> list[Path]:
    """Write a file of the same name into a folder for each of `rows`."""
    paths = [folder / str(place) / "bons.csv" for place in range(len(rows))]
    for path, each in zip(paths, rows, strict=True):
        path.parent.mkdir()
        path.write_text(header + each)
    return paths


@pytest.mark.parametrize(
    ("row", "column"), [(" ,a,x,1,5,2024-01-05\n", "Bon"), ("2,a,x,1,5, \n", "Zeit")]
)
def test_a_cell_of_blanks_is_empty(tmp_path: Path, row: str, column: str) -> None:
    with pytest.raises(BadInput, match=rf"row 3, column '{column}'.*fill_down: \[{column}\]"):
        load(tmp_path, ROW + row)


def test_an_empty_guard_is_an_empty_cell(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"row 2, column 'Bon'.*fill_down: \[Bon\]"):
        load(tmp_path, '"=""""",a,x,1,5,2024-01-05 10:00\n')


def test_files_that_overlap_are_refused(tmp_path: Path) -> None:
    paths = files(tmp_path, ROW + "2,a,y,1,5,2024-01-06\n", "2,a,y,1,5,2024-01-06\n")
    with pytest.raises(BadInput, match=r"value '2': two files hold the same line .*one after the"):
        csv.load(paths, mapped())


def test_an_identical_line_in_one_of_two_files_is_another_unit(tmp_path: Path) -> None:
    dataset = csv.load(files(tmp_path, ROW + ROW, "2,a,y,1,5,2024-01-06\n"), mapped())
    assert told(dataset.order_lines, "order_id", "line_number") == [("1", 1), ("1", 2), ("2", 1)]


def test_files_of_one_name_have_all_their_titles(tmp_path: Path) -> None:
    header = HEADER.replace("\n", ",Name\n")
    paths = files(
        tmp_path,
        "1,a,x,1,5,2024-01-05,tea\n",
        "2,a,y,1,5,2024-01-06,cup\n",
        header=header,
    )
    products = csv.load(paths, mapped(products={"product_id": "Artikel", "title": "Name"})).products
    assert told(products, "product_id", "title") == [("x", "tea"), ("y", "cup")]


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        ("1,100,10,19", ("sale", 1, 109)),
        ("-1,100,-10,-19", ("return", -1, 109)),  # signs as of the line
        ("-1,100,10,19", ("return", -1, 109)),
        ("1,-100,-10,-19", ("return", -1, 109)),
        ("1,-100,10,19", ("return", -1, 109)),
        ("-2,100,-10,-19", ("return", -2, 104.5)),
    ],
)
def test_discounts_and_taxes_of_returns(
    tmp_path: Path, cells: str, line: tuple[str, float, float]
) -> None:
    quantity, price, discount, tax = cells.split(",")
    lines = load(
        tmp_path,
        f"1,a,x,{quantity},{price},2024-01-05,{discount},{tax}\n",
        header=HEADER.replace("\n", ",Rabatt,Steuer\n"),
        order_lines={"line_discount": "Rabatt", "line_tax": "Steuer"},
        negative_price="return",
    ).order_lines
    assert told(lines, "line_type", "quantity", "unit_price") == [line]


@pytest.mark.parametrize("column", ["line_discount", "line_tax"])
def test_a_negative_amount_of_a_sale_is_in_doubt(tmp_path: Path, column: str) -> None:
    header = HEADER.replace("\n", ",Betrag\n")
    rows = "1,a,x,1,100,2024-01-05,-10\n"
    with pytest.raises(BadInput, match="column 'Betrag', value '-10': not negative unless"):
        load(tmp_path, rows, header=header, order_lines={column: "Betrag"})


@pytest.mark.parametrize("cell", ["2024", "2024-03", "202403", "0001-01-01", "1899-12-30"])
def test_a_time_without_a_day_or_of_no_shop(tmp_path: Path, cell: str) -> None:
    with pytest.raises(BadInput, match=f"value '{cell}': a time "):
        load(tmp_path, f"1,a,x,1,5,{cell}\n")


def test_a_key_that_appears_twice(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text("currency: EUR\norder_lines:\n  quantity: a\n  quantity: b\n")
    with pytest.raises(ConfigError, match="the key 'quantity' appears twice"):
        load_mapping(file)


def test_the_day_alone_makes_no_order(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a column beside it"):
        load(tmp_path, ROW, order_lines={"order_id": "@day"})


@pytest.mark.parametrize(
    "ids",
    [
        pa.array([17850, None], pa.int32()),
        pa.array([17850.0, None]),
        pa.array([17850.0, float("nan")]),
        pa.array([Decimal(17850), None], pa.decimal128(10, 0)),
        pa.array([Decimal(17850), None], pa.decimal128(38, 10)),
        pa.array([17850, None], pa.uint64()),
        pa.array(["17850", "none"]).dictionary_encode(),
    ],
    ids=lambda array: str(array.type),
)
def test_ids_of_a_parquet_file(tmp_path: Path, ids: Any) -> None:
    lines = csv.load(table(tmp_path, Kunde=ids), mapped(missing=["none"])).order_lines
    assert lines["customer_id"].fillna("").tolist() == ["17850", ""]


def test_decimals_of_a_parquet_file_have_no_groups_of_thousands(tmp_path: Path) -> None:
    prices = pa.array([Decimal("1.234"), Decimal("2.500")], pa.decimal128(10, 3))
    lines = csv.load(table(tmp_path, Preis=prices), mapped(decimal=",", thousands=".")).order_lines
    assert lines["unit_price"].tolist() == [1.234, 2.5]


def test_lists_of_a_parquet_file_are_no_cells(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="column 'Artikel': holds list<element: string>"):
        csv.load(table(tmp_path, Artikel=pa.array([["x"], ["y"]])), mapped())


def test_numbers_of_a_workbook_have_no_groups_of_thousands(tmp_path: Path) -> None:
    file = workbook(tmp_path, "1", "a", "x", 1.125, 5, "2024-01-05")
    with pytest.raises(BadInput, match=r"column 'Menge'.*1\.125 with `decimal: \"\.\"`"):
        csv.load(file, mapped(decimal=",", thousands="."))
    assert csv.load(file, mapped()).order_lines["quantity"].tolist() == [1.125]


def test_a_number_that_a_workbook_has_rounded_is_no_id(tmp_path: Path) -> None:
    file = workbook(tmp_path, 1234567890123456789, "a", "x", 1, 5, "2024-01-05")
    with pytest.raises(BadInput, match=r"column 'Bon'.*has rounded this id"):
        csv.load(file, mapped())
