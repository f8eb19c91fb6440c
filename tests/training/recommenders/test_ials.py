"""iALS keeps the contract, and solves the least squares that it says."""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from features.offline import OfflineFeatures
from tests.contracts import RUN, RecommenderContract
from tests.features.shop import line, lines, workspace
from tests.features.shop import time as moment
from tests.training.shop import Shop
from tests.training.tiny import catalogue, floats, fractions, queries
from training.data.training_data import TrainingData
from training.evaluation.recommender_judge import recommender_judge
from training.kernels.faded_history import Faded
from training.kernels.least_squares import customer_vectors
from training.recommenders.baselines import Popularity, PopularityConfig
from training.recommenders.ials import IALS, IALSConfig, whitened

CONFIG = IALSConfig(embedding_dim=8, penalty=1)


class TestIALS(RecommenderContract):
    @classmethod
    def fit(cls, shop: Shop) -> IALS:
        return IALS.fit(shop.past, config=CONFIG, seed=1, run=RUN)


def test_a_customer_is_solved_in_fractions() -> None:
    """Vectors (1, 0), (1, 1), confidence 2, penalty 1, the second product bought by a half.

    (V'V + I + 1 (1, 1)'(1, 1)) u = 2 (1, 1), so [[4, 2], [2, 3]] u = (2, 2), u = (1/4, 1/2), and
    the products score 1/4 and 3/4.
    """
    bought = Faded(starts=np.array([0, 1, 1]), places=np.array([1]), left=floats([[0.5]])[0])
    vectors = whitened(floats([[1, 0], [1, 1]]), penalty=1)
    found = customer_vectors(bought, vectors, confidence=2)
    np.testing.assert_allclose(found @ vectors.T, floats([[1 / 4, 3 / 4], [0, 0]]), rtol=1e-6)


def test_a_customer_vector_is_the_minimum() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(6, 3)).astype(np.float32)
    left = np.array([0, 2, 0, 0.5, 0, 0])
    bought = Faded(starts=np.array([0, 2]), places=np.array([1, 3]), left=floats([[2, 0.5]])[0])

    def loss(u: npt.NDArray[np.float64]) -> float:
        return float((1 + 3 * left) @ ((left > 0) - vectors @ u) ** 2 + 0.7 * u @ u)

    found = customer_vectors(bought, whitened(vectors, penalty=0.7), confidence=3)
    scores = (found @ whitened(vectors, penalty=0.7).T)[0].astype(float)
    best = np.linalg.lstsq(vectors.astype(float), scores)[0]
    np.testing.assert_allclose(vectors @ best, scores, atol=1e-5)
    for step in 0.01 * np.vstack([np.eye(3), -np.eye(3)]):
        assert loss(best + step) > loss(best)


@pytest.mark.parametrize("products", [1, 3, 40, 200])
def test_fewer_or_more_purchases_than_dimensions_solve_the_same_equations(products: int) -> None:
    rng = np.random.default_rng(products)
    vectors = rng.normal(size=(200, 16)).astype(np.float32)
    places, left = rng.permutation(200)[:products], rng.random(products).astype(np.float32)
    bought = Faded(starts=np.array([0, products]), places=places, left=left)
    white = whitened(vectors, penalty=30)
    scores = customer_vectors(bought, white, confidence=5) @ white.T
    exact, own = vectors.astype(float), vectors[places].astype(float)
    extra = 5 * left.astype(float)
    whole = exact.T @ exact + 30 * np.eye(16) + (own.T * extra) @ own
    expected = exact @ np.linalg.solve(whole, (1 + extra) @ own)
    np.testing.assert_allclose(scores[0], expected, atol=1e-6)


def test_another_seed_gives_another_model(shop: Shop) -> None:
    products = shop.past.products(shop.past.as_of)
    five = shop.past.queries(shop.past.as_of, shop.past.customers(shop.past.as_of)[:5])
    one, two = (IALS.fit(shop.past, config=CONFIG, seed=seed, run=RUN) for seed in (1, 2))
    assert np.abs(one.scorer(products)(five) - two.scorer(products)(five)).max() > 1e-5


def test_scoring_needs_no_solver(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    IALS.fit(shop.past, config=CONFIG, seed=1, run=RUN).save(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "implicit"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "implicit", None)  # importing it raises
    five = shop.past.queries(shop.past.as_of, shop.past.customers(shop.past.as_of)[:5])
    scores = IALS.load(tmp_path).scorer(shop.past.products(shop.past.as_of))(five)
    assert np.isfinite(scores).all()


def test_a_product_that_was_not_learned_scores_by_popularity_and_repeats(tmp_path: Path) -> None:
    """In a shop of one product, beside which two others appear."""
    ws = workspace(tmp_path, lines(line("1", "ann", "p1", "2011-01-10")))
    data = TrainingData(ws, OfflineFeatures(ws), as_of=moment("2011-01-31"))
    config = IALSConfig(embedding_dim=2, repeat_weight=3, popularity_weight=1)
    model = IALS.fit(data, config=config, seed=0, run=RUN)
    scores = model.scorer(catalogue(7, 3, 1))(queries([(2, 200)]))
    np.testing.assert_allclose(scores, np.log([[8, 4, 2]]) + fractions("0 0 3/2"), rtol=1e-6)


def test_it_learns_more_than_popularity(shop: Shop) -> None:
    judge = recommender_judge(shop.full, at=shop.past.as_of, days=28)
    popular = judge.measure(Popularity(PopularityConfig())).metrics
    found = judge.measure(IALS.fit(shop.past, config=CONFIG, seed=1, run=RUN)).metrics
    assert found["mean_ndcg_at_10"] > popular["mean_ndcg_at_10"]
