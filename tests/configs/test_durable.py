"""Files and folders are replaced whole or not at all."""

from pathlib import Path

import pytest

from configs.durable import content_stamp, identity, placing, replacing


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    with replacing(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_file_stands_as_before_where_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), replacing(path) as file:  # noqa: PT012  # it fails half-way
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "folder"
    with placing(folder) as aside:
        (aside / "part").mkdir()
        (aside / "part" / "file").write_bytes(b"x")
        assert not folder.exists()
    assert (folder / "part" / "file").read_bytes() == b"x"
    with pytest.raises(FileExistsError, match="exists already"), placing(folder):
        pass


def test_a_folder_does_not_appear_where_filling_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), placing(tmp_path / "folder") as aside:  # noqa: PT012
        (aside / "file").write_bytes(b"x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_replaced_file_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    first, stamp = identity(path), content_stamp(path)
    assert (identity(path), content_stamp(path)) == (first, stamp)
    with path.open("ab") as file:
        file.write(b"more")
    assert identity(path) == first
    assert content_stamp(path) != stamp
    with replacing(path) as other:
        other.write(b"onemore")
    assert identity(path) != first
    with pytest.raises(FileNotFoundError):
        identity(tmp_path / "none")
