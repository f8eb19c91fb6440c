"""Folders with checksums: a file that is missing, added or damaged is named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from configs.folder_checksums import FILE, check_files, write_checksums
from configs.json_files import DamagedFile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "weights").write_bytes(bytes(1000))
    (tmp_path / "settings").write_bytes(b"x")
    write_checksums(tmp_path)
    return tmp_path


def test_what_was_written_is_accepted(folder: Path) -> None:
    check_files(folder, otherwise="promote again")
    (folder / FILE).unlink()  # as older code leaves it
    check_files(folder, otherwise="promote again")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "settings").unlink(), r"settings: it is missing; promote again"),
        (lambda f: (f / "settings").write_bytes(b""), r"settings: it was damaged; promote again"),
        (lambda f: (f / "part/weights").write_bytes(bytes(999) + b"1"), r"weights: it was damaged"),
        (lambda f: (f / "part/other").touch(), r"part/other: it was added"),
        (lambda f: (f / FILE).write_bytes(b"{"), r"checksums\.json: not JSON"),
        (lambda f: (f / FILE).write_text("{}"), r"weights: it was added"),
    ],
)
def test_damage_is_named(folder: Path, damage: Callable[[Path], object], said: str) -> None:
    damage(folder)
    with pytest.raises(DamagedFile, match=said):
        check_files(folder, otherwise="promote again")
