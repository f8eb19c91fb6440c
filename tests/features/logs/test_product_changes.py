"""What a shop says of its products: durable, the last word wins, absorbed without a leak."""

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from features import snapshots
from features.absorb import absorb_products
from features.feast_store import register
from features.logs.product_changes import ProductChange, ProductChanges, ProductState, Text
from features.materialize import materialize
from features.offline import OfflineFeatures
from features.tables import read_table
from features.times import microseconds
from features.workspace import Workspace
from tests.features.shop import line, lines, products, time, workspace

NOON = time("2024-03-01 12:00")
HOUR = pd.Timedelta(hours=1)


@pytest.fixture
def log(tmp_path: Path) -> ProductChanges:
    return ProductChanges(tmp_path / "changes.db")


def say(log: ProductChanges, product_id: str, at: pd.Timestamp = NOON, **said: object) -> None:
    log.record([ProductChange(product_id=product_id, **said)], clock=lambda: at)  # type: ignore[arg-type]


def test_an_empty_log_says_nothing(log: ProductChanges) -> None:
    assert log.sequence() == -1
    assert log.since() == ProductState()
    assert not log.since()
    assert log.versions(NOON).empty


def test_what_is_said_comes_back(log: ProductChanges) -> None:
    say(log, "茶/1", title="红茶", category="drinks", unit_price=2.5, available=False)
    say(log, "cup", store_stock={"north": 2, "south/1": 1.5})
    at = microseconds(NOON)
    assert log.since() == ProductState(
        sequence=at + 1,
        titles={"茶/1": Text("红茶", at, at)},
        categories={"茶/1": Text("drinks", at, at)},
        prices={"茶/1": 2.5},
        available={"茶/1": False},
        stock={"cup": 3.5},
        stores={"cup": ("north", "south/1")},
    )
    assert log.since().product_ids == {"茶/1", "cup"}
    assert log.since(at).product_ids == {"cup"}
    assert log.sequence() == at + 1


def test_the_last_word_wins_field_by_field(log: ProductChanges) -> None:
    first = ProductChange(product_id="tea", title="Tea", unit_price=1, available=False)
    again = ProductChange(product_id="tea", unit_price=2, store_stock={"a": 5})
    log.record([first, again], clock=lambda: NOON)
    say(log, "tea", NOON + HOUR, title="Green tea", store_stock={"b": 0})
    told = log.since()
    assert told.titles["tea"].value == "Green tea"
    assert told.categories == {}
    assert (told.prices, told.available, told.stock) == ({"tea": 2}, {"tea": False}, {"tea": 0})


def test_news_on_top_of_what_was_known_is_what_stands(log: ProductChanges) -> None:
    say(log, "tea", title="Tea", category="drinks", unit_price=1, available=True)
    known = log.since()
    say(log, "tea", title="Green tea", store_stock={"a": 1})
    say(log, "cup", available=False)
    assert known.then(log.since(known.sequence)) == log.since()
    assert log.since(log.sequence()) == ProductState()
    assert known.then(ProductState()) == known


def test_a_clock_that_stands_or_goes_back_keeps_the_order(log: ProductChanges) -> None:
    for price, at in ((1, NOON), (2, NOON), (3, NOON - HOUR)):
        say(log, "tea", at, unit_price=price)
    assert log.since().prices == {"tea": 3}
    assert log.sequence() == microseconds(NOON) + 2


def test_prices_and_stock_do_not_pile_up(log: ProductChanges, tmp_path: Path) -> None:
    for number in range(5):
        say(log, "tea", unit_price=number, available=True, store_stock={"a": number})
    with closing(sqlite3.connect(tmp_path / "changes.db")) as database:
        assert database.execute("SELECT COUNT(*) FROM changes").fetchone() == (3,)


def test_reads_use_the_index(tmp_path: Path) -> None:
    ProductChanges(tmp_path / "changes.db").close()
    with closing(sqlite3.connect(tmp_path / "changes.db")) as database:
        for query in (
            "SELECT MAX(sequence) FROM changes",
            "SELECT field, product_id, value, recorded_us FROM changes WHERE sequence > 1 "
            "ORDER BY sequence",
        ):
            (plan,) = database.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
            assert plan[3].startswith("SEARCH changes USING")
            assert "INDEX changes_in_order" in plan[3]


def test_many_threads_and_logs_lose_nothing(tmp_path: Path) -> None:
    logs = [ProductChanges(tmp_path / "changes.db") for _ in range(2)]

    def write(number: int) -> None:
        say(logs[number % 2], f"p{number}", title=f"T{number}", unit_price=number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    told = logs[0].since()
    assert told.prices == {f"p{number}": number for number in range(40)}
    assert len({text.recorded_us for text in told.titles.values()}) == 40


def test_a_copy_is_read_on_a_disk_that_nobody_writes(log: ProductChanges, tmp_path: Path) -> None:
    say(log, "tea", title="Tea", available=False)
    folder = tmp_path / "carried ä%20"
    folder.mkdir()
    log.copy(folder / "changes.db")
    folder.chmod(0o500)
    with closing(ProductChanges(folder / "changes.db", carried=True)) as carried:
        assert carried.since() == log.since()
        with pytest.raises(sqlite3.OperationalError):
            say(carried, "tea", available=True)
    assert [path.name for path in folder.iterdir()] == ["changes.db"]


KILLED = """
import sys
from pathlib import Path
import pandas as pd
from features.logs.product_changes import ProductChange, ProductChanges
log = ProductChanges(Path(sys.argv[1]))
number = 0
while True:
    change = ProductChange(product_id=f"p{number}", title="T", unit_price=number)
    log.record([change], clock=lambda: pd.Timestamp.now(tz="UTC"))
    print(number, flush=True)
    number += 1
"""


def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "changes.db"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for acknowledged in process.stdout:
            if int(acknowledged) == 50:
                os.kill(process.pid, signal.SIGKILL)
                break
        last = max([50, *(int(text) for text in process.stdout if text.endswith("\n"))])
    with closing(ProductChanges(path)) as log:
        told = log.since()
    assert {f"p{number}" for number in range(last + 1)} <= told.prices.keys()
    assert told.prices.keys() == told.titles.keys()  # a change is there whole, or not at all


# What the tables take in.

DAYS = [time(f"2024-03-{day:02}") for day in range(1, 9)]


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """A shop that knows tea since the first of March; its clock stands at the eighth."""
    made = workspace(
        tmp_path,
        lines(line("o1", "anna", "tea", "2024-02-20"), line("o2", "ben", "cup", "2024-02-21")),
        products=products(("tea", "2024-03-01", "Tea")),
    )
    return replace(made, clock=f"fixed:{DAYS[7].isoformat()}")


def tell(ws: Workspace, product_id: str, day: int, **said: object) -> None:
    with closing(ProductChanges(ws.product_changes_db)) as log:
        say(log, product_id, DAYS[day - 1], **said)


def versions(ws: Workspace, product_id: str) -> list[tuple[int, str | None, str | None]]:
    """Return day, title and category of the versions that stand."""
    table = read_table(ws, "products")
    rows = table[table["product_id"] == product_id]
    texts = [[None if pd.isna(x) else str(x) for x in rows[name]] for name in ("title", "category")]
    return list(zip(rows["valid_from"].dt.day.tolist(), *texts, strict=True))


def test_nothing_said_is_nothing_absorbed(ws: Workspace) -> None:
    assert absorb_products(ws) == 0
    assert not ws.product_changes_db.exists()


def test_each_title_is_a_version_and_the_rest_goes_on(ws: Workspace) -> None:
    tell(ws, "tea", 2, category="drinks")
    tell(ws, "tea", 3, unit_price=3, available=False)
    tell(ws, "tea", 4, title="Green tea")
    assert absorb_products(ws) == 2
    assert versions(ws, "tea") == [
        (1, "Tea", None),
        (2, "Tea", "drinks"),
        (4, "Green tea", "drinks"),
    ]
    assert absorb_products(ws) == 0
    tell(ws, "tea", 6, title="Green tea")  # said again
    assert absorb_products(ws) == 0
    tell(ws, "tea", 7, category="tea")
    assert absorb_products(ws) == 1
    assert versions(ws, "tea")[-1] == (7, "Green tea", "tea")


def test_a_product_that_nobody_knew_stands_from_when_it_was_said(ws: Workspace) -> None:
    tell(ws, "mug", 3, unit_price=4)
    tell(ws, "mug", 5, title="Mug")
    tell(ws, "mug", 6, available=False)
    assert absorb_products(ws) == 2
    assert versions(ws, "mug") == [(3, None, None), (5, "Mug", None)]


def test_only_the_last_text_stays_in_the_log_and_what_is_to_come(ws: Workspace) -> None:
    for day in (2, 3, 4):
        tell(ws, "tea", day, title=f"Tea {day}")
    later = replace(ws, clock=f"fixed:{(DAYS[3] - HOUR).isoformat()}")
    assert absorb_products(later) == 2
    assert absorb_products(ws) == 1
    assert [title for _, title, _ in versions(ws, "tea")] == ["Tea", "Tea 2", "Tea 3", "Tea 4"]
    with closing(sqlite3.connect(ws.product_changes_db)) as database:
        assert database.execute("SELECT value FROM changes").fetchall() == [("Tea 4",)]


def test_a_file_told_since_is_replaced_by_what_is_said_again(ws: Workspace) -> None:
    from features.ingest import ingest
    from features.schema import RetailDataset, empty

    tell(ws, "tea", 2, title="Green tea")
    absorb_products(ws)
    told = products(("tea", "2024-03-04", "From a file"))
    ingest(
        ws,
        RetailDataset(
            source="f", order_lines=empty("order_lines"), products=told, read=0, kept={}, dropped={}
        ),
    )
    tell(ws, "tea", 5, title="Green tea")
    assert absorb_products(ws) == 1
    titles = [title for _, title, _ in versions(ws, "tea")]
    assert titles == ["Tea", "Green tea", "From a file", "Green tea"]


def test_a_snapshot_knows_what_was_said_before_it_alone(ws: Workspace) -> None:
    tell(ws, "tea", 3, title="Green tea")
    tell(ws, "mug", 3, title="Mug")
    tell(ws, "tea", 5, title="Black tea")
    absorb_products(ws)
    snapshots.build(ws, as_of=DAYS[7])
    register(ws)
    client = OfflineFeatures(ws)
    for day, title, mug in ((3, "Tea", False), (4, "Green tea", True), (5, "Green tea", True)):
        snapshots.build(ws, as_of=DAYS[day - 1])
        rows = client.products(DAYS[day - 1]).set_index("product_id")
        assert rows.loc["tea", "title"] == title
        assert ("mug" in rows.index) == mug
    assert client.products(DAYS[7]).set_index("product_id").loc["tea", "title"] == "Black tea"


def test_materialize_takes_in_what_was_said(ws: Workspace) -> None:
    materialize(ws, DAYS[3])
    before = snapshots.files_of(ws, "product_catalog")[DAYS[3]].read_bytes()
    tell(ws, "tea", 5, title="Green tea")
    materialize(ws, DAYS[7])
    rows = OfflineFeatures(ws).products(DAYS[7]).set_index("product_id")
    assert rows.loc["tea", "title"] == "Green tea"
    snapshots.build(ws, as_of=DAYS[3])
    assert snapshots.files_of(ws, "product_catalog")[DAYS[3]].read_bytes() == before
