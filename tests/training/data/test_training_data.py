"""The door to the features: what it gives, and that nothing of the future passes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features import snapshots
from features.feast_store import register
from features.offline import OfflineFeatures
from tests.contracts import RUN
from tests.features.shop import line, lines, time, workspace
from tests.features.shop import products as titles
from tests.training.shop import Shop
from training.data.training_data import TrainingData
from training.recommenders.baselines import OwnPurchases, OwnPurchasesConfig
from training.recommenders.two_tower.model import TwoTower, TwoTowerConfig
from training.score import recommendations

CUT = time("2011-02-01")
HISTORY = [
    line("o1", "ann", "p1", "2011-01-04"),
    line("o1", "ann", "p2", "2011-01-04", number=2, quantity=3.0),
    line("o2", "bob", "p2", "2011-01-12"),
    line("o3", "ann", "p2", "2011-01-20"),
    line("o4", "cid", "p3", "2011-01-27"),
    line("o5", "bob", None, "2011-01-28", kind="fee"),
    line("r1", "ann", "p1", "2011-01-29", quantity=-1.0, kind="return"),
    line("o6", None, "p3", "2011-01-30"),
    line("o7", "dan", "p1", "2011-01-30", price=0.0),
]
FUTURE = [
    line("f1", "ann", "p3", "2011-02-01"),  # at the very cut
    line("f2", "eve", "p9", "2011-02-03"),
    line("f3", "ann", "p9", "2011-01-30", recorded="2011-02-02"),  # happened before, known after
]


def _data(home: Path, rows: list[dict[str, object]]) -> TrainingData:
    known = [("p1", "2011-01-04", "Red cup"), ("p2", "2011-01-04", "Blue cup")]
    if len(rows) > len(HISTORY):
        known += [("p1", "2011-02-02", "Not yet"), ("p9", "2011-02-03", "Nor this")]
    ws = workspace(home, lines(*rows), products=titles(*known))
    snapshots.build(ws, as_of=CUT)
    register(ws)
    client = OfflineFeatures(ws)
    return TrainingData(ws, client, as_of=CUT)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    return _data(tmp_path_factory.mktemp("past"), HISTORY)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    return _data(tmp_path_factory.mktemp("planted"), HISTORY + FUTURE)


def test_purchases_are_positive_sales_of_known_customers(past: TrainingData) -> None:
    found = past.purchases(past.start, CUT)
    assert list(zip(found["customer_id"], found["product_id"], strict=True)) == [
        ("ann", "p1"),
        ("ann", "p2"),
        ("bob", "p2"),
        ("ann", "p2"),
        ("cid", "p3"),
    ]
    window = past.purchases(time("2011-01-12"), time("2011-01-20"))
    assert window["event_timestamp"].tolist() == [time("2011-01-12")]


def test_orders_count_fees_and_each_order_once(past: TrainingData) -> None:
    orders = past.orders(past.start, CUT)
    assert orders["order_id"].tolist() == ["o1", "o2", "o3", "o4", "o5"]
    assert past.customers(CUT).tolist() == ["ann", "bob", "cid"]
    assert past.customers(CUT, days=5).tolist() == ["bob", "cid"]
    assert past.customers(time("2011-01-05")).tolist() == ["ann"]


def test_products_and_queries_stand_at_their_time(past: TrainingData) -> None:
    monday = time("2011-01-17")
    assert past.products(monday).product_ids.tolist() == ["p1", "p2"]
    assert past.products(CUT).product_ids.tolist() == ["p1", "p2", "p3"]
    assert past.products(CUT).titles == ["Red cup", "Blue cup", ""]
    found = past.queries_at({CUT: ["nobody", "ann"], monday: ["ann"]})
    assert found[CUT].history.tolist() == [[-1, -1, -1], [1, 0, 1]]
    assert found[CUT].history_days.tolist() == [[0, 0, 0], [12, 28, 28]]
    assert found[monday].history.tolist() == [[0, 1]]
    assert found[monday].history_days.tolist() == [[13, 13]]
    assert found[CUT].history_values.tolist() == [[0, 0, 0], [1, 1, 3]]


def test_what_reaches_past_the_cut_is_refused(past: TrainingData) -> None:
    later = CUT + pd.Timedelta(microseconds=1)
    with pytest.raises(ValueError, match=r"end = 2011-02-01 00:00:00.000001\+00:00.*as_of"):
        past.purchases(past.start, later)
    with pytest.raises(ValueError, match="end = "):
        past.orders(past.start, later)
    with pytest.raises(ValueError, match="at = "):
        past.products(later)
    with pytest.raises(ValueError, match="at = "):
        past.queries(later, ["ann"])


def test_planted_futures_change_no_bit(
    past: TrainingData, planted: TrainingData, tmp_path: Path
) -> None:
    """Vocabulary, weights, baselines and scores are the same with and without the future."""
    config = TwoTowerConfig(epochs=1, embedding_dim=4, hidden=4, token_min_count=1)
    files = []
    tables = []
    for name, data in (("past", past), ("planted", planted)):
        model = TwoTower.fit(data, config=config, seed=0, run=RUN)
        own = OwnPurchases.fit(data, config=OwnPurchasesConfig(), seed=0, run=RUN)
        (tmp_path / name).mkdir()
        model.save(tmp_path / name)
        files.append({f.name: f.read_bytes() for f in (tmp_path / name).iterdir()})
        tables.append([recommendations(m, data, k=3) for m in (model, own)])
        queries = data.queries(CUT, ["ann", "eve"])
        files[-1]["scores"] = model.scorer(data.products(CUT))(queries).tobytes()
    assert files[0] == files[1]
    for one, other in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(one, other)
    assert b"p9" not in files[0]["two_tower.json"]


def test_a_planted_past_does_change_them(past: TrainingData, tmp_path: Path) -> None:
    """The test above can fail: a line before the cut is seen."""
    other = _data(tmp_path, [*HISTORY, line("x", "ann", "p3", "2011-01-10")])
    one, two = (d.queries(CUT, ["ann"]).history.tolist() for d in (past, other))
    assert one != two


def test_snapshots_are_asked_for_at_once(shop: Shop) -> None:
    times = shop.past.times[3:6]
    ids = shop.past.customers(times[0])[:4]
    together = shop.past.queries_at(dict.fromkeys(times, ids))
    for at in times:
        alone = shop.past.queries(at, ids)
        np.testing.assert_array_equal(together[at].history, alone.history)
        np.testing.assert_array_equal(together[at].activity, alone.activity)
