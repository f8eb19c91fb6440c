"""Ingest: everything once or nothing, whatever interrupts it."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.datasets import online_retail
from features.ingest import Reconciliation, ingest
from features.logs.events import EventLog
from features.schema import BadInput, RetailDataset, empty
from features.tables import generation, read_table
from features.workspace import Workspace

HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
NO_DUPLICATE = {"exact_duplicate": 0}
ADDED = {"order_lines": 2, "customers": 1, "products": 2, "events": 0}


def write(file: Path, rows: list[str]) -> Path:
    file.write_text("\n".join([HEADER, *rows]) + "\n")
    return file


def line(order: int, *, product: str = "85048", quantity: int = 1, day: int = 1) -> str:
    return f"{order},{product},Tin {product},{quantity},2011-01-{day:02} 10:00:00,2.5,13085,France"


def shop(folder: Path, clock: str = "fixed:2011-02-01T00:00:00Z") -> Workspace:
    return Workspace.create(folder, timezone="Europe/London", clock=clock)


def files(ws: Workspace) -> dict[str, bytes]:
    """Everything that stands under `tables`, byte by byte."""
    paths = [path for path in ws.tables.rglob("*") if path.is_file()]
    return {str(path.relative_to(ws.tables)): path.read_bytes() for path in sorted(paths)}


@pytest.fixture
def two(tmp_path: Path) -> RetailDataset:
    rows = [line(1), line(1, product="85049")]
    return online_retail.load(write(tmp_path / "two.csv", rows))


def test_the_same_file_twice_changes_nothing(tmp_path: Path, two: RetailDataset) -> None:
    ws = shop(tmp_path / "shop")
    first = ingest(ws, two)
    assert (first.kept, first.dropped, first.added) == ({"sale": 2}, NO_DUPLICATE, ADDED)
    before = files(ws)
    (ws.tables / ".aside-killed").mkdir()
    (ws.tables / ".aside-killed" / "events.parquet").touch()
    again = ingest(ws, two)
    assert (again.kept, again.dropped) == ({}, NO_DUPLICATE | {"already_known": 2})
    assert set(again.added.values()) == {0}
    assert (again.tables, again.generation) == (first.tables, first.generation)
    assert files(ws) == before


def test_files_add_up_in_any_order(tmp_path: Path) -> None:
    rows = [line(n, day=1 + n % 20) for n in range(1, 30)]
    parts = [
        online_retail.load(write(tmp_path / f"{n}.csv", part))
        for n, part in enumerate([rows, rows[:20], rows[10:]])
    ]
    whole, forwards, backwards = (shop(tmp_path / name) for name in ("all", "on", "back"))
    ingest(whole, parts[0])
    ingest(forwards, parts[1])
    second = ingest(forwards, parts[2])
    assert (second.kept, second.dropped) == ({"sale": 9}, NO_DUPLICATE | {"already_known": 10})
    ingest(backwards, parts[2])
    ingest(backwards, parts[1])
    lines = [read_table(ws, "order_lines") for ws in (whole, forwards, backwards)]
    pd.testing.assert_frame_equal(lines[0], lines[1])
    pd.testing.assert_frame_equal(lines[0], lines[2])


def test_a_known_key_with_other_values_is_refused(tmp_path: Path, two: RetailDataset) -> None:
    ws = shop(tmp_path / "shop")
    ingest(ws, two)
    before = files(ws)
    other = write(tmp_path / "other.csv", [line(2), line(1), line(1, quantity=7, product="85049")])
    with pytest.raises(BadInput) as refused:
        ingest(ws, online_retail.load(other))
    assert str(refused.value) == (
        f"{other}, row 4, column 'Invoice', value '1': the workspace holds other lines of this "
        "order: 1 x 85049 at 2.5; the file has 7 x 85049 at 2.5; they differ in quantity (1 orders "
        "differ). If the file is right, ingest it with --corrections: its version is then "
        "known from now on"
    )
    assert files(ws) == before


def test_what_was_null_and_is_not_any_more_is_refused(tmp_path: Path, two: RetailDataset) -> None:
    ws = shop(tmp_path / "shop")
    ingest(ws, two)
    lines = two.order_lines.assign(channel=pd.array(["web", None], dtype="string[pyarrow]"))
    with pytest.raises(BadInput, match=r"value '1': .* differ in channel \("):
        ingest(ws, replace(two, order_lines=lines))


def test_nothing_lies_after_the_clock(tmp_path: Path, two: RetailDataset) -> None:
    ingest(shop(tmp_path / "then", "fixed:2011-01-01T10:00:00Z"), two)
    early = shop(tmp_path / "early", "fixed:2011-01-01T09:59:59Z")
    with pytest.raises(BadInput) as refused:
        ingest(early, two)
    assert str(refused.value) == (
        f"{two.source}, row 2, column 'InvoiceDate', value '2011-01-01T10:00:00+00:00': "
        "not after the workspace's clock, 2011-01-01T09:59:59+00:00"
    )
    assert generation(early) is None


def test_a_file_of_new_orders_needs_no_look_at_the_event_log(
    tmp_path: Path, two: RetailDataset
) -> None:
    ws = shop(tmp_path / "shop")
    EventLog(ws.events_db).close()
    ingest(ws, two)
    with closing(sqlite3.connect(ws.events_db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # a service that writes, for longer than anybody waits
        more = ingest(ws, online_retail.load(write(tmp_path / "more.csv", [line(2)])))
    assert more.kept == {"sale": 1}


def test_another_currency_is_refused(tmp_path: Path, two: RetailDataset) -> None:
    with pytest.raises(BadInput, match=r"the workspace's currency is GBP, not USD$"):
        ingest(shop(tmp_path / "shop"), replace(two, currency="USD"))


def test_rows_that_do_not_add_up_are_an_error(tmp_path: Path, two: RetailDataset) -> None:
    with pytest.raises(ValueError, match=r"two\.csv: 3 rows read, but 2 are kept or dropped"):
        ingest(shop(tmp_path / "shop"), replace(two, read=3))
    with pytest.raises(ValueError, match="x: 3 rows read, but 4 are kept or dropped"):
        Reconciliation(
            source="x",
            read=3,
            kept={"sale": 2},
            dropped={"exact_duplicate": 1, "already_known": 1},
            **{"warnings": {}, "tables": {}, "added": {}},
            generation="",
        )


def test_a_dataset_without_rows_is_taken(tmp_path: Path) -> None:
    ws = shop(tmp_path / "shop")
    nothing = RetailDataset(
        source="x", order_lines=empty("order_lines"), read=0, kept={}, dropped={}
    )
    assert ingest(ws, nothing).tables["order_lines"] == 0
    assert read_table(ws, "order_lines").empty


# Interruptions, with real processes.


def stage(ws: Workspace, moment: str) -> set[tuple[Path, str | None]]:
    """What can be seen of `moment` from outside: its files, and which generation stands."""
    return {(path, generation(ws)) for path in ws.home.glob(moment)}


def command(file: Path, home: Path) -> list[str]:
    options = ["--file", str(file), "--home", str(home), "--clock", "fixed:2011-02-01T00:00:00Z"]
    return [sys.executable, "-m", "features", "ingest", "online_retail", *options]


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two files of 10,000 lines each, of different orders."""
    folder = tmp_path_factory.mktemp("halves")
    rng = np.random.default_rng(0)
    days = rng.integers(1, 29, 2000)
    rows = [
        line(
            100_000 + n // 10, product=str(10_000 + n % 977), quantity=1 + n % 7, day=days[n // 10]
        )
        for n in range(20_000)
    ]
    return write(folder / "a.csv", rows[:10_000]), write(folder / "b.csv", rows[10_000:])


@pytest.fixture(scope="module")
def unkilled(
    halves: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The tables after the first half, and after both."""
    ws = shop(tmp_path_factory.mktemp("unkilled"))
    ingest(ws, online_retail.load(halves[0]))
    first = files(ws)
    ingest(ws, online_retail.load(halves[1]))
    return first, files(ws)


def standing(tables: dict[str, bytes]) -> dict[str, bytes]:
    """The files of the generation that stands."""
    digest = json.loads(tables["current.json"])["generation"]
    return {name: data for name, data in tables.items() if name.startswith(digest)}


def killed_at(moment: str, folder: Path, halves: tuple[Path, Path]) -> Workspace:
    """Return a workspace with the first half in it where a command for the second was killed.

    On a busy machine the command may end first: then once more, in another workspace.
    """
    for attempt in range(10):
        ws = shop(folder / str(attempt))
        ingest(ws, online_retail.load(halves[0]))
        old = stage(ws, moment)
        process = subprocess.Popen(
            ["nice", "-n", "19", *command(halves[1], ws.home)],  # slower than who watches it
            stdout=subprocess.DEVNULL,
        )
        while process.poll() is None:
            time.sleep(0.2 if moment == "start" else 0.001)
            if moment == "start" or stage(ws, moment) - old:
                process.kill()
                break
        if process.wait() == -signal.SIGKILL:
            return ws
        assert process.returncode == 0
    raise AssertionError(f"no command of ten was killed at {moment}")


@pytest.mark.parametrize(
    "moment",
    [
        "start",
        "tables/.aside-*",
        "tables/.aside-*/order_lines.parquet",
        "tables/*/events.parquet",
        "tables/current.json",
    ],
)
def test_a_kill_leaves_the_last_good_state(
    tmp_path: Path,
    halves: tuple[Path, Path],
    unkilled: tuple[dict[str, bytes], dict[str, bytes]],
    moment: str,
) -> None:
    ws = killed_at(moment, tmp_path, halves)
    good = [standing(state) for state in unkilled]
    assert standing(files(ws)) in good
    assert len(read_table(ws, "order_lines")) in (10_000, 20_000)
    ingest(ws, online_retail.load(halves[1]))
    assert files(ws) == unkilled[1]


def test_two_processes_at_once_take_turns(
    tmp_path: Path,
    halves: tuple[Path, Path],
    unkilled: tuple[dict[str, bytes], dict[str, bytes]],
) -> None:
    processes = [subprocess.Popen(command(file, tmp_path)) for file in halves]
    assert [process.wait() for process in processes] == [0, 0]
    ws = Workspace.open(tmp_path)
    assert standing(files(ws)) == standing(unkilled[1])


def test_a_full_disk_leaves_the_old_state(
    tmp_path: Path, halves: tuple[Path, Path], two: RetailDataset
) -> None:
    ws = shop(tmp_path / "shop")
    ingest(ws, two)
    before = files(ws)
    limited = ["bash", "-c", 'ulimit -f 8; exec "$@"', "-", *command(halves[0], ws.home)]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr == (
        f"error: {ws.tables}: cannot write (File too large); the tables are unchanged\n"
    )
    assert files(ws) == before
