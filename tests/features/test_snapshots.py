"""Snapshots: which times, when they are made again, and that they are files of one piece."""

import os
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from features import snapshots
from features.cut_digests import cut_digest
from features.tables import read_table, write_tables
from features.views import VIEWS
from features.workspace import Workspace, WorkspaceError
from tests.features.random_shop import random_lines
from tests.features.shop import customers, line, lines, products, time, workspace

AS_OF = time("2011-03-16")
FIRST = line("o1", "A", "p", "2011-02-28")
SECOND = line("o2", "B", "p", "2011-03-10")


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return shop(tmp_path)


def shop(home: Path) -> Workspace:
    return workspace(
        home,
        lines(FIRST, SECOND),
        customers=customers(("A", "2011-02-28")),
        products=products(("p", "2011-02-28", "Cup")),
    )


def add(ws: Workspace, *rows: dict[str, object]) -> None:
    """Add order lines to what stands."""
    tables = {name: read_table(ws, name) for name in ("order_lines", "customers", "products")}
    tables["order_lines"] = pd.concat([tables["order_lines"], lines(*rows)], ignore_index=True)
    with ws.lock("tables"):
        write_tables(ws, tables)


def files(ws: Workspace) -> dict[str, bytes]:
    """Return every file of the snapshots with its content."""
    paths = [path for path in ws.snapshots.rglob("*") if path.is_file()]
    return {str(path.relative_to(ws.snapshots)): path.read_bytes() for path in paths}


def test_times_are_the_mondays_with_a_known_line_and_the_cut(ws: Workspace) -> None:
    # 2011-02-28 is a Monday, but its line happened at 00:00: not before
    times = snapshots.snapshot_times(ws, as_of=AS_OF)
    assert times == [time("2011-03-07"), time("2011-03-14"), AS_OF]
    assert snapshots.snapshot_times(ws, as_of=time("2011-03-14"))[-2:] == times[:2]


def test_cuts_one_by_one_give_the_same_files(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots.build(ws, as_of=AS_OF)
    other = shop(tmp_path / "other")
    monkeypatch.setattr(snapshots, "_LINES_AT_ONCE", 1)
    snapshots.build(other, as_of=AS_OF)
    assert files(other) == files(ws)


def test_mondays_begin_at_the_shops_midnight(tmp_path: Path) -> None:
    shop = workspace(tmp_path, lines(line("o1", "A", "p", "2011-03-20")), timezone="Europe/London")
    times = snapshots.snapshot_times(shop, as_of=time("2011-04-05"))
    assert times[:-1] == [
        time("2011-03-21"),  # summer time begins on 2011-03-27
        time("2011-03-27 23:00"),
        time("2011-04-03 23:00"),
    ]


@pytest.mark.parametrize("as_of", ["2011-02-28", "2001-01-01"])
def test_a_cut_before_every_line_is_refused(ws: Workspace, as_of: str) -> None:
    with pytest.raises(WorkspaceError, match=f"as_of = {as_of}.*no order line was known"):
        snapshots.build(ws, as_of=time(as_of))


def test_a_shop_without_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="no order line was known"):
        snapshots.build(workspace(tmp_path, lines()), as_of=AS_OF)


def test_build_writes_every_view_at_every_time(ws: Workspace) -> None:
    calls: list[tuple[int, int]] = []
    times = snapshots.build(ws, as_of=AS_OF, progress=lambda *call: calls.append(call))
    assert calls == [(done, 12) for done in range(13)]
    assert sorted(files(ws)) == sorted(
        f"{view}/{name}.parquet"
        for view in VIEWS
        for name in ("20110307T000000Z", "20110314T000000Z", "20110316T000000Z")
    )
    for view in VIEWS:
        assert list(snapshots.files_of(ws, view)) == times
    activity = pq.read_table(snapshots.files_of(ws, "customer_activity")[AS_OF]).to_pandas()
    assert activity["customer_id"].tolist() == ["A", "B"]
    assert activity["snapshot_timestamp"].tolist() == [1_300_233_600_000_000] * 2
    assert activity["last_order_timestamp"].tolist() == [
        1_298_851_200_000_000,
        1_299_715_200_000_000,
    ]
    assert activity["event_timestamp"].eq(AS_OF).all()


def test_a_cut_within_a_second_has_its_own_file(ws: Workspace) -> None:
    cut = time("2011-03-16 10:20:30.000001")
    snapshots.build(ws, as_of=cut)
    assert snapshots.files_of(ws, "product_sales")[cut].name == "20110316T102030.000001Z.parquet"


def test_what_is_up_to_date_is_not_made_again(ws: Workspace) -> None:
    snapshots.build(ws, as_of=AS_OF)
    path = snapshots.files_of(ws, "customer_activity")[AS_OF]
    os.utime(path, (1, 1))
    calls: list[tuple[int, int]] = []
    snapshots.build(ws, as_of=AS_OF, progress=lambda *call: calls.append(call))
    assert calls == []
    assert path.stat().st_mtime == 1


def test_a_new_line_makes_again_what_knew_it_and_nothing_else(ws: Workspace) -> None:
    snapshots.build(ws, as_of=AS_OF)
    before = files(ws)
    add(ws, line("o3", "A", "q", "2011-03-01", recorded="2011-03-12"))
    snapshots.build(ws, as_of=AS_OF)
    after = files(ws)
    changed = {name for name in after if after[name] != before[name]}
    assert {name.split("/")[1] for name in changed} == {
        "20110314T000000Z.parquet",
        "20110316T000000Z.parquet",
    }


def test_what_is_ingested_during_a_build_waits_for_the_next(ws: Workspace, tmp_path: Path) -> None:
    twin = shop(tmp_path / "twin")
    snapshots.build(twin, as_of=AS_OF)

    def disturb(done: int, _total: int) -> None:
        if done == 1:
            add(ws, line("o3", "A", "q", "2011-03-01"))

    snapshots.build(ws, as_of=AS_OF, progress=disturb)
    assert files(ws) == files(twin)
    add(twin, line("o3", "A", "q", "2011-03-01"))
    for each in (ws, twin):
        snapshots.build(each, as_of=AS_OF)
    assert files(ws) == files(twin)


def test_an_outdated_cut_that_nobody_asked_for_is_removed(ws: Workspace) -> None:
    other = time("2011-03-15")
    snapshots.build(ws, as_of=other)
    snapshots.build(ws, as_of=AS_OF)
    assert other in snapshots.files_of(ws, "customer_activity")  # still true
    add(ws, line("o3", "A", "q", "2011-03-01"))
    snapshots.build(ws, as_of=AS_OF)
    assert other not in snapshots.files_of(ws, "customer_activity")


def test_other_code_and_a_killed_build_are_mended(ws: Workspace) -> None:
    snapshots.build(ws, as_of=AS_OF)
    before = files(ws)
    path = snapshots.files_of(ws, "customer_history")[AS_OF]
    rows = pq.read_table(path)
    old = rows.slice(0, 0).replace_schema_metadata({**rows.schema.metadata, b"code": b"0"})
    pq.write_table(old, path)
    (path.parent / "20110307T000000Z.parquet").unlink()
    (path.parent / ".20110307T000000Z.parquet-killed").write_bytes(b"half a file")
    snapshots.build(ws, as_of=AS_OF)
    assert files(ws) == before


def test_step_by_step_equals_at_once(tmp_path: Path) -> None:
    table = random_lines(seed=5, count=400)
    half, whole = (time("2010-12-01"), time("2011-06-01"))
    once = workspace(tmp_path / "once", table)
    snapshots.build(once, as_of=whole)
    past = table[(table["event_timestamp"] < half) & (table["recorded_timestamp"] < half)]
    stepwise = workspace(tmp_path / "stepwise", past)
    snapshots.build(stepwise, as_of=half)
    for path in ("customer_activity", "customer_history", "product_sales", "product_catalog"):
        snapshots.files_of(stepwise, path)[half].unlink()
    with stepwise.lock("tables"):
        write_tables(stepwise, {"order_lines": table.sample(frac=1, random_state=1)})
    snapshots.build(stepwise, as_of=whole)
    assert files(stepwise) == files(once)


def test_digest_says_what_was_known(ws: Workspace) -> None:
    digest = cut_digest(ws, AS_OF)
    assert len(digest) == 64
    assert digest == cut_digest(ws, time("2011-03-15"))  # nothing happened between
    assert digest != cut_digest(ws, time("2011-03-09"))
    add(ws, line("o9", "A", "p", "2011-03-01", recorded=str(AS_OF.tz_localize(None))))
    assert cut_digest(ws, AS_OF) == digest
    add(ws, line("o8", "A", "p", "2011-03-01"))
    assert cut_digest(ws, AS_OF) != digest


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("order_lines", "unit_price", 1.0000001),
        ("order_lines", "channel", "web"),
        ("products", "title", "Mug"),
        ("customers", "country", "FR"),
    ],
)
def test_digest_reads_every_column(
    ws: Workspace, table: str, column: str, value: str | float
) -> None:
    digest = cut_digest(ws, AS_OF)
    tables = {name: read_table(ws, name) for name in ("order_lines", "customers", "products")}
    tables[table].loc[0, column] = value
    with ws.lock("tables"):
        write_tables(ws, tables)
    assert cut_digest(ws, AS_OF) != digest


def test_known_lines_happened_and_were_recorded_before(ws: Workspace) -> None:
    add(
        ws,
        line("o3", "A", "p", "2011-03-16"),
        line("o4", "A", "p", "2011-03-01", recorded="2011-03-16"),
    )
    known = snapshots.known_order_lines(ws, AS_OF)
    pd.testing.assert_frame_equal(known, lines(FIRST, SECOND))


@pytest.mark.parametrize("part", ["pages", "footer", "end"])
def test_a_damaged_snapshot_is_built_again(ws: Workspace, part: str) -> None:
    snapshots.build(ws, as_of=AS_OF)
    before = files(ws)
    path = snapshots.files_of(ws, "customer_history")[AS_OF]
    content = bytearray(path.read_bytes())
    content[{"pages": 20, "footer": -100, "end": -6}[part]] ^= 4
    path.write_bytes(content)
    assert snapshots.built_from(path) == ""
    snapshots.build(ws, as_of=AS_OF)
    assert files(ws) == before
