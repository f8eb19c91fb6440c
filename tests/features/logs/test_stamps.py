"""Stamps under clocks that are set: bounded, in order where they can be, and never an order."""

from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from features.absorb import absorb_products
from features.logs.events import Event, EventLog
from features.logs.product_changes import ProductChange, ProductChanges
from features.logs.stamps import MAX_LEAD
from features.repair.repair import repair
from features.tables import read_table
from features.workspace import Workspace

NOON = pd.Timestamp("2024-03-01T12:00:00Z").as_unit("us")
MINUTE, HOUR, DAY = (pd.Timedelta(1, unit) for unit in ("min", "h", "D"))
AHEAD = 400 * DAY
TICK = pd.Timedelta(1, "us")


def posted(log: EventLog, *clocks: pd.Timestamp) -> list[pd.Timestamp]:
    """Post an event at each reading of the clock; return when they were recorded."""
    for number, now in enumerate(clocks):
        event = Event(
            event_id=f"e{number}",
            type="product_viewed",
            customer_id="anna",
            product_id="tea",
            event_timestamp=NOON - HOUR,
        )
        log.append([event], clock=lambda now=now: now)  # type: ignore[misc]
    return log.arrivals()["recorded_timestamp"].tolist()


@pytest.mark.parametrize(
    ("clocks", "recorded"),
    [
        ([0 * MINUTE, -MINUTE, MINUTE], [0 * MINUTE, 0 * MINUTE, MINUTE]),
        ([0 * MINUTE, -HOUR, -HOUR + MINUTE], [0 * MINUTE, -HOUR + MAX_LEAD, -HOUR + MAX_LEAD]),
        ([AHEAD, 0 * MINUTE, MINUTE, HOUR], [AHEAD, MAX_LEAD, MAX_LEAD, HOUR]),
    ],
)
def test_a_stamp_leads_the_clock_by_a_bound(
    tmp_path: Path, clocks: list[pd.Timedelta], recorded: list[pd.Timedelta]
) -> None:
    with closing(EventLog(tmp_path / "events.db")) as log:
        assert posted(log, *(NOON + step for step in clocks)) == [NOON + step for step in recorded]


def test_a_refused_time_is_told_with_the_clock(tmp_path: Path) -> None:
    event = Event(
        event_id="e", type="product_viewed", customer_id="anna", event_timestamp=NOON + HOUR
    )
    with closing(EventLog(tmp_path / "events.db")) as log:
        (rejection,) = log.append([event], clock=lambda: NOON).rejected
    assert rejection.code == "future_time"
    assert rejection.detail.endswith("the service's clock stands at 2024-03-01T12:00:00+00:00")


def shop(home: Path, now: pd.Timestamp) -> Workspace:
    return Workspace.create(home, clock=f"fixed:{now.isoformat()}")


def say(ws: Workspace, title: str, product_id: str = "tea") -> None:
    with closing(ProductChanges(ws.product_changes_db)) as log:
        log.record([ProductChange(product_id=product_id, title=title)], clock=ws.now)


def titles(ws: Workspace, product_id: str = "tea") -> list[str]:
    table = read_table(ws, "products")
    return table.loc[table["product_id"] == product_id, "title"].tolist()


@pytest.mark.parametrize("step", [AHEAD, -AHEAD, 10 * MINUTE, -10 * MINUTE], ids=str)
def test_the_last_title_stays_the_last(tmp_path: Path, step: pd.Timedelta) -> None:
    """Whatever the clock did, and for products that were changed before it was set and not."""
    say(shop(tmp_path, NOON), "one")
    wrong, right = shop(tmp_path, NOON + step), shop(tmp_path, NOON + HOUR)
    say(wrong, "two")
    say(wrong, "mug", product_id="mug")
    right = shop(tmp_path, NOON + HOUR)
    with closing(ProductChanges(right.product_changes_db)) as log:
        known = log.since()
        say(right, "three")
        say(right, "bowl", product_id="bowl")
        news = log.since(known.sequence)
        assert {name: text.value for name, text in news.titles.items()} == {
            "tea": "three",
            "bowl": "bowl",
        }
        assert known.then(news) == log.since()
        assert log.since().titles["bowl"].recorded_us <= (right.now() + MAX_LEAD).value // 1000
    repair(right, apply=True)
    later = shop(tmp_path, NOON + HOUR + 2 * MAX_LEAD)
    absorb_products(later)
    assert titles(later)[-1] == "three"
    assert (titles(later, "mug"), titles(later, "bowl")) == (["mug"], ["bowl"])
    assert repair(later).findings == []


def test_titles_of_a_wrong_clock_wait_for_the_repair_alone(tmp_path: Path) -> None:
    say(shop(tmp_path, NOON + AHEAD), "ahead")
    right = shop(tmp_path, NOON)
    say(right, "in time", product_id="mug")
    later = shop(tmp_path, NOON + HOUR)
    assert absorb_products(later) == 1
    (finding,) = repair(later).findings
    assert (finding.place, finding.rows) == ("product_changes.db", 1)
    (mended,) = repair(later, apply=True).findings
    assert mended.became == (later.now(), later.now())
    assert absorb_products(shop(tmp_path, NOON + HOUR + TICK)) == 1
