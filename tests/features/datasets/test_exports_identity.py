"""The same orders in another export: nothing changes, more is added, a correction is refused."""

from pathlib import Path

import pandas as pd
import pytest

from features.ingest import ingest
from features.schema import BadInput
from features.tables import read_table
from features.workspace import Workspace
from tests.features.datasets.exports.export import Export, export
from tests.features.datasets.exports.shops import HEADER

OLD = (
    "1,c1,A,1,5,2024-01-01 10:00:00",
    "1,c1,B,2,7,2024-01-01 10:00:00",
    "2,c2,A,1,5,2024-01-02 10:00:00",
)
LATER = "3,c1,A,1,5,2024-01-03 10:00:00"


def shop(folder: Path) -> Workspace:
    return Workspace.create(folder / "home", timezone="Europe/Berlin", currency="EUR")


def of(folder: Path, name: str, *rows: str) -> Export:
    return export(folder, "".join(f"{row}\n" for row in rows), name=name)


def stored(ws: Workspace) -> pd.DataFrame:
    return read_table(ws, "order_lines").sort_values(["order_id", "line_number"], ignore_index=True)


def revenue(ws: Workspace) -> float:
    lines = stored(ws)
    return float((lines["quantity"] * lines["unit_price"]).sum())


def test_the_newest_first(tmp_path: Path) -> None:  # B24
    ws = shop(tmp_path)
    ingest(ws, of(tmp_path, "a.csv", *OLD).load())
    before = stored(ws)
    again = ingest(ws, of(tmp_path, "reversed.csv", *reversed(OLD)).load())
    assert (again.kept, again.dropped["already_known"]) == ({}, 3)
    pd.testing.assert_frame_equal(stored(ws), before)
    more = ingest(ws, of(tmp_path, "newest_first.csv", LATER, *reversed(OLD)).load())
    assert (more.added["order_lines"], more.dropped["already_known"]) == (1, 3)
    assert revenue(ws) == 29
    pd.testing.assert_frame_equal(stored(ws).head(3), before)


def test_two_halves_that_overlap(tmp_path: Path) -> None:
    whole = [*OLD, OLD[0], LATER]  # the first article was scanned twice
    ws = shop(tmp_path)
    ingest(ws, of(tmp_path, "first.csv", *OLD, OLD[0]).load())
    second = ingest(ws, of(tmp_path, "second.csv", LATER, OLD[0], OLD[2], OLD[0], OLD[1]).load())
    assert (second.added["order_lines"], second.dropped["already_known"]) == (1, 4)
    assert revenue(ws) == 34
    before = stored(ws)
    again = ingest(ws, of(tmp_path, "whole.csv", *whole).load())
    assert again.added["order_lines"] == 0
    pd.testing.assert_frame_equal(stored(ws), before)


def test_more_lines_of_a_known_order(tmp_path: Path) -> None:
    ws = shop(tmp_path)
    ingest(ws, of(tmp_path, "a.csv", *OLD).load())
    added = ingest(ws, of(tmp_path, "b.csv", "1,c1,C,1,2,2024-01-01 10:00:00", *OLD[:2]).load())
    assert (added.added["order_lines"], added.dropped["already_known"]) == (1, 2)
    assert revenue(ws) == 26
    assert stored(ws)["line_number"].tolist() == [1, 2, 3, 1]


def test_one_order_in_two_files(tmp_path: Path) -> None:
    first = of(tmp_path, "first.csv", OLD[0])
    second = of(tmp_path, "second.csv", OLD[2], OLD[1])
    together = Export((*first.files, *second.files), first.mapping)
    ws = shop(tmp_path)
    ingest(ws, together.load())
    assert (len(stored(ws)), revenue(ws)) == (3, 24)
    for each in (first, second, of(tmp_path, "whole.csv", *OLD)):
        assert ingest(ws, each.load()).added["order_lines"] == 0


def test_an_order_cut_between_two_files_one_after_the_other(tmp_path: Path) -> None:
    ws = shop(tmp_path)
    ingest(ws, of(tmp_path, "first.csv", OLD[0]).load())
    ingest(ws, of(tmp_path, "second.csv", LATER, OLD[0], OLD[1]).load())
    ingest(ws, of(tmp_path, "first_again.csv", OLD[0]).load())
    assert revenue(ws) == 24


@pytest.mark.parametrize(
    ("row", "difference"), [("1,c1,B,3,7", "quantity"), ("1,c1,B,2,6.5", "unit_price")]
)
def test_a_correction_is_taken_on_request(tmp_path: Path, row: str, difference: str) -> None:
    ws = shop(tmp_path)
    ingest(ws, of(tmp_path, "a.csv", *OLD).load())
    corrected = of(tmp_path, "b.csv", f"{row},2024-01-01 10:00:00", OLD[0])
    with pytest.raises(BadInput, match=f"differ in {difference}.*--corrections"):
        ingest(ws, corrected.load())
    assert revenue(ws) == 24
    ingest(ws, corrected.load(), corrections=True)
    assert revenue(ws) == {"quantity": 31, "unit_price": 23}[difference]


def test_the_header_alone_is_refused(tmp_path: Path) -> None:
    assert "no rows below its header" in export(tmp_path, HEADER.encode()).refusal()
