"""Workbooks are read whole, whatever extent they state; each library where it is right."""

import datetime
import re
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from features.files.layout import Layout
from features.files.tables import read_header, read_rows, rows_of
from features.schema import BadInput
from tests.features.files.workbook_files import edit_parts, write_ods, write_xls, write_xlsx

TIME = datetime.datetime(2024, 1, 5, 10, 0)
TYPES: list[list[object]] = [
    ["id", "number", "time", "day", "flag", "text"],
    [1, 17.0, TIME, datetime.date(2024, 1, 5), True, "007"],
    [2, 0.1, datetime.datetime(2024, 1, 5, 23, 59, 59), None, False, " x "],
]
AS_TEXT = [
    ["1", "17", "2024-01-05 10:00:00", "2024-01-05 00:00:00", "TRUE", "007"],
    ["2", "0.1", "2024-01-05 23:59:59", None, "FALSE", " x "],
]


def cells(frame: pd.DataFrame) -> list[list[str | None]]:
    return [[None if pd.isna(cell) else cell for cell in row] for row in frame.to_numpy()]


def test_cells_of_all_types_become_text(tmp_path: Path) -> None:
    frame = read_rows(write_xlsx(tmp_path / "shop.xlsx", till=TYPES), columns=None)
    assert frame.index.tolist() == ["till!2", "till!3"]
    assert cells(frame) == AS_TEXT


def test_error_values_are_text_and_change_no_other_cell(tmp_path: Path) -> None:
    """openpyxl reads a workbook with error values, python-calamine one without."""
    rows: list[list[object]] = [*TYPES, [3, "#N/A", None, None, None, "#DIV/0!"]]
    frame = read_rows(write_xlsx(tmp_path / "shop.xlsx", till=rows), columns=None)
    assert cells(frame) == [*AS_TEXT, ["3", "#N/A", None, None, None, "#DIV/0!"]]


@pytest.mark.parametrize("last", ["x", "#N/A"])
def test_dates_of_old_macs_and_merged_cells(tmp_path: Path, last: str) -> None:
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    sheet = book.worksheets[0]
    for row in (["time", "a", "b"], [TIME, "both", None], [None, last, "y"]):
        sheet.append(row)
    sheet.merge_cells("B2:C2")
    book.save(tmp_path / "shop.xlsx")
    frame = read_rows(tmp_path / "shop.xlsx", columns=None)
    assert cells(frame) == [["2024-01-05 10:00:00", "both", None], [None, last, "y"]]


@pytest.mark.parametrize("last", ["x", "#N/A"])
def test_a_stated_extent_that_is_too_small_loses_no_row(tmp_path: Path, last: str) -> None:
    file = write_xlsx(tmp_path / "shop.xlsx", till=[["a", "b"], [1, 2], [3, 4], [5, last]])

    def shrink(name: str, content: bytes) -> bytes:
        stale = re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:A2"', content)
        assert (stale != content) == name.startswith("xl/worksheets/")
        return stale

    frame = read_rows(edit_parts(file, shrink), columns=["b", "a"])
    assert cells(frame) == [["2", "1"], ["4", "3"], [last, "5"]]


@pytest.mark.parametrize("last", ["x", "#N/A"])
def test_shared_strings_are_read(tmp_path: Path, last: str) -> None:
    file = write_xlsx(tmp_path / "shop.xlsx", till=[["a"], ["shared"], [last]])
    office = "openxmlformats-officedocument"
    strings = (
        '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        "<si><r><t xml:space='preserve'>Tea </t></r><r><t>&amp; milk</t></r></si></sst>"
    )
    inserted = {
        "[Content_Types].xml": '<Override PartName="/xl/sharedStrings.xml" ContentType='
        f'"application/vnd.{office}.spreadsheetml.sharedStrings+xml"/></Types>',
        "xl/_rels/workbook.xml.rels": '<Relationship Id="s" Target="sharedStrings.xml" Type='
        '"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"/>'
        "</Relationships>",
    }

    def share(name: str, content: bytes) -> bytes:
        text = content.decode()
        if name in inserted:
            end = inserted[name].rpartition("</")[2]
            return text.replace(f"</{end}", inserted[name]).encode()
        return text.replace('t="inlineStr"><is><t>shared</t></is>', 't="s"><v>0</v>').encode()

    with zipfile.ZipFile(edit_parts(file, share), "a") as archive:
        archive.writestr("xl/sharedStrings.xml", strings)
    assert read_rows(file, columns=["a"])["a"].tolist() == ["Tea & milk", last]


def test_a_cell_far_off_costs_no_memory(tmp_path: Path) -> None:
    rows: list[list[object]] = [["a", "b"], [1, 2]]
    file = write_xlsx(tmp_path / "shop.xlsx", till=rows)
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    edit_parts(file, lambda _, content: content.replace(b"</sheetData>", far))
    frame = read_rows(file, columns=["a"])
    assert frame["a"].fillna("null").to_dict() == {"till!2": "1", "till!1048576": "null"}


def test_the_results_of_formulas_are_read(tmp_path: Path) -> None:
    file = write_xlsx(tmp_path / "shop.xlsx", till=[["a"], ["=1+1"], ["=B1"]])
    with pytest.raises(BadInput, match=r"formulas saved without their results: save it once"):
        read_rows(file, columns=["a"])

    def solve(_: str, content: bytes) -> bytes:
        for formula, result in ((b"1+1", b"2"), (b"B1", b"x")):
            cell = re.compile(rb"(<f>" + re.escape(formula) + rb"</f>)<v ?(?:/>|></v>)")
            content = cell.sub(rb"\1<v>" + result + b"</v>", content)
        return content.replace(b'<c r="A3">', b'<c r="A3" t="str">')

    assert read_rows(edit_parts(file, solve), columns=["a"])["a"].tolist() == ["2", "x"]


def test_an_old_workbook(tmp_path: Path) -> None:
    file = write_xls(tmp_path / "shop.xls", [["单号", "p"], ["007", 12.5], [None], ["8", 3.0]])
    assert read_header(file) == ["单号", "p"]
    frame = read_rows(file, columns=None)
    assert frame.index.tolist() == ["till!2", "till!4"]
    assert cells(frame) == [["007", "12.5"], ["8", "3"]]
    write_xls(file, [["a"], ["#N/A"]])
    with pytest.raises(BadInput, match=r"error values such as #N/A: save it as \.xlsx"):
        read_rows(file, columns=["a"])


def test_an_open_document(tmp_path: Path) -> None:
    file = write_ods(
        tmp_path / "shop.ods",
        "<table:table-row><table:table-cell office:value-type='string'><text:p>a</text:p>"
        "</table:table-cell></table:table-row>"
        "<table:table-row><table:table-cell office:value-type='date' "
        "office:date-value='2024-01-05T10:00:00'/></table:table-row>"
        "<table:table-row table:number-rows-repeated='1048000'>"
        "<table:table-cell table:number-columns-repeated='16384'/></table:table-row>",
    )
    assert read_rows(file, columns=["a"])["a"].to_dict() == {"till!2": "2024-01-05 10:00:00"}
    error = "<table:table-cell office:value-type='string' calcext:value-type='error'/>"
    write_ods(file, f"<table:table-row>{error}</table:table-row>")
    with pytest.raises(BadInput, match="error values such as #N/A"):
        read_rows(file, columns=["a"])


def test_raw_rows_of_all_sheets(tmp_path: Path) -> None:
    file = write_xlsx(tmp_path / "shop.xlsx", title=[["Orders"], [], ["a", "b"]], other=[["x"]])
    assert list(rows_of(file)) == [
        ("title!1", ["Orders", None]),
        ("title!2", [None, None]),
        ("title!3", ["a", "b"]),
        ("other!1", ["x"]),
    ]
    assert list(rows_of(file, Layout(sheet="other"))) == [("other!1", ["x"])]
