"""Encodings of small files are found, or said to be uncertain."""

from pathlib import Path

import pytest

from features.files.encodings import detect
from features.files.layout import Layout
from features.files.tables import read_rows
from features.schema import BadInput

CHINESE = "单号,会员,商品\n001,王芳,绿茶\n002,散客,雨伞\n"


def write(folder: Path, content: bytes) -> Path:
    (folder / "shop.csv").write_bytes(content)
    return folder / "shop.csv"


@pytest.mark.parametrize(
    ("text", "written", "name"),
    [
        ("a,b\n1,2\n", "ascii", "utf-8"),
        (CHINESE, "utf-8", "utf-8"),
        (CHINESE, "utf-8-sig", "utf-8"),
        (CHINESE, "utf-16", "utf-16"),
        (CHINESE, "utf-16-le", "utf-16-le"),
        (CHINESE, "utf-16-be", "utf-16-be"),
        (CHINESE, "gbk", "gb18030"),
        ("id,who\n1,散客\n", "gbk", "gb18030"),
        ("單號,會員,商品\n001,王芳,綠茶\n", "big5", "big5"),
        ("注文番号,顧客,商品\n1,山田,コーヒー\n", "cp932", "shift_jis"),
        ("주문번호,고객,상품\n1,김철수,녹차\n", "cp949", "euc_kr"),
        ("Bon;Kunde\n1;Müller\n2;Weiß\n", "cp1252", "cp1252"),
        ("numéro;client\n1;Hélène\n", "cp1252", "cp1252"),
        ("zamówienie;klient\n1;Żółć\n2;mąka\n", "cp1250", "cp1250"),
        ("objednávka;zákazník\n1;Dvořák\n2;šťáva\n", "cp1250", "cp1250"),
        ("заказ;клиент\n1;Иванов\n", "cp1251", "cp1251"),
        ("sipariş;müşteri\n1;Ayşe\n", "cp1254", "cp1254"),
    ],
)
def test_an_encoding_is_found(tmp_path: Path, text: str, written: str, name: str) -> None:
    file = write(tmp_path, text.encode(written))
    found = detect(file)
    assert found.name == name
    delimiter = ";" if ";" in text else ","
    layout = Layout(encoding=found.name, delimiter=delimiter)
    frame = read_rows(file, columns=None, layout=layout)
    lines = [line.split(delimiter) for line in text.splitlines()]
    assert [list(frame), *frame.to_numpy().tolist()] == lines


def test_a_late_letter_counts(tmp_path: Path) -> None:
    rows = b"a,b\n" * 400_000
    assert detect(write(tmp_path, rows + "Müller".encode())).name == "utf-8"
    assert detect(write(tmp_path, rows + "Müller".encode("cp1252"))).name == "cp1252"


def test_the_evidence_shows_what_another_encoding_reads(tmp_path: Path) -> None:
    found = detect(write(tmp_path, "id,who\n1,Müller\n".encode("cp1252")))
    assert not found.certain
    assert found.evidence == "not UTF-8; as cp1252 it has Müller; as cp1251: Mьller"
    assert detect(write(tmp_path, CHINESE.encode())).certain
    assert detect(write(tmp_path, CHINESE.encode("gbk"))).evidence.endswith("单号 会员 商品 王芳")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is no text"):
        detect(write(tmp_path, bytes(range(256)) * 8))
