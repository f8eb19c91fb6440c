"""JSON files: no damage is read as other values, and a human may edit one."""

import json
import math
from pathlib import Path

import pytest

from configs.json_files import DamagedFile, read_json, write_json

CONTENT = {"name": "tea/茶", "share": 0.1, "count": 3, "none": None, "parts": [{"a": True}]}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write_json(file, CONTENT)
    assert read_json(file) == CONTENT
    write_json(file, {2: "two", 10: math.inf})  # keys in another order as text
    assert read_json(file) == {"2": "two", "10": math.inf}
    write_json(file, json.loads(file.read_text()) | {"2": "three"})  # its checksum is replaced
    assert read_json(file)["2"] == "three"


def test_no_damaged_byte_is_read_as_another_value(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write_json(file, CONTENT)
    written = file.read_bytes()
    found = 0
    for place in range(len(written)):
        for mask in (1, 2, 4, 16, 128):
            damaged = bytearray(written)
            damaged[place] ^= mask
            file.write_bytes(damaged)
            try:
                content = read_json(file)
            except DamagedFile:
                found += 1
            else:
                assert {name: content[name] for name in CONTENT} == CONTENT
    assert found > len(written)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[1]", b"7", b"[" * 100_000])
def test_what_is_no_object_is_named_with_the_way_on(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(DamagedFile, match=r"a\.json: not .*; promote again"):
        read_json(file, otherwise="promote again")


def test_who_edits_a_file_removes_its_checksum(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write_json(file, CONTENT)
    lines = file.read_text().replace("0.1", "0.2").splitlines()
    file.write_text("\n".join(lines))
    with pytest.raises(DamagedFile, match="remove the line 'checksum' if it was edited"):
        read_json(file)
    file.write_text("\n".join(line for line in lines if "checksum" not in line))
    assert read_json(file)["share"] == 0.2


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "a.json")


def test_what_other_programs_read_has_no_checksum(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", CONTENT, checksum=False)
    assert json.loads((tmp_path / "a.json").read_text()) == CONTENT
