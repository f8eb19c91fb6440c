"""The rules of a cut: written by materialize, of what was known then, and read back."""

from pathlib import Path

import pandas as pd
import pytest

from configs.json_files import DamagedFile, read_json, write_json
from features.baskets import files
from features.baskets.rules import mine
from features.materialize import materialize
from features.online.store import baskets_of, current_cut
from features.workspace import Workspace
from tests.features.shop import line, lines, time, workspace

CUT, LATER = time("2011-02-01"), time("2011-02-02")


def orders(first: int, count: int, day: str, *, recorded: str | None = None) -> pd.DataFrame:
    rows = [
        line(f"o{n}", None, product, day, number=slot, recorded=recorded)
        for n in range(first, first + count)
        for slot, product in enumerate("ab")
    ]
    return lines(*rows)


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """Three orders before CUT, one that is recorded after it, and one on the day after."""
    parts = [
        orders(0, 3, "2011-01-10"),
        orders(3, 1, "2011-01-11", recorded="2011-02-01 12:00"),
        orders(4, 1, "2011-02-01 10:00"),
    ]
    return workspace(tmp_path, pd.concat(parts, ignore_index=True))


def held(ws: Workspace) -> list[int]:
    cut = current_cut(ws)
    assert cut is not None
    mined = baskets_of(ws, cut)
    assert mined is not None
    return [mined.orders, *mined.rules["orders"]]


def test_a_cut_holds_what_was_known_before_it(ws: Workspace) -> None:
    materialize(ws, CUT)
    assert held(ws) == [3, 3, 3]
    materialize(ws, LATER)
    assert held(ws) == [5, 5, 5]
    for kind in files.KINDS:
        assert len(list(ws.online.glob(f"{kind}-*"))) == 2  # the one before may still be read


def test_the_same_cut_writes_nothing_and_a_damaged_file_is_written_anew(ws: Workspace) -> None:
    materialize(ws, CUT)
    (file,) = ws.online.glob("rules-*.parquet")
    content, stamp = file.read_bytes(), file.stat().st_ino
    materialize(ws, CUT)
    assert file.stat().st_ino == stamp
    file.write_bytes(content[:40] + b"x" + content[41:])
    with pytest.raises(DamagedFile, match=r"rules-.*run `python -m features materialize` again"):
        held(ws)
    materialize(ws, CUT)
    assert file.read_bytes() == content


def test_a_cut_of_older_code_has_no_rules_until_the_next_materialize(ws: Workspace) -> None:
    materialize(ws, CUT)
    content = read_json(ws.online / "current.json")
    del content["baskets"]
    write_json(ws.online / "current.json", content)
    cut = current_cut(ws)
    assert cut is not None
    assert baskets_of(ws, cut) is None
    materialize(ws, CUT)
    assert held(ws) == [3, 3, 3]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    names = files.names_of("x")
    for table in (orders(0, 4, "2011-01-10"), lines()):
        mined = mine(table)
        files.write(tmp_path, names, mined)
        again = files.read(tmp_path, names, otherwise="")
        assert again.orders == mined.orders
        pd.testing.assert_frame_equal(again.rules, mined.rules)
        pd.testing.assert_frame_equal(again.bundles, mined.bundles)
