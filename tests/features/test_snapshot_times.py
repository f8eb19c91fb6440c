"""Which weeks have a snapshot, and what a long build announces."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from features import snapshots
from features.tables import write_tables
from features.views import VIEWS
from features.workspace import Workspace
from tests.features.random_shop import random_lines
from tests.features.shop import customers, line, lines, products, time, workspace

AS_OF = time("2011-03-16")
FIRST = line("o1", "A", "p", "2011-02-28")
SECOND = line("o2", "B", "p", "2011-03-10")


def shop(home: Path) -> Workspace:
    return workspace(
        home,
        lines(FIRST, SECOND),
        customers=customers(("A", "2011-02-28")),
        products=products(("p", "2011-02-28", "Cup")),
    )


def test_weeks_long_after_the_last_row_have_no_snapshot(tmp_path: Path) -> None:
    shop = workspace(
        tmp_path,
        lines(line("o1", "A", "p", "1970-01-01"), line("o2", "A", "p", "2011-03-10")),
        products=products(("p", "1990-01-02", "Cup")),
    )
    times = snapshots.snapshot_times(shop, as_of=AS_OF)
    years = pd.Series([time.year for time in times]).value_counts().to_dict()
    assert years == {1970: 52, 1971: 2, 1990: 52, 1991: 2, 2011: 2}
    assert times[-2:] == [time("2011-03-14"), AS_OF]


def test_a_snapshot_that_is_left_out_would_hold_the_rows_of_the_one_before(tmp_path: Path) -> None:
    rows = random_lines(seed=7)
    customer = customers(("A", "2010-05-01"), ("new", "2011-12-20"))
    product = products(("p1", "2010-05-01", "Cup"), ("p1", "2011-12-19", "Mug"))
    ws = workspace(tmp_path, rows, customers=customer, products=product)
    last = time("2011-12-20")
    times = snapshots.snapshot_times(ws, as_of=last + 3 * snapshots.QUIET)
    assert times[-2] <= last + snapshots.QUIET < times[-2] + pd.Timedelta(weeks=1)
    stamps = ["event_timestamp", "created_timestamp", "snapshot_timestamp"]
    for as_of in times[-2:]:
        snapshots.build(ws, as_of=as_of)
    for view in VIEWS:
        before, after = (
            pq.read_table(snapshots.path_of(ws, view, at))
            .to_pandas()
            .drop(columns=stamps, errors="ignore")
            for at in times[-2:]
        )
        assert len(before) > 0
        pd.testing.assert_frame_equal(before, after)


def test_a_year_between_two_orders_leaves_no_week_out(tmp_path: Path) -> None:
    first, second = line("o1", "A", "p", "2010-01-05"), line("o2", "A", "p", "2011-01-11")
    times = snapshots.snapshot_times(workspace(tmp_path, lines(first, second)), as_of=AS_OF)
    assert times[:-1] == list(pd.date_range("2010-01-11", "2011-03-14", freq="7D", tz="UTC"))


def test_a_long_build_is_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(snapshots, "MANY", 2)
    ws = shop(tmp_path)
    counts: list[tuple[int, int]] = []
    snapshots.build(ws, as_of=AS_OF, progress=lambda done, total: counts.append((done, total)))
    assert caplog.messages == [
        "Building 3 weekly snapshots of 4 views, 2011-03-07 to 2011-03-16 (the first order line "
        "is of 2011-02-28)"
    ]
    assert counts == [(done, 12) for done in range(13)]
    caplog.clear()
    snapshots.build(ws, as_of=AS_OF)
    assert not caplog.messages


def test_a_build_long_after_the_last_order_names_it_and_the_way_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ws = shop(tmp_path)
    snapshots.build(ws, as_of=time("2011-06-09"))
    assert caplog.messages == [
        "The last order line became known at 2011-03-10T00:00:00+00:00, 91 days before the cut "
        "2011-06-09T00:00:00+00:00: give --as-of 2011-03-11, or ingest again with "
        "--clock fixed:2011-03-11T00:00:00Z"
    ]


def test_a_corrected_line_moves_no_earlier_time(tmp_path: Path) -> None:
    second = line("o2", "B", "p", "2011-03-10")
    before = workspace(tmp_path / "before", lines(FIRST, second))
    corrected = {**FIRST, "quantity": 2.0, "recorded_timestamp": time("2011-03-12")}
    after = workspace(tmp_path / "after", lines(corrected, second))
    replaced = lines(FIRST).assign(replaced_timestamp=time("2011-03-12"))
    with after.lock("tables"):
        write_tables(after, {"order_lines": lines(corrected, second)}, replaced=replaced)
    assert snapshots.snapshot_times(after, as_of=AS_OF) == snapshots.snapshot_times(
        before, as_of=AS_OF
    )
