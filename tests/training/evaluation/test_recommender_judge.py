"""The judge by hand, and against the independent scorer's rules."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features import snapshots
from features.feast_store import register
from features.offline import OfflineFeatures
from tests.features.shop import line, lines, time, workspace
from tests.training.shop import Shop
from training.data.pairs import Pairs, pairs
from training.data.training_data import TrainingData
from training.errors import NotEnoughData
from training.evaluation.recommender_judge import recommender_judge
from training.recommenders.baselines import Popularity, PopularityConfig

AT = time("2011-02-01")


ROWS = [  # popular are p1 (3 buyers), p2 (2), p3 (1); p4 is sold to guests alone
    line("1", "ann", "p1", "2011-01-10"),
    line("2", "bob", "p1", "2011-01-11"),
    line("3", "bob", "p2", "2011-01-11", number=2),
    line("4", "cid", "p1", "2011-01-12"),
    line("5", "cid", "p2", "2011-01-12", number=2),
    line("6", "cid", "p3", "2011-01-13"),
    line("7", None, "p4", "2011-01-14"),
    # the window
    line("8", "ann", "p1", "2011-02-01"),
    line("9", "ann", "p3", "2011-02-20"),
    line("10", "ann", "p3", "2011-02-21"),  # once is enough
    line("11", "bob", "p4", "2011-02-02"),  # nobody known bought it before
    line("12", "cid", "p2", "2011-02-03"),
    line("13", "new", "p1", "2011-02-04"),  # not known before
    line("14", "ann", "p2", "2011-03-01"),  # after the window
]
LATE = [  # happened before the window, but nobody knew
    line("15", "ann", "p3", "2011-01-15", recorded="2011-02-05"),
    line("16", "cid", "p4", "2011-01-16", recorded="2011-02-05"),
    line("17", "new", "p1", "2011-01-17", recorded="2011-02-01"),
]


def _data(home: Path, rows: list[dict[str, object]]) -> TrainingData:
    ws = workspace(home, lines(*rows))
    end = time("2011-03-01")
    for cut in (AT, end):
        snapshots.build(ws, as_of=cut)
    register(ws)
    client = OfflineFeatures(ws)
    return TrainingData(ws, client, as_of=end)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    return _data(tmp_path_factory.mktemp("shop"), ROWS)


def test_popularity_by_hand(data: TrainingData) -> None:
    judge = recommender_judge(data, at=AT, days=28)
    assert judge.queries.customer_ids.tolist() == ["ann", "cid"]
    found = judge.measure(Popularity(PopularityConfig())).metrics
    # all: p1, p2, p3, p4. ann wants p1 (1st) and p3 (3rd); cid wants p2 (2nd).
    second = 1 / np.log2(3)
    ann = (1 + 1 / 2) / (1 + second)
    assert found["ndcg_at_10"] == pytest.approx((ann + second) / 2)
    assert found["recall_at_10"] == 1
    assert found["mrr_at_10"] == (1 + 1 / 2) / 2
    # new, to ann alone: p2, p3, p4; cid had p2 before.
    assert found["new_ndcg_at_10"] == pytest.approx(second)
    assert found["new_mrr_at_10"] == 1 / 2
    assert found["new_hit_rate_at_10"] == 1
    assert found["mean_ndcg_at_10"] == pytest.approx(((ann + second) / 2 + second) / 2)


def test_a_window_without_purchases_measures_nothing(data: TrainingData) -> None:
    with pytest.raises(
        NotEnoughData, match="no known customer bought in them; the data hold 43 days"
    ):
        recommender_judge(data, at=time("2011-02-28"), days=1)


def test_the_window_must_be_known(shop: Shop) -> None:
    with pytest.raises(ValueError, match="these data end"):
        recommender_judge(shop.past, at=shop.past.as_of, days=28)


def test_unseen_windows_change_nothing_but_the_truth(shop: Shop) -> None:
    judge = recommender_judge(shop.full, at=shop.past.as_of, days=28)
    ids = judge.queries.customer_ids
    own = shop.past.queries(shop.past.as_of, ids)
    np.testing.assert_array_equal(judge.queries.history, own.history)
    np.testing.assert_array_equal(judge.queries.activity, own.activity)
    window = shop.full.purchases(shop.past.as_of, shop.past.as_of + pd.Timedelta(days=28))
    before = shop.past.purchases(shop.past.start, shop.past.as_of)
    assert set(ids) <= set(window["customer_id"]) & set(before["customer_id"])
    assert _pairs(judge.owned) == _pairs(pairs(before, ids, judge.products.product_ids))
    assert judge.catalogue == before["product_id"].nunique()


def test_what_was_recorded_in_the_window_was_not_known_before(
    data: TrainingData, tmp_path: Path
) -> None:
    judge = recommender_judge(data, at=AT, days=28)
    other = recommender_judge(_data(tmp_path, ROWS + LATE), at=AT, days=28)
    assert other.queries.customer_ids.tolist() == judge.queries.customer_ids.tolist()
    assert _pairs(other.owned) == _pairs(judge.owned)
    assert _pairs(other.wanted) == _pairs(judge.wanted)
    assert other.catalogue == judge.catalogue == 3
    popular = Popularity(PopularityConfig())
    assert other.measure(popular).metrics == judge.measure(popular).metrics


def _pairs(given: Pairs) -> list[tuple[int, int]]:
    return list(zip(given.rows.tolist(), given.columns.tolist(), strict=True))
