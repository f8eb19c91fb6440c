"""Tables are read strictly: what is not there, or not what it says, is named."""

from pathlib import Path

import pandas as pd
import pytest

from features.files.layout import Layout
from features.files.tables import read_header, read_rows, rows_of
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
    assert {str(dtype) for dtype in frame.dtypes} == {"string"}


def test_many_rows_are_read_whole(tmp_path: Path) -> None:
    file = write(tmp_path, b"a\n" + b"".join(b"%d\n" % row for row in range(5000)))
    frame = read_rows(file, columns=["a"])
    assert frame.index.tolist() == list(range(2, 5002))
    assert frame["a"].astype(int).tolist() == list(range(5000))


def test_all_named_columns(tmp_path: Path) -> None:
    file = write(tmp_path, b",a,b,,\n0,1,2,,\n1,3,4\n")
    assert read_header(file) == ["a", "b"]
    assert read_rows(file, columns=None).to_numpy().tolist() == [["1", "2"], ["3", "4"]]
    with pytest.raises(BadInput, match="row 3: holds 'x' in a column without a name"):
        read_rows(write(tmp_path, b"a,,\n1,,\n1,,x\n"), columns=["a"])


def test_a_repeated_name_matters_only_where_it_is_wanted(tmp_path: Path) -> None:
    file = write(tmp_path, b"a,b,a\n1,2,3\n")
    assert read_rows(file, columns=["b"])["b"].tolist() == ["2"]
    for columns in (["a"], None):
        with pytest.raises(BadInput, match="column 'a': the column appears twice"):
            read_rows(file, columns=columns)


def test_rows_above_the_header_are_left_out(tmp_path: Path) -> None:
    file = write(tmp_path, b"Orders of 2024\n\na,b\n1,x\n")
    frame = read_rows(file, columns=["a"], layout=Layout(header_row=3))
    assert (frame.index.tolist(), frame["a"].tolist()) == ([4], ["1"])
    with pytest.raises(BadInput, match="the names are in a lower row: `header_row: 3`"):
        read_rows(file, columns=["a", "b"])
    assert list(rows_of(file)) == [
        (1, ["Orders of 2024"]),
        (2, []),
        (3, ["a", "b"]),
        (4, ["1", "x"]),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n", ": holds no rows below its header"),
        (b"a,b\n\n,\n", ": holds no rows below its header"),
        (
            b"a;b\n1;2\n",
            ", column 'a': the column is missing; the file has 'a;b': is ',' its delimiter?",
        ),
        (b"a,c\n1,2\n", ", column 'b': the column is missing; the file has 'a', 'c'"),
        (b"a,b\n1,2\n1,2,3\n", ", row 3: holds 3 cells where the header has 2"),
        (b"a,b\n1\n", ", row 2: holds 1 cells where the header has 2"),
        (b'a,b\n1,"2\n', ", row 2: not delimited text: unexpected end of data"),
    ],
)
def test_a_broken_table_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_rows(write(tmp_path, content), columns=["a", "b"])
    assert str(refused.value) == f"{tmp_path}/shop.csv{message}"


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    given = pd.DataFrame({"a": ["x", None], "b": [1.5, 2.0], "c": pd.array([7, None], "Int64")})
    file = tmp_path / "shop.parquet"
    given.to_parquet(file)
    frame = read_rows(file, columns=["c", "b", "a"])
    assert frame.index.tolist() == [1, 2]
    assert [str(dtype) for dtype in frame.dtypes] == ["Int64", "float64", "string"]
    assert list(read_rows(file, columns=None)) == read_header(file) == ["a", "b", "c"]
    with pytest.raises(BadInput, match=r"a \.parquet file has no rows of text"):
        list(rows_of(file))
