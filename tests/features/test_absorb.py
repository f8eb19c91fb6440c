"""What was posted comes into the tables, whatever the clock does meanwhile."""

from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from features.absorb import absorb_events, absorb_products
from features.ingest import ingest
from features.logs.events import Event, EventLog, Item, all_order_lines
from features.logs.product_changes import ProductChange, ProductChanges
from features.logs.stamps import MAX_LEAD
from features.materialize import materialize
from features.schema import RetailDataset, empty
from features.snapshots import known_order_lines
from features.tables import read_table
from features.workspace import Workspace

NOON = pd.Timestamp("2024-03-01T12:00:00Z").as_unit("us")
HOUR = pd.Timedelta(hours=1)


def order(number: int, time: pd.Timestamp) -> Event:
    return Event(
        event_id=f"e{number}",
        type="order_completed",
        customer_id="anna",
        order_id=f"o{number}",
        event_timestamp=time,
        items=(Item(product_id="tea", quantity=1, unit_price=2.0),),
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Orders 1, 2 and 3 were posted at noon, at one, and after the clock was set back to noon."""
    for number, hours in enumerate((0, 1, 0), start=1):
        ws = shop(tmp_path, NOON + hours * HOUR)
        with closing(EventLog(ws.events_db)) as log:
            log.append([order(number, NOON - HOUR)], clock=ws.now)
    return tmp_path


def shop(home: Path, now: pd.Timestamp) -> Workspace:
    return Workspace.create(home, clock=f"fixed:{now.isoformat()}")


def test_a_clock_set_back_keeps_no_order_of_the_log_out(home: Path) -> None:
    """Those that were posted before lie after the clock; the others by MAX_LEAD at most."""
    ws = shop(home, NOON)
    assert (absorb_events(ws), absorb_events(ws)) == (3, 0)
    lines = read_table(ws, "order_lines").set_index("order_id")
    assert lines["recorded_timestamp"].to_dict() == {
        "o1": NOON,
        "o2": NOON + HOUR,
        "o3": NOON + MAX_LEAD,
    }


def test_a_clock_set_back_keeps_no_materialize_from_its_cut(home: Path) -> None:
    ws = shop(home, NOON + HOUR / 2)
    materialize(ws, ws.now())
    assert known_order_lines(ws, ws.now())["order_id"].tolist() == ["o1", "o3"]


def test_a_product_s_texts_wait_until_a_clock_set_back_has_caught_up(tmp_path: Path) -> None:
    ws = shop(tmp_path, NOON + HOUR)
    with closing(ProductChanges(ws.product_changes_db)) as changes:
        changes.record([ProductChange(product_id="tea", title="Tea")], clock=ws.now)
    assert absorb_products(shop(tmp_path, NOON)) == 0
    assert absorb_products(shop(tmp_path, NOON + HOUR)) == 1


def test_a_posted_order_that_a_file_cancels_does_not_come_back(home: Path) -> None:
    ws = shop(home, NOON + HOUR)
    assert absorb_events(ws) == 3
    file = RetailDataset(
        source="orders.csv",
        order_lines=empty("order_lines"),
        read=1,
        kept={},
        dropped={"left out: Status is cancelled": 1},
        left_out=frozenset(["o1"]),
    )
    ingest(ws, file, corrections=True)
    assert absorb_events(ws) == 0
    assert read_table(ws, "order_lines")["order_id"].tolist() == ["o2", "o3"]
    assert all_order_lines(ws)["order_id"].tolist() == ["o2", "o3"]
