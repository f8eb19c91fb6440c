"""A row with fresh events equals a new snapshot as long as nothing leaves a window in between."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from features.customer_features import CUSTOMER_FEATURES, HISTORY_FEATURES, HISTORY_LENGTH
from features.customer_history import customer_history
from features.logs.events import Event, EventLog, Item, LogCut
from features.online.fresh_events import with_fresh_events
from features.times import microseconds
from features.transforms import customer_activity
from tests.features.shop import stored

MIDNIGHT = pd.Timestamp("2024-03-01T00:00:00Z").as_unit("us")
MORNING = MIDNIGHT + pd.Timedelta(hours=10)  # events at noon leave no window until noon
DAY = pd.Timedelta(days=1)
SNAPSHOT = LogCut(microseconds(MIDNIGHT), 2**62)  # built once all was posted


def features(
    lines: pd.DataFrame, cuts: list[pd.Timestamp]
) -> dict[tuple[str, pd.Timestamp], dict[str, Any]]:
    """Return the stored row of each customer at each cut."""
    rows: dict[tuple[str, pd.Timestamp], dict[str, Any]] = defaultdict(dict)
    for transform in (customer_activity, customer_history):
        table = ibis.memtable(pd.DataFrame({"cut": cuts}))
        for row in transform(ibis.memtable(lines), table).execute().to_dict("records"):
            there = {name: stored(value) for name, value in row.items()}
            rows[row["customer_id"], row["event_timestamp"]] |= there
    return rows


def clock(time: pd.Timestamp) -> Callable[[], pd.Timestamp]:
    return lambda: time


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Check every feature that is declared, whatever its name."""
    for feature in (*CUSTOMER_FEATURES, *HISTORY_FEATURES):
        one, other = (row[feature.name] for row in (found, expected))
        if feature.dtype in ("int64", "float64"):
            assert one == pytest.approx(other, abs=1e-6), feature.name
        elif feature.dtype == "timestamp":
            assert one == other, feature.name
        else:
            assert list(one) == list(other or []), feature.name


def shopping(rng: np.random.Generator, number: int, time: pd.Timestamp) -> Event:
    items = tuple(
        Item(product_id=f"p{rng.integers(12)}", quantity=int(rng.integers(1, 4)), unit_price=price)
        for price in rng.choice([0.0, 1.25, 3.5, 10.0], rng.integers(1, 5))
    )
    kind = "order_refunded" if rng.random() < 0.2 else "order_completed"
    return Event(
        event_id=f"e{number}",
        type=kind,
        customer_id=f"c{rng.integers(3)}",
        order_id=f"o{number}",
        event_timestamp=time,
        items=items,
    )


@pytest.mark.parametrize("seed", range(2))
def test_a_row_with_fresh_events_equals_a_new_snapshot(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    log = EventLog(tmp_path / "events.db")
    noons = [MIDNIGHT - DAY / 2 - int(days) * DAY for days in rng.integers(0, 700, 60)]
    for number, time in enumerate(noons):
        log.append([shopping(rng, number, time)], clock=clock(time))
    fresh = [MIDNIGHT + pd.Timedelta(hours=int(hour)) for hour in rng.integers(0, 9, 6)]
    late = [
        MIDNIGHT - DAY / 2 - int(days) * DAY for days in (3, 50, 272, 280, 300, 500)
    ]  # told after S
    for number, time in enumerate([*fresh, *late], start=100):
        arrival = max(time, MIDNIGHT)
        log.append([shopping(rng, number, time)], clock=clock(arrival))
    rows = features(log.order_lines(), [MIDNIGHT, MORNING])
    changed = 0
    for customer_id in ("c0", "c1", "c2"):
        events = log.since(customer_id, SNAPSHOT)
        changed += len(events)
        row = with_fresh_events(rows[customer_id, MIDNIGHT], events, at=MORNING)
        same(row, rows[customer_id, MORNING])
    assert changed == 12


def test_a_new_customer_is_made_of_its_events(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.db")
    item = Item(product_id="p", quantity=2, unit_price=1.5)
    event = Event(
        event_id="e",
        type="order_completed",
        customer_id="new",
        order_id="o",
        event_timestamp=MIDNIGHT,
        items=(item,),
    )
    log.append([event], clock=clock(MIDNIGHT))
    row = with_fresh_events({}, log.since("new", SNAPSHOT), at=MORNING)
    same(row, features(log.order_lines(), [MORNING])["new", MORNING])
    assert (row["orders_30d"], row["spend_total"], row["units_365d"]) == (1, 3.0, 2)


def test_history_keeps_the_newest(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.db")
    for number in range(HISTORY_LENGTH + 20):
        event = Event(
            event_id=f"e{number}",
            type="order_completed",
            customer_id="c",
            order_id=f"o{number}",
            event_timestamp=MIDNIGHT - DAY + number * pd.Timedelta(minutes=4),
            items=(Item(product_id=f"p{number}", quantity=1, unit_price=1.0),),
        )
        log.append([event], clock=clock(event.event_timestamp))
    rows = features(log.order_lines(), [MIDNIGHT, MORNING])
    row = with_fresh_events(rows["c", MIDNIGHT], log.since("c", SNAPSHOT), at=MORNING)
    assert len(row["recent_products"]) == HISTORY_LENGTH
    assert row["recent_products"][0] == f"p{HISTORY_LENGTH + 19}"
    same(row, rows["c", MORNING])


def test_views_change_nothing() -> None:
    view = Event(
        event_id="v",
        type="product_viewed",
        customer_id="c",
        product_id="p",
        event_timestamp=MIDNIGHT,
    )
    row = {
        "orders_total": 3.0,
        "recent_products": ["a"],
        "recent_timestamps": [1],
        "recent_values": [2.5],
    }
    row = with_fresh_events(row, [view], at=MORNING)
    assert (row["orders_total"], row["recent_products"]) == (3.0, ["a"])
