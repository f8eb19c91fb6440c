"""Lists of opt-outs: all of them count, none is guessed."""

from pathlib import Path

import pytest

from features.schema import BadInput
from training.segments.membership import SegmentError
from training.segments.opt_outs import read_opt_outs


def test_both_lists_count(tmp_path: Path) -> None:
    given = tmp_path / "given.txt"
    given.write_bytes("\ufeffanna\r\n\r\n茶/1\r\n a b \n".encode())
    assert read_opt_outs(tmp_path, given) == {"anna", "茶/1", " a b "}
    (tmp_path / "opt_outs.txt").write_text("ben\n")
    assert read_opt_outs(tmp_path, None) == {"ben"}
    assert read_opt_outs(tmp_path, given) == {"anna", "茶/1", " a b ", "ben"}


def test_without_a_list_nothing_is_assumed(tmp_path: Path) -> None:
    with pytest.raises(SegmentError, match="nothing says who opted out: name --opt-outs FILE"):
        read_opt_outs(tmp_path, None)
    with pytest.raises(SegmentError, match="no such file of customer_ids"):
        read_opt_outs(tmp_path, tmp_path / "missing.txt")
    empty = tmp_path / "empty.txt"
    empty.touch()
    assert read_opt_outs(tmp_path, empty) == frozenset()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"anna\n\xff\n", "UTF-8"), (b"anna\nb\tc\n", "row 2"), (b"x" * 129, "row 1")],
)
def test_what_is_no_id_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "outs.txt"
    file.write_bytes(content)
    with pytest.raises(BadInput, match=message):
        read_opt_outs(tmp_path, file)
