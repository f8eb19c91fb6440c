"""The same orders again: no change, more lines, or a correction that is known from its arrival."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from features import snapshots
from features.cut_digests import cut_digest
from features.ingest import CORRECTED, MOMENT, ingest
from features.schema import BadInput, RetailDataset
from features.tables import read_replaced, read_table, table_paths, with_first_recorded
from features.views import VIEWS
from features.workspace import Workspace
from tests.features.datasets.csv_shop import HEADER, load

BEFORE, ARRIVAL, AFTER = "2024-03-11", "2024-03-20T09:00:00+00:00", "2024-03-28"
ROWS = (
    "1,anna,tea,2,3.50,2024-03-01 10:00",
    "1,anna,mug,1,8.00,2024-03-01 10:00",
    "2,ben,tea,1,3.50,2024-03-05 12:00",
    "3,anna,tea,1,3.50,2024-03-06 09:00",
    "3,anna,tea,1,3.50,2024-03-06 09:00",
)
CORRECTED_ROWS = (ROWS[0], "1,anna,pot,1,9.00,2024-03-01 10:00", *ROWS[2:])


def shop(home: Path, clock: str = ARRIVAL) -> Workspace:
    return Workspace.create(home, timezone="Europe/Berlin", currency="EUR", clock=f"fixed:{clock}")


def file(folder: Path, rows: tuple[str, ...]) -> RetailDataset:
    return load(folder, "\n".join(rows) + "\n", header=HEADER)


def at(day: str) -> pd.Timestamp:
    return pd.Timestamp(day, tz="UTC").as_unit("us")


def content(ws: Workspace, day: str) -> dict[str, bytes]:
    """Return the snapshot of every view at `day`, after a build."""
    snapshots.build(ws, as_of=at(day))
    return {view: snapshots.path_of(ws, view, at(day)).read_bytes() for view in VIEWS}


def rows_at(ws: Workspace, day: str) -> list[pd.DataFrame]:
    """Return the rows of every view at `day`, after a build."""
    snapshots.build(ws, as_of=at(day))
    return [pd.read_parquet(snapshots.path_of(ws, view, at(day))) for view in VIEWS]


def bought(ws: Workspace, day: str) -> list[str]:
    lines = snapshots.known_order_lines(ws, at(day))
    return sorted(lines.loc[lines["order_id"] == "1", "product_id"])


@pytest.mark.parametrize(
    "again",
    [ROWS, ROWS[::-1], ROWS[:3], ROWS[2:], (ROWS[1], *ROWS[3:])],
    ids=["twice", "newest first", "first half", "second half", "part of an order"],
)
def test_the_same_orders_again_change_nothing(tmp_path: Path, again: tuple[str, ...]) -> None:
    ws = shop(tmp_path / "shop")
    ingest(ws, file(tmp_path, ROWS))
    before = {path: path.read_bytes() for path in table_paths(ws).values()}
    result = ingest(ws, file(tmp_path, again))
    assert result.dropped["already_known"] == len(again)
    assert {path: path.read_bytes() for path in table_paths(ws).values()} == before


@pytest.mark.parametrize(
    "parts", [(ROWS[:3], ROWS[1:]), (ROWS[2:], ROWS[:4]), (ROWS[:4], ROWS[2:])]
)
def test_two_overlapping_halves_are_the_whole(
    tmp_path: Path, parts: tuple[tuple[str, ...], ...]
) -> None:
    ws, whole = shop(tmp_path / "halves"), shop(tmp_path / "whole")
    for part in parts:
        ingest(ws, file(tmp_path, part))
    ingest(whole, file(tmp_path, ROWS))
    columns = ["order_id", "product_id", "quantity", "unit_price", "event_timestamp"]
    ours, all_at_once = (
        read_table(each, "order_lines")[columns].sort_values(columns, ignore_index=True)
        for each in (ws, whole)
    )
    pd.testing.assert_frame_equal(ours, all_at_once)


def test_more_lines_of_an_order_are_added(tmp_path: Path) -> None:
    ws = shop(tmp_path / "shop")
    ingest(ws, file(tmp_path, ROWS[:1]))
    result = ingest(ws, file(tmp_path, ROWS[1::-1]))
    assert (result.kept, result.dropped["already_known"]) == ({"sale": 1}, 1)
    lines = read_table(ws, "order_lines")
    assert lines["product_id"].tolist() == ["tea", "mug"]
    assert lines["line_number"].tolist() == [1, 2]


def test_other_lines_are_refused_with_the_difference(tmp_path: Path) -> None:
    ws = shop(tmp_path / "shop")
    ingest(ws, file(tmp_path, ROWS))
    with pytest.raises(BadInput) as refused:
        ingest(ws, file(tmp_path, CORRECTED_ROWS))
    assert str(refused.value) == (
        f"{tmp_path}/bons.csv, row 3, column 'Bon', value '1': the workspace holds other lines of "
        "this order: 1 x mug at 8; the file has 1 x pot at 9; they differ in product_id, "
        "unit_price (1 orders differ). If the file is right, ingest it with --corrections: its "
        "version is then known from now on"
    )


def test_a_correction_is_known_from_its_arrival_on(tmp_path: Path) -> None:
    ws = shop(tmp_path / "shop")
    ingest(ws, file(tmp_path, ROWS))
    earlier = {day: content(ws, day) for day in (BEFORE, ARRIVAL[:10])}
    digests = {day: cut_digest(ws, at(day)) for day in earlier}
    known = snapshots.known_order_lines(ws, at(BEFORE))

    result = ingest(ws, file(tmp_path, CORRECTED_ROWS), corrections=True)
    assert (result.kept, result.warnings[CORRECTED]) == ({"sale": 1}, 1)
    assert {day: content(ws, day) for day in earlier} == earlier
    assert {day: cut_digest(ws, at(day)) for day in earlier} == digests
    for view in VIEWS:  # computed anew, not only kept
        for path in snapshots.files_of(ws, view).values():
            path.unlink()
    assert {day: content(ws, day) for day in earlier} == earlier
    pd.testing.assert_frame_equal(
        snapshots.known_order_lines(ws, at(BEFORE)).sort_values(
            ["order_id", "line_number"], ignore_index=True
        ),
        known,
    )
    assert bought(ws, BEFORE) == ["mug", "tea"]

    later = Workspace.create(
        ws.home, timezone="Europe/Berlin", currency="EUR", clock=f"fixed:{AFTER}T00:00:00+00:00"
    )
    other = shop(tmp_path / "corrected at once", f"{AFTER}T00:00:00+00:00")
    rows = file(tmp_path, CORRECTED_ROWS)
    pot = (rows.order_lines["product_id"] == "pot").to_numpy()
    recorded = rows.order_lines["recorded_timestamp"].mask(pot, pd.Timestamp(ARRIVAL))
    ingest(other, replace(rows, order_lines=rows.order_lines.assign(recorded_timestamp=recorded)))
    for ours, theirs in zip(rows_at(later, AFTER), rows_at(other, AFTER), strict=True):
        pd.testing.assert_frame_equal(ours, theirs)
    assert bought(later, AFTER) == ["pot", "tea"]


def test_a_correction_again_changes_nothing_and_the_former_version_is_refused(
    tmp_path: Path,
) -> None:
    ws = shop(tmp_path / "shop")
    ingest(ws, file(tmp_path, ROWS))
    ingest(ws, file(tmp_path, CORRECTED_ROWS), corrections=True)
    again = ingest(ws, file(tmp_path, CORRECTED_ROWS), corrections=True)
    assert (again.kept, again.warnings) == ({}, {})
    with pytest.raises(BadInput, match="--corrections"):
        ingest(ws, file(tmp_path, ROWS))
    assert len(read_replaced(table_paths(ws))) == 1


def test_with_corrections_a_missing_line_was_removed(tmp_path: Path) -> None:
    ws = shop(tmp_path / "shop")
    ingest(ws, file(tmp_path, ROWS))
    result = ingest(ws, file(tmp_path, (*ROWS[:2], ROWS[3])), corrections=True)
    assert (result.kept, result.warnings[CORRECTED]) == ({}, 1)
    lines = read_table(ws, "order_lines")
    assert lines["order_id"].tolist() == ["1", "1", "2", "3"]


def test_two_corrections_of_one_order_have_each_their_time(tmp_path: Path) -> None:
    ws = shop(tmp_path / "shop")
    ingest(ws, file(tmp_path, ROWS))
    ingest(ws, file(tmp_path, CORRECTED_ROWS), corrections=True)
    later = shop(tmp_path / "shop", "2024-03-25T09:00:00+00:00")
    ingest(later, file(tmp_path, (ROWS[0], *ROWS[2:])), corrections=True)
    last = shop(tmp_path / "shop", f"{AFTER}T00:00:00+00:00")
    days = (BEFORE, "2024-03-24", AFTER)
    assert [bought(last, day) for day in days] == [["mug", "tea"], ["pot", "tea"], ["tea"]]
    digests = {cut_digest(last, at(day)) for day in days}
    assert len(digests) == 3
    assert len({content(last, day)["customer_history"] for day in days}) == 3


def test_numbered_lines_are_corrected_by_their_number(tmp_path: Path) -> None:
    ws = shop(tmp_path / "shop")
    ingest(ws, replace(file(tmp_path, ROWS), numbered=True))
    other = replace(file(tmp_path, CORRECTED_ROWS), numbered=True)
    with pytest.raises(BadInput, match="1 x mug at 8; the file has 1 x pot at 9"):
        ingest(ws, other)
    result = ingest(ws, other, corrections=True)
    assert (result.kept, result.warnings[CORRECTED]) == ({"sale": 1}, 1)
    lines = read_table(ws, "order_lines")
    assert lines["product_id"].tolist() == ["tea", "pot", "tea", "tea", "tea"]
    assert lines["line_number"].tolist() == [1, 2, 1, 1, 2]
    assert ingest(ws, other).kept == {}
    at_once = shop(tmp_path / "corrected at once")
    ingest(at_once, replace(other, order_lines=lines))
    assert cut_digest(ws, at(AFTER)) == cut_digest(at_once, at(AFTER))
    assert cut_digest(ws, at(BEFORE)) != cut_digest(at_once, at(BEFORE))


def test_an_order_that_is_cancelled_later_is_a_correction(tmp_path: Path) -> None:
    def export(status: str) -> RetailDataset:
        return load(
            tmp_path,
            f"1,anna,tea,2,3.50,2024-03-01 10:00,{status}\n"
            "2,ben,tea,1,3.50,2024-03-05 12:00,paid\n"
            "4,ben,tea,1,3.50,2024-03-05 13:00,cancelled\n",
            header=HEADER.replace("\n", ",Status\n"),
            status={"column": "Status", "order": ["paid"], "leave_out": ["cancelled"]},
        )

    ws = shop(tmp_path / "shop")
    ingest(ws, export("paid"))
    known = rows_at(ws, BEFORE)
    with pytest.raises(BadInput, match=r"status of order '1'.*\(1 orders .* --corrections"):
        ingest(ws, export("cancelled"))
    result = ingest(ws, export("cancelled"), corrections=True)
    assert result.warnings[CORRECTED] == 1
    assert read_table(ws, "order_lines")["order_id"].tolist() == ["2"]
    for before, after in zip(known, rows_at(ws, BEFORE), strict=True):
        pd.testing.assert_frame_equal(before, after)
    assert (bought(ws, BEFORE), bought(ws, AFTER)) == (["tea"], [])
    assert ingest(ws, export("cancelled")).added["order_lines"] == 0


def test_lines_under_other_numbers_are_said_to_differ_in_them(tmp_path: Path) -> None:
    def export(*numbers: int) -> RetailDataset:
        rows = (
            f"1,anna,{product},1,3.50,2024-03-01 10:00,{number}\n"
            for product, number in zip(("tea", "mug"), numbers, strict=True)
        )
        header = HEADER.replace("\n", ",Zeile\n")
        return load(tmp_path, "".join(rows), header=header, order_lines={"line_number": "Zeile"})

    ws = shop(tmp_path / "shop")
    ingest(ws, export(1, 2))
    with pytest.raises(BadInput, match="they differ in line_number"):
        ingest(ws, export(2, 1))


def test_lines_that_are_added_later_became_known_later(tmp_path: Path) -> None:
    """Such as the return of an order that the next export calls refunded."""
    ws = shop(tmp_path / "shop")
    ingest(ws, file(tmp_path, ROWS[:1]))
    ingest(ws, file(tmp_path, ROWS))
    assert bought(ws, BEFORE) == ["tea"]
    assert bought(ws, AFTER) == ["mug", "tea"]
    at_the_clock = snapshots.known_order_lines(ws, ws.now())
    assert sorted(at_the_clock["product_id"]) == ["mug", "tea", "tea", "tea", "tea"]


def test_who_had_ordered_before_a_correction_is_known_to_have(tmp_path: Path) -> None:
    ws = shop(tmp_path / "shop")
    ingest(ws, file(tmp_path, ROWS))
    other_price = tuple(row.replace("3.50", "3.40") for row in ROWS)
    ingest(ws, file(tmp_path, other_price), corrections=True)
    former = read_replaced(table_paths(ws))
    assert len(former) == 4
    lines = with_first_recorded(read_table(ws, "order_lines"), former)
    assert (lines["recorded_timestamp"] == lines["event_timestamp"]).all()
    assert (read_table(ws, "order_lines")["recorded_timestamp"] == ws.now() - MOMENT).sum() == 4


def titles(ws: Workspace) -> list[tuple[str, pd.Timestamp]]:
    products = read_table(ws, "products")
    return [*zip(products["title"], products["valid_from"], strict=True)]


def test_another_title_is_a_version_from_its_arrival_on(tmp_path: Path) -> None:
    ws = shop(tmp_path / "shop")
    section = {"file": "artikel.csv", "product_id": "Nummer", "title": "Name"}

    def again(title: str) -> int:
        (tmp_path / "artikel.csv").write_text(f"Nummer,Name\ntea,{title}\n")
        rows = load(tmp_path, "\n".join(ROWS) + "\n", header=HEADER, products=section)
        return ingest(ws, rows).added["products"]

    first, arrival = pd.Timestamp("2024-03-01T09:00Z"), ws.now() - MOMENT
    assert [again(title) for title in ("Tea", "Tea", "Green tea", "Green tea")] == [1, 0, 1, 0]
    assert titles(ws) == [("Tea", first), ("Green tea", arrival)]
