"""The time of a refresh of a hundred thousand customers."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.schema import empty
from features.tables import write_tables
from features.workspace import Workspace
from tests.training.segments.tiny_shop import DAY, NOW
from training.segments.definitions import GROUPINGS
from training.segments.refresh import SegmentStore

CUSTOMERS = 100_000


@pytest.mark.slow
def test_a_hundred_thousand_customers_are_refreshed(tmp_path: Path) -> None:
    """It prints the time, which no test can judge on a busy machine."""
    rng = np.random.default_rng(0)
    size = 4 * CUSTOMERS
    number = rng.integers(0, CUSTOMERS, size)
    happened = NOW - rng.integers(1, 900 * 24, size) * (DAY / 24)
    lines = pd.DataFrame(
        {
            "order_id": [f"o{at}" for at in range(size)],
            "line_number": 1,
            "customer_id": [f"c{at:06d}" for at in number],
            "product_id": [f"p{at}" for at in rng.integers(0, 500, size)],
            "parent_product_id": None,
            "line_type": "sale",
            "quantity": 1.0,
            "unit_price": rng.choice([2.5, 9.99, 45.5], size),
            "channel": None,
            "store_id": None,
            "event_timestamp": happened,
            "recorded_timestamp": happened,
        }
    ).astype(empty("order_lines").dtypes)
    ws = Workspace.create(tmp_path / "shop", clock=f"fixed:{NOW.isoformat()}")
    with ws.lock("tables"):
        write_tables(ws, {"order_lines": lines})
    store = SegmentStore(ws)
    store.define("big", "spend_365d > 50 and orders_90d >= 1")
    store.refresh(NOW - DAY, months=0)
    wall, processor = time.monotonic(), time.process_time()
    state = store.refresh(NOW, months=0)
    wall, processor = time.monotonic() - wall, time.process_time() - processor
    (customers,) = state.con.execute("SELECT count(*) FROM customers").fetchall()[0]
    print(f"{customers:,} customers: {wall:.1f} s, {processor:.1f} processor seconds")
    assert customers > 95_000
    shown = state.counts()
    assert sum(shown[key] for key in GROUPINGS["lifecycle"]) == customers
    (big,) = state.con.execute(
        "SELECT count(*) FROM customers WHERE spend_365d > 50 AND orders_90d >= 1"
    ).fetchall()[0]
    assert shown["big"] == big
