"""Hostile workbooks are refused in one line, before a library reads them."""

import zipfile
from pathlib import Path

import pytest

from features.files.tables import read_rows
from features.schema import BadInput
from tests.features.files.workbook_files import edit_parts, write_xlsx

ENTITIES = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'


def refusal(file: Path) -> str:
    with pytest.raises(BadInput) as refused:
        read_rows(file, columns=["a"])
    return refused.value.rule


def workbook(folder: Path) -> Path:
    return write_xlsx(folder / "shop.xlsx", till=[["a"], ["x"]])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/styles.xml"])
def test_entities_are_refused(tmp_path: Path, part: str, encoding: str) -> None:
    def bomb(name: str, content: bytes) -> bytes:
        return (ENTITIES + content).decode().encode(encoding) if name == part else content

    file = edit_parts(workbook(tmp_path), bomb)
    assert refusal(file) == f"{part} declares entities, which no spreadsheet program writes"


def test_a_giant_cell_is_refused(tmp_path: Path) -> None:
    giant = b"x" * ((1 << 24) + 1)
    file = edit_parts(
        workbook(tmp_path), lambda _, content: content.replace(b">x<", b">%b<" % giant)
    )
    assert refusal(file) == "xl/worksheets/sheet1.xml has a cell of more than 16,777,216 bytes"


def test_a_part_that_shrinks_a_thousandfold_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(workbook(tmp_path), "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/image.png", bytes(101 << 20))
    assert refusal(tmp_path / "shop.xlsx").startswith("xl/media/image.png unpacks to 105,906,176")


def test_a_giant_part_is_refused_unread(tmp_path: Path) -> None:
    """The size that the archive states for a part is enough."""
    with zipfile.ZipFile(workbook(tmp_path), "a") as archive:
        archive.writestr("xl/media/image.png", b"x")
    content = (tmp_path / "shop.xlsx").read_bytes()
    place = content.index(b"PK\x01\x02", content.rindex(b"PK\x03\x04"))
    while content[place + 46 : place + 64] != b"xl/media/image.png":
        place = content.index(b"PK\x01\x02", place + 1)
    size = ((1 << 30) + 1).to_bytes(4, "little")
    (tmp_path / "shop.xlsx").write_bytes(content[: place + 24] + size + content[place + 28 :])
    assert refusal(tmp_path / "shop.xlsx").startswith(
        "xl/media/image.png unpacks to more than 1 GiB"
    )
