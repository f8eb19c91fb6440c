"""The user-to-user model keeps the contract, and equals a loop over all customers."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from features.offline import OfflineFeatures
from tests.contracts import RUN, RecommenderContract
from tests.features.shop import line, lines, workspace
from tests.features.shop import time as moment
from tests.training.shop import Shop
from tests.training.tiny import catalogue, floats, queries
from training.data.training_data import TrainingData
from training.errors import NotEnoughData
from training.evaluation.recommender_judge import recommender_judge
from training.recommenders import user_knn
from training.recommenders.baselines import Popularity, PopularityConfig
from training.recommenders.user_knn import UserKNN, UserKNNConfig


class TestUserKNN(RecommenderContract):
    @classmethod
    def fit(cls, shop: Shop) -> UserKNN:
        return UserKNN.fit(shop.past, config=UserKNNConfig(neighbours=20), seed=1, run=RUN)


def by_similarity(
    config: UserKNNConfig, others: list[list[float]], own: list[float]
) -> list[tuple[float, int]]:
    """Return every customer with a cosine above 0, the most similar first."""
    weight = [max(1, sum(row[i] > 0 for row in others)) ** -config.buyers_power for i in range(4)]

    def length(row: list[float]) -> float:
        return float(sum((x * w) ** 2 for x, w in zip(row, weight, strict=True)) ** 0.5)

    cosines = []
    for number, row in enumerate(others):
        dot = sum(x * y * w * w for x, y, w in zip(own, row, weight, strict=True))
        if dot > 0:
            cosines.append((-dot / (length(own) * length(row) + config.shrinkage), number))
    return [(-cosine, number) for cosine, number in sorted(cosines)]


ROW = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=4, max_size=4)


@given(
    others=st.lists(ROW.filter(any), min_size=1, max_size=8),
    own=ROW,
    neighbours=st.integers(1, 9),
    shrinkage=st.sampled_from([0.0, 0.5, 3.0]),
    power=st.sampled_from([0.0, 0.5, 1.0]),
)
@settings(deadline=None, derandomize=True)
def test_scores_equal_a_loop_over_all_customers(
    others: list[list[float]], own: list[float], neighbours: int, shrinkage: float, power: float
) -> None:
    config = UserKNNConfig(
        neighbours=neighbours,
        shrinkage=shrinkage,
        buyers_power=power,
        half_life_days=10,
        repeat_weight=0,
        popularity_weight=1,
    )
    ranked = by_similarity(config, others, own)
    nearest, next_ones = ranked[:neighbours], ranked[neighbours:]
    assume(not next_ones or nearest[-1][0] - next_ones[0][0] > 1e-6)  # not left to rounding
    model = UserKNN(
        config, product_ids=["p0", "p1", "p2", "p3"], purchases=csr_array(floats(others))
    )
    days = {0.25: 20.0, 0.5: 10.0, 1.0: 0.0}
    bought = sorted(((i, days[x]) for i, x in enumerate(own) if x), key=lambda one: one[1])
    (found,) = model.scorer(catalogue(0, 0, 0, 0))(queries(bought))
    expected = [sum(cosine * others[place][i] for cosine, place in nearest) for i in range(4)]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_blocks_of_queries_change_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    model = TestUserKNN.fit(shop)
    data = shop.past
    asked = data.queries(data.as_of, data.customers(data.as_of)[:20])
    whole = model.scorer(data.products(data.as_of))(asked)
    monkeypatch.setattr(user_knn, "_BLOCK", 1)
    np.testing.assert_array_equal(model.scorer(data.products(data.as_of))(asked), whole)


def test_own_purchases_and_popularity_are_added() -> None:
    config = UserKNNConfig(
        neighbours=1, shrinkage=0, half_life_days=10, repeat_weight=3, popularity_weight=2
    )
    model = UserKNN(config, product_ids=["p1", "gone"], purchases=csr_array(floats([[0, 1]])))
    scores = model.scorer(catalogue(3, 0))(queries([(1, 10)], []))
    np.testing.assert_allclose(scores, [[2 * np.log(4), 1.5], [2 * np.log(4), 0]], rtol=1e-6)


def test_a_shop_of_guests_is_refused(tmp_path: Path) -> None:
    ws = workspace(tmp_path, lines(line("1", None, "p1", "2011-01-10")))
    data = TrainingData(ws, OfflineFeatures(ws), as_of=moment("2011-01-31"))
    with pytest.raises(NotEnoughData, match="guests"):
        UserKNN.fit(data, config=UserKNNConfig(), seed=0, run=RUN)


def test_it_learns_more_than_popularity(shop: Shop) -> None:
    judge = recommender_judge(shop.full, at=shop.past.as_of, days=28)
    popular = judge.measure(Popularity(PopularityConfig())).metrics
    assert (
        judge.measure(TestUserKNN.fit(shop)).metrics["mean_ndcg_at_10"] > popular["mean_ndcg_at_10"]
    )
