"""Files are read strictly: what is not there, or not what it says, is named."""

from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from features.datasets.reading import numbers, read_rows, times
from features.schema import BadInput


def write(folder: Path, content: bytes, name: str = "shop.csv") -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


def test_rows_are_numbered_as_a_spreadsheet_does(tmp_path: Path) -> None:
    file = write(tmp_path, b'a,b\n1,x\n\n2,"y\nz"\n ,\n3,\n')
    frame = read_rows(file, columns=["b", "a"])
    assert frame.index.tolist() == [2, 4, 5, 6]
    assert frame["a"].tolist() == ["1", "2", " ", "3"]
    assert frame["b"].fillna("null").tolist() == ["x", "y\nz", "null", "null"]


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    assert read_rows(write(tmp_path, "\ufeffa\n日\n".encode()), columns=["a"])["a"].tolist() == [
        "日"
    ]


def test_delimiter_and_encoding(tmp_path: Path) -> None:
    file = write(tmp_path, "a;b\nMüller;1,5\n".encode("cp1252"))
    frame = read_rows(file, columns=["a", "b"], delimiter=";", encoding="cp1252")
    assert frame.iloc[0].tolist() == ["Müller", "1,5"]


def test_all_sheets_of_a_workbook_are_read(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.title = "Year 1"
    first.append(["a", "b"])
    first.append([1, pd.Timestamp("2009-12-01 07:45").to_pydatetime()])
    second = book.create_sheet("Year 2")
    second.append(["b", "a"])
    second.append([2.5, "x"])
    second.append([None, None])
    second.append([None, 3.0])
    book.save(tmp_path / "shop.xlsx")
    frame = read_rows(tmp_path / "shop.xlsx", columns=["a", "b"])
    assert frame.index.tolist() == ["Year 1!2", "Year 2!2", "Year 2!4"]
    assert frame["a"].tolist() == ["1", "x", "3"]
    assert frame["b"].fillna("null").tolist() == ["2009-12-01 07:45:00", "2.5", "null"]


def test_short_rows_and_empty_sheets_of_a_workbook(tmp_path: Path) -> None:
    book = openpyxl.Workbook(write_only=True)  # names no dimensions: rows come as long as they are
    sheets: dict[str, list[list[object]]] = {
        "data": [["a", "b"], [1], [2, "x"]],
        "empty": [],
        "blank": [[], [None]],
    }
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(tmp_path / "shop.xlsx")
    frame = read_rows(tmp_path / "shop.xlsx", columns=["b", "a"])
    assert frame.index.tolist() == ["data!2", "data!3"]
    assert frame["a"].tolist() == ["1", "2"]
    assert frame["b"].fillna("null").tolist() == ["null", "x"]


def test_a_sheet_without_a_header_is_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("rest")
    sheet["A2"] = 1
    book.save(tmp_path / "shop.xlsx")
    with pytest.raises(BadInput, match=r"column 'a': the column is missing"):
        read_rows(tmp_path / "shop.xlsx", columns=["a"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("shop.csv", b"", "shop.csv: the file is empty"),
        ("shop.csv", b"a,b\n", "shop.csv: holds no rows below its header"),
        ("shop.csv", b"a,b\n\n,\n", "shop.csv: holds no rows below its header"),
        (
            "shop.csv",
            b"a;b\n1;2\n",
            "shop.csv, column 'a': the column is missing; the file has 'a;b': "
            "is ',' its delimiter?",
        ),
        (
            "shop.csv",
            b"a,c\n1,2\n",
            "shop.csv, column 'b': the column is missing; the file has 'a', 'c'",
        ),
        (
            "shop.csv",
            b"a,b\n1,2\n1,2,3\n",
            "shop.csv, row 3: holds 3 cells where the header has 2",
        ),
        ("shop.csv", b"a,b,a\n1,2,3\n", "shop.csv, column 'a': the column appears twice"),
        ("shop.csv", b"a,b\n1\n", "shop.csv, row 2: holds 1 cells where the header has 2"),
        ("shop.csv", b'a,b\n1,"2\n', "shop.csv, row 2: not delimited text: unexpected end of data"),
        (
            "shop.csv",
            b"a,b\n1,2\nM\xfcller,2\n",
            "shop.csv, row 3: the bytes b'\\xfc' are not utf-8: name the file's encoding",
        ),
        (
            "shop.xlsx",
            b"a,b\n1,2\n",
            "shop.xlsx: not an .xlsx file: File is not a zip file",
        ),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_rows(write(tmp_path, content, name), columns=["a", "b"])
    assert str(refused.value) == f"{tmp_path}/{message}"


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.csv: no such file$"):
        read_rows(tmp_path / "nowhere.csv", columns=["a"])
    with pytest.raises(BadInput, match=r"is a directory, not a file$"):
        read_rows(tmp_path, columns=["a"])
    with pytest.raises(BadInput, match=r"shop\.parquet: not a Parquet file: .*magic bytes"):
        read_rows(write(tmp_path, b"a,b\n1,2\n", "shop.parquet"), columns=["a"])


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    given = pd.DataFrame({"a": ["x", None], "b": [1.5, 2.0], "c": pd.array([7, None], "Int64")})
    given.to_parquet(tmp_path / "shop.parquet")
    frame = read_rows(tmp_path / "shop.parquet", columns=["c", "b", "a"])
    assert frame.index.tolist() == [1, 2]
    assert [str(dtype) for dtype in frame.dtypes] == ["Int64", "float64", "string"]


@pytest.mark.parametrize("cell", ["three", "nan", "1,5", "0x1"])
def test_what_is_no_number_is_named(cell: str) -> None:
    column = pd.Series(["1", None, cell], index=[2, 3, 4], name="Menge", dtype="string[pyarrow]")
    with pytest.raises(BadInput) as refused:
        numbers(column, file=Path("shop.csv"))
    assert str(refused.value) == f"shop.csv, row 4, column 'Menge', value '{cell}': a number"


def test_a_decimal_comma_makes_the_point_no_number() -> None:
    column = pd.Series(["1,5", None, "1.234"], name="Preis", dtype="string[pyarrow]")
    assert numbers(column[:2], file=Path("x"), decimal=",").fillna(0).tolist() == [1.5, 0]
    with pytest.raises(BadInput, match=r"row 2, column 'Preis', value '1\.234': a number"):
        numbers(column, file=Path("x"), decimal=",")
    assert numbers(pd.Series([1.5]), file=Path("x"), decimal=",").tolist() == [1.5]


def moments(*cells: str | None, time_format: str = "ISO8601") -> tuple[list[str], int]:
    column = pd.Series(cells, index=range(2, 2 + len(cells)), name="Zeit", dtype="string[pyarrow]")
    read, mended = times(
        column, timezone="Europe/London", file=Path("shop.csv"), time_format=time_format
    )
    assert str(read.dtype) == "datetime64[us, UTC]"
    return [str(moment) for moment in read], mended


def test_local_times_become_utc() -> None:
    assert moments("2011-01-01 08:26", "2011-07-01T08:26:00.5", None) == (
        ["2011-01-01 08:26:00+00:00", "2011-07-01 07:26:00.500000+00:00", "NaT"],
        0,
    )
    assert moments("7/1/2011 8:26", time_format="%m/%d/%Y %H:%M")[0] == [
        "2011-07-01 07:26:00+00:00"
    ]


def test_times_with_offsets_become_utc() -> None:
    assert moments("2011-07-01T08:26:00+02:00", "2011-07-01T08:26:00Z") == (
        ["2011-07-01 06:26:00+00:00", "2011-07-01 08:26:00+00:00"],
        0,
    )


def test_local_times_that_the_clock_showed_twice_or_never_move_to_the_later() -> None:
    assert moments("2011-10-30 01:30:00", "2011-03-27 01:30:00", "2011-03-27 02:30:00") == (
        ["2011-10-30 01:30:00+00:00", "2011-03-27 01:00:00+00:00", "2011-03-27 01:30:00+00:00"],
        2,
    )


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            ("2011-07-01 08:26", None, "2011-07-01 08:26Z"),
            "row 4, column 'Zeit', value '2011-07-01 08:26Z': "
            "times with and without a UTC offset are mixed in one column",
        ),
        (
            ("2011-07-01 08:26+01:00", "2011-07-01 08:26"),
            "row 3, column 'Zeit', value '2011-07-01 08:26': "
            "times with and without a UTC offset are mixed in one column",
        ),
        (
            ("2011-07-01", "31/12/2011 08:26"),
            "row 3, column 'Zeit', value '31/12/2011 08:26': a time like 2011-12-09 12:50:00",
        ),
    ],
)
def test_what_is_no_time_is_named(cells: tuple[str | None, ...], message: str) -> None:
    with pytest.raises(BadInput) as refused:
        moments(*cells)
    assert str(refused.value) == f"shop.csv, {message}"
