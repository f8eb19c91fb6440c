"""What a file holds is seen in its bytes; archives are opened in memory."""

import gzip
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from features.files.content import open_content
from features.files.tables import read_rows
from features.schema import BadInput
from tests.features.files.workbook_files import write_xlsx

ROWS = b"a,b\n1,x\n"


def archive(file: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return file


def test_text_in_archives_is_read(tmp_path: Path) -> None:
    (tmp_path / "shop.csv.gz").write_bytes(gzip.compress(ROWS, mtime=0))
    members = {"year/": b"", "year/shop.csv": ROWS, "__MACOSX/year/._shop.csv": b"\0"}
    archive(tmp_path / "shop.zip", members)
    for name in ("shop.csv.gz", "shop.zip"):
        assert read_rows(tmp_path / name, columns=["b"])["b"].tolist() == ["x"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["shop.csv.gz", "shop.zip"]


def test_workbooks_and_parquet_in_archives_are_read(tmp_path: Path) -> None:
    book = write_xlsx(tmp_path / "shop.xlsx", till=[["a"], ["x"]])
    archive(tmp_path / "book.zip", {"shop.xlsx": book.read_bytes()})
    pd.DataFrame({"a": ["x"]}).to_parquet(tmp_path / "shop.parquet")
    (tmp_path / "shop.parquet.gz").write_bytes(
        gzip.compress((tmp_path / "shop.parquet").read_bytes())
    )
    for name, row in (("book.zip", "till!2"), ("shop.parquet.gz", 1)):
        frame = read_rows(tmp_path / name, columns=["a"])
        assert (frame.index.tolist(), frame["a"].tolist()) == ([row], ["x"])


@pytest.mark.parametrize(
    ("name", "kind"), [("shop.tsv", "text"), ("shop.xls", "text"), ("shop", "text")]
)
def test_text_may_have_any_name_that_promises_nothing_else(
    tmp_path: Path, name: str, kind: str
) -> None:
    (tmp_path / name).write_bytes(ROWS)
    with open_content(tmp_path / name) as content:
        assert content.kind == kind


def test_a_workbook_is_known_without_its_suffix(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "shop.xlsx", till=[["a"], ["x"]]).rename(tmp_path / "shop.csv")
    assert read_rows(tmp_path / "shop.csv", columns=["a"])["a"].tolist() == ["x"]


@pytest.mark.parametrize("name", ["50% off?.csv", "a#[1]*.csv", "订单 'x'.csv"])
def test_any_file_name_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(ROWS)
    assert read_rows(tmp_path / name, columns=["a"])["a"].tolist() == ["1"]


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("shop.csv", b"", "the file is empty"),
        ("shop.xlsx", ROWS, "not an .xlsx file: save it again, or correct its name"),
        ("shop.parquet", ROWS, "not a Parquet file: save it again, or correct its name"),
        ("shop.gz", ROWS, "not a .gz file: save it again, or correct its name"),
        ("shop.parquet", b"PAR1PAR1", "not a Parquet file: .+"),
        (
            "shop.gz",
            gzip.compress(ROWS * 9, mtime=0)[:-12],
            "cannot be opened: Compressed file ended .+",
        ),
        (
            "shop.gz",
            gzip.compress(ROWS * 9999, mtime=0)[:-4] + b"1234",
            "the file is broken: Incorrect .+",
        ),
        ("shop.zip", b"PK\x03\x04 and no more", "cannot be opened: File is not a zip file"),
        ("shop.xls", b"<html><table>", "a web page named .xls: save it as .xlsx or .csv"),
        ("shop.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "not a workbook that can be read: .+"),
    ],
)
def test_what_is_not_as_it_says_is_refused(
    tmp_path: Path, name: str, content: bytes, rule: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=rf"^{tmp_path}/{name}: {rule}$"):
        read_rows(tmp_path / name, columns=["a"])


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.csv: no such file$"):
        read_rows(tmp_path / "nowhere.csv", columns=["a"])
    with pytest.raises(BadInput, match=r"is a directory, not a file$"):
        read_rows(tmp_path, columns=["a"])


@pytest.mark.parametrize(
    ("members", "rule"),
    [
        ({"a.csv": ROWS, "b.csv": ROWS}, r"one table file; it holds 'a\.csv', 'b\.csv': unpack"),
        ({"__MACOSX/a": b""}, "it holds none"),
        ({"a.csv.gz": gzip.compress(ROWS, mtime=0)}, "an archive in an archive"),
        ({"xl/workbook.bin": b""}, r"a binary workbook \(\.xlsb\): save it as \.xlsx"),
    ],
)
def test_an_archive_holds_one_table(tmp_path: Path, members: dict[str, bytes], rule: str) -> None:
    with pytest.raises(BadInput, match=rule):
        read_rows(archive(tmp_path / "shop.zip", members), columns=["a"])
