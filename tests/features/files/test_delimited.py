"""Delimited text: encodings, Excel's `sep=` line, and bounds."""

from pathlib import Path

import pytest

from features.files.layout import Layout
from features.files.tables import read_rows
from features.schema import BadInput

CHINESE = "单号,会员\n1,散客\n"


def read(folder: Path, content: bytes, layout: Layout) -> list[list[str]]:
    (folder / "shop.csv").write_bytes(content)
    frame = read_rows(folder / "shop.csv", columns=None, layout=layout)
    return [list(frame.columns), *frame.to_numpy().tolist()]


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("utf-8", "utf8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("gbk", "gb18030"),
    ],
)
def test_text_in_its_encoding(tmp_path: Path, written: str, named: str) -> None:
    cells = read(tmp_path, CHINESE.encode(written), Layout(encoding=named))
    assert cells == [["单号", "会员"], ["1", "散客"]]


@pytest.mark.parametrize(
    ("content", "encoding", "rule"),
    [
        (CHINESE.encode(), "utf-16", "is not utf-16: name the file's encoding (`encoding:`)"),
        (
            b"a,b\n1,2\nM\xfcller,2\n",
            "utf-8",
            "row 3: the bytes b'\\xfc' are not utf-8: name the file's encoding (`encoding:`)",
        ),
        (
            CHINESE.encode("utf-16"),
            "utf-8",
            "starts with the byte order mark of utf-16: `encoding: utf-16`",
        ),
        (
            CHINESE.encode("utf-8-sig"),
            "gb18030",
            "starts with the byte order mark of utf-8: `encoding: utf-8`",
        ),
        (
            "a,b\n1,2\n".encode("utf-16-le"),
            "utf-8",
            "row 1: holds NUL characters, as UTF-16 does: name the file's encoding, "
            "`encoding: utf-16`",
        ),
    ],
)
def test_another_encoding_is_refused(
    tmp_path: Path, content: bytes, encoding: str, rule: str
) -> None:
    with pytest.raises(BadInput) as refused:
        read(tmp_path, content, Layout(encoding=encoding))
    assert str(refused.value).removeprefix(f"{tmp_path}/shop.csv").lstrip(",: ") == rule


def test_a_wrong_byte_far_down_is_named_by_its_row(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="row 400001: the bytes"):
        read(tmp_path, b"a,b\n" * 400_000 + b"\xff,2\n", Layout())


def test_excels_first_line_names_the_delimiter(tmp_path: Path) -> None:
    content = b"sep=;\r\na;b\r\n1;2\r\n"
    assert read(tmp_path, content, Layout(delimiter=";")) == [["a", "b"], ["1", "2"]]
    (tmp_path / "shop.csv").write_bytes(content)
    frame = read_rows(tmp_path / "shop.csv", columns=["a"], layout=Layout(delimiter=";"))
    assert frame.index.tolist() == [3]
    with pytest.raises(BadInput, match=r'row 1: .* another delimiter: `delimiter: ";"`'):
        read(tmp_path, content, Layout())


def test_a_giant_cell_or_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"row 2: a cell of more than 16,777,216 characters"):
        read(tmp_path, b'a\n"' + b"xxxxxxx\n" * (1 << 21) + b'y"\n', Layout())
    with pytest.raises(BadInput, match=r"row 2: a line of more than 33,554,432 characters"):
        read(tmp_path, b"a\n" + b"x," * (1 << 24), Layout())
