"""Cosine, RP3beta and EASE keep the contract, and compute what their papers say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from features.offline import OfflineFeatures
from tests.contracts import RUN, RecommenderContract
from tests.features.shop import line, lines, workspace
from tests.features.shop import time as moment
from tests.training.shop import Shop
from tests.training.tiny import catalogue, floats, fractions, queries
from training.data.interactions import interactions
from training.data.training_data import TrainingData
from training.errors import NotEnoughData, TooManyProducts
from training.evaluation.recommender_judge import recommender_judge
from training.kernels.faded_history import faded_history
from training.recommenders.baselines import Popularity, PopularityConfig
from training.recommenders.ease import MOST_PRODUCTS, Ease, EaseConfig, ease
from training.recommenders.item_to_item import (
    Cosine,
    CosineConfig,
    RP3Beta,
    RP3BetaConfig,
    cosine,
    prune_and_scale,
    rp3beta,
)

BOUGHT = csr_array(floats([[1, 1, 0], [1, 1, 1], [0, 0, 1]]))
"""Three customers by three products."""
MODELS = [(Cosine, CosineConfig), (RP3Beta, RP3BetaConfig), (Ease, EaseConfig)]


class TestCosine(RecommenderContract):
    @classmethod
    def fit(cls, shop: Shop) -> Cosine:
        return Cosine.fit(shop.past, config=CosineConfig(), seed=1, run=RUN)


class TestRP3Beta(RecommenderContract):
    @classmethod
    def fit(cls, shop: Shop) -> RP3Beta:
        config = RP3BetaConfig(learning_half_life_days=90)
        return RP3Beta.fit(shop.past, config=config, seed=1, run=RUN)


class TestEase(RecommenderContract):
    @classmethod
    def fit(cls, shop: Shop) -> Ease:
        return Ease.fit(shop.past, config=EaseConfig(neighbours=9), seed=1, run=RUN)


@pytest.mark.parametrize(
    ("shrinkage", "expected"),
    [
        (0, ["1 1 1/2", "1 1 1/2", "1/2 1/2 1"]),
        (2, ["1/2 1/2 1/4", "1/2 1/2 1/4", "1/4 1/4 1/2"]),
    ],
)
def test_cosine_in_fractions(shrinkage: float, expected: list[str]) -> None:
    found = cosine(BOUGHT, shrinkage=shrinkage).toarray()
    np.testing.assert_allclose(found, fractions(*expected), rtol=1e-6)


@pytest.mark.parametrize(
    ("alpha", "beta", "expected"),
    [
        (1, 0, ["5/12 5/12 1/6", "5/12 5/12 1/6", "1/6 1/6 2/3"]),
        (1, 1, ["5/24 5/24 1/12", "5/24 5/24 1/12", "1/12 1/12 1/3"]),
        (2, 0, ["13/144 13/144 1/36", "13/144 13/144 1/36", "1/36 1/36 10/36"]),
    ],
)
def test_rp3beta_in_fractions(alpha: float, beta: float, expected: list[str]) -> None:
    found = rp3beta(BOUGHT, alpha=alpha, beta=beta).toarray()
    np.testing.assert_allclose(found, fractions(*expected), rtol=1e-6)


def test_ease_in_fractions() -> None:
    """Column 2 is regressed on 0 and 1: [[3, 2], [2, 3]] b = (1, 1), so b = (1/5, 1/5)."""
    found = ease(BOUGHT, penalty=1)
    expected = fractions("0 5/8 1/5", "5/8 0 1/5", "1/8 1/8 0")
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_strongest_keeps_signs_and_drops_the_diagonal() -> None:
    weights = floats([[9, 2, -6, 1], [0, 9, 0, 0], [3, 2, 9, -1], [1, 1, 3, 9]])
    expected = fractions("0 1/2 -3/2 0", "0 0 0 0", "3/4 1/2 0 0", "1/4 0 3/4 0")
    found = prune_and_scale(weights, 2).toarray()
    np.testing.assert_array_equal(found[:3], expected[:3])
    assert sorted(found[3]) == [0, 0, 1 / 4, 3 / 4]  # of equal weights any one
    np.testing.assert_array_equal(prune_and_scale(csr_array(weights), 2).toarray(), found)
    assert prune_and_scale(weights, 9).nnz == 9


def test_purchases_of_one_product_fade_and_add_up() -> None:
    found = faded_history(queries([(2, 0), (0, 10), (2, 20)], [], [(0, 0)]), half_life_days=10)
    assert found.starts.tolist() == [0, 2, 2, 3]
    assert found.places[:3].tolist() == [2, 0, 0]
    np.testing.assert_array_equal(found.left[:3], fractions("5/4 1/2 1")[0])


def test_scores_add_weights_repeats_and_popularity() -> None:
    config = CosineConfig(half_life_days=10, repeat_weight=0.5, popularity_weight=2)
    weights = csr_array(fractions("0 1 1/4", "1/2 0 0", "1/4 0 0"))
    model = Cosine(config, product_ids=["p2", "p1", "gone"], weights=weights)
    scores = model.scorer(catalogue(3, 0, 0))(queries([(2, 0), (0, 10)]))
    expected = [[1 / 4 + 2 * np.log(4), 1, 1 / 2]]  # p0 was never learned, but was bought
    np.testing.assert_allclose(scores, expected, rtol=1e-6)


def test_learned_are_distinct_pairs_by_their_newest_purchase(tmp_path: Path) -> None:
    rows = [
        line("1", "ann", "p2", "2011-01-01"),
        line("2", "ann", "p2", "2011-01-21"),
        line("3", "ann", "p1", "2011-01-11"),
        line("4", "bob", "p2", "2011-01-11"),
        line("5", None, "p3", "2011-01-11"),
        line("6", "bob", "p1", "2011-01-12", quantity=-1, kind="return"),
        line("7", "bob", "p1", "2011-01-31"),
    ]
    ws = workspace(tmp_path, lines(*rows))
    data = TrainingData(ws, OfflineFeatures(ws), as_of=moment("2011-01-31"))
    found = interactions(data)
    assert found.product_ids == ["p1", "p2"]
    np.testing.assert_array_equal(found.matrix.toarray(), fractions("1 1", "0 1"))
    faded = interactions(data, half_life_days=10).matrix.toarray()
    np.testing.assert_array_equal(faded, fractions("1/4 1/2", "0 1/4"))


@pytest.mark.parametrize(("model", "config"), MODELS)
@pytest.mark.parametrize("bought", [["p1", "p1"], ["p1", "p2"]])
def test_a_shop_that_says_nothing_leaves_repeats_and_popularity(
    model: Any, config: Callable[..., Any], bought: list[str], tmp_path: Path
) -> None:
    """One product only, or nobody who bought two."""
    rows = [line(str(n), f"c{n}", product, "2011-01-10") for n, product in enumerate(bought)]
    ws = workspace(tmp_path, lines(*rows))
    data = TrainingData(ws, OfflineFeatures(ws), as_of=moment("2011-01-31"))
    settings = config(repeat_weight=3, popularity_weight=1, half_life_days=10)
    fitted = model.fit(data, config=settings, seed=0, run=RUN)
    scores = fitted.scorer(catalogue(7, 3, 1))(queries([(1, 10)]))
    np.testing.assert_allclose(scores, np.log([[8, 4, 2]]) + fractions("0 3/2 0"), rtol=1e-6)


def test_a_shop_of_guests_is_refused(tmp_path: Path) -> None:
    ws = workspace(tmp_path, lines(line("1", None, "p1", "2011-01-10")))
    data = TrainingData(ws, OfflineFeatures(ws), as_of=moment("2011-01-31"))
    with pytest.raises(
        NotEnoughData, match="all sale lines are guests', without a customer_id \\(1 line, "
    ):
        Cosine.fit(data, config=CosineConfig(), seed=0, run=RUN)


def test_ease_refuses_a_catalogue_that_memory_cannot_hold() -> None:
    with pytest.raises(TooManyProducts, match=r"products = 20001.*at most 20000"):
        ease(csr_array(np.zeros((1, MOST_PRODUCTS + 1), dtype=np.float32)), penalty=1)


@pytest.mark.parametrize(("model", "config"), MODELS)
def test_they_learn_more_than_popularity(
    model: Any, config: Callable[..., Any], shop: Shop
) -> None:
    judge = recommender_judge(shop.full, at=shop.past.as_of, days=28)
    popular = judge.measure(Popularity(PopularityConfig())).metrics
    found = judge.measure(model.fit(shop.past, config=config(), seed=1, run=RUN)).metrics
    assert found["mean_ndcg_at_10"] > popular["mean_ndcg_at_10"]


def test_related_are_the_weights_of_what_was_learned() -> None:
    weights = csr_array(fractions("0 1 1/4", "1/2 0 0", "1/4 0 0"))
    model = Cosine(CosineConfig(), product_ids=["p2", "p1", "gone"], weights=weights)
    related = model.related(catalogue(0, 0, 0))
    found = related(np.array([2, 1, 0]), np.array([0, 1, 2]))  # p0 was never learned
    np.testing.assert_array_equal(found, fractions("0 1 0", "0 0 1/2", "0 0 0"))
