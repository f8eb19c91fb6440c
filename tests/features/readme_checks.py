"""Run by test_readme against a copy of the code: `python -m tests.features.readme_checks`."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from features import aggregations, snapshots
from features.absorb import absorb_events
from features.customer_features import CUSTOMER_FEATURES
from features.feast_store import open_store
from features.ingest import ingest
from features.logs.events import Event, EventLog, Item, LogCut
from features.materialize import materialize
from features.model_inputs import CUSTOMER_INPUTS, customer_inputs
from features.offline import OfflineFeatures
from features.online.fresh_events import with_fresh_events
from features.online.store import OnlineStore
from features.schema import TABLES, RetailDataset, empty
from features.tables import read_table
from features.workspace import Workspace
from tests.features.shop import ask, line, lines, time, workspace
from training.customers.reasons import FEATURES

CUT = time("2011-03-14")
LATER = time("2011-03-14 06:00")


def check_feature(home: Path, before: dict[str, float], after: dict[str, float]) -> None:
    """Check the features of customer A in snapshots, online row, Feast, inputs and reasons.

    `before` are their values at CUT, `after` those with the order posted after CUT.
    """
    ws = workspace(
        home,
        lines(
            line("o1", "A", "p", "2011-03-10 12:00", quantity=2, price=3),
            line("o2", "A", "q", "2011-02-20 12:00", quantity=1, price=5),
        ),
    )
    materialize(ws, CUT)
    assert _snapshot(ws, CUT, before) == before
    row = OnlineStore(ws).online_customer("A")
    assert row is not None
    assert {name: row[name] for name in before} == before

    log = EventLog(ws.events_db)
    order = Event(
        event_id="e",
        type="order_completed",
        customer_id="A",
        order_id="o3",
        event_timestamp=CUT + pd.Timedelta(hours=1),
        items=(Item(product_id="r", quantity=1, unit_price=7.5),),
    )
    log.append([order], clock=lambda: CUT + pd.Timedelta(hours=2))
    fresh = with_fresh_events(
        row, log.since("A", LogCut(row["snapshot_timestamp"], row["log_sequence"])), at=LATER
    )
    log.close()
    absorb_events(ws)
    snapshots.build(ws, as_of=LATER)
    assert {name: fresh[name] for name in before} == after == _snapshot(ws, LATER, after)
    declared = {feature.name for feature in CUSTOMER_FEATURES}
    new = _snapshot(ws, LATER, dict.fromkeys(declared, 0.0))
    assert {name: fresh[name] for name in declared} == new

    view = open_store(ws).get_feature_view("customer_activity")
    assert before.keys() <= {field.name for field in view.features}
    frame = OfflineFeatures(ws).customers(ask(("A", CUT)))
    assert {name: frame.loc[0, name] for name in before} == before
    inputs = dict(zip(CUSTOMER_INPUTS, customer_inputs(frame, CUT)[0], strict=True))
    assert {inputs[f"log_{name}"] for name in before} == {
        np.float32(np.log1p(value)) for value in before.values()
    }
    assert before.keys() <= {name for group in FEATURES.values() for name in group}


def _snapshot(ws: Workspace, at: pd.Timestamp, names: dict[str, float]) -> dict[str, float]:
    table = pq.read_table(snapshots.files_of(ws, "customer_activity")[at], columns=[*names])
    return dict(table.to_pylist()[0])


def check_table(home: Path) -> None:
    """Check that the table `stock` is ingested and stored."""
    assert "stock" in TABLES
    ws = Workspace.create(home, clock="fixed:2011-12-10T00:00:00Z")
    at = time("2011-03-01")
    rows = {"product_id": "p", "event_timestamp": at, "recorded_timestamp": at, "units": 3.0}
    stock = pd.DataFrame([rows]).astype(empty("stock").dtypes)
    tables = {"order_lines": lines(line("o1", "A", "p", "2011-03-01")), "stock": stock}
    dataset = RetailDataset(source="a", read=1, kept={"sale": 1}, dropped={}, **tables)  # type: ignore[arg-type]
    assert ingest(ws, dataset).added["stock"] == 1
    pd.testing.assert_frame_equal(read_table(ws, "stock"), stock)


if __name__ == "__main__":
    what, code, shop = sys.argv[1:]
    if not Path(aggregations.__file__).is_relative_to(code):
        raise SystemExit(f"{aggregations.__file__} does not lie in {code}")
    if what == "table":
        check_table(Path(shop))
    else:
        check_feature(
            Path(shop), {"orders_7d": 1, "spend_7d": 6.0}, {"orders_7d": 2, "spend_7d": 13.5}
        )
