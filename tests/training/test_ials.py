"""iALS keeps the contract, and solves the least squares that it says."""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.sparse import csr_array

from features.store import FeatureClient
from tests.contracts import RUN, RecommenderContract
from tests.features.shop import line, lines, workspace
from tests.features.shop import time as moment
from tests.training.conftest import Shop
from tests.training.test_item_to_item import catalogue, fractions
from tests.training.tiny import floats, queries
from training.baselines import Popularity, PopularityConfig
from training.data import TrainingData
from training.evaluate import recommender_judge
from training.ials import IALS, IALSConfig, customer_vectors, gram_matrix

CONFIG = IALSConfig(embedding_dim=8, penalty=1)


class TestIALS(RecommenderContract):
    @classmethod
    def fit(cls, shop: Shop) -> IALS:
        return IALS.fit(shop.past, config=CONFIG, seed=1, run=RUN)


def test_a_customer_is_solved_in_fractions() -> None:
    """Vectors (1, 0), (1, 1), confidence 2, penalty 1, the second product bought by a half.

    (V'V + I + 1 (1, 1)'(1, 1)) u = 2 (1, 1), so [[4, 2], [2, 3]] u = (2, 2), u = (1/4, 1/2).
    """
    bought = csr_array(floats([[0, 0.5], [0, 0]]))
    vectors = floats([[1, 0], [1, 1]])
    found = customer_vectors(bought, vectors, gram_matrix(vectors, penalty=1), confidence=2)
    np.testing.assert_allclose(found, floats([[1 / 4, 1 / 2], [0, 0]]), rtol=1e-6)


def test_a_customer_vector_is_the_minimum() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(6, 3)).astype(np.float32)
    bought = csr_array(floats([[0, 2, 0, 0.5, 0, 0]]))
    weights = 1 + 3 * bought.toarray()[0]
    wanted = bought.toarray()[0] > 0

    def loss(u: npt.NDArray[np.float64]) -> float:
        return float(weights @ (wanted - vectors @ u) ** 2 + 0.7 * u @ u)

    gram = gram_matrix(vectors, penalty=0.7)
    (best,) = customer_vectors(bought, vectors, gram, confidence=3).astype(float)
    for step in 0.01 * np.vstack([np.eye(3), -np.eye(3)]):
        assert loss(best + step) > loss(best)


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
    data = TrainingData(ws, FeatureClient(ws), as_of=moment("2011-01-31"))
    config = IALSConfig(embedding_dim=2, repeat_weight=3, popularity_weight=1)
    model = IALS.fit(data, config=config, seed=0, run=RUN)
    scores = model.scorer(catalogue(7, 3, 1))(queries([(2, 200)]))
    np.testing.assert_allclose(scores, np.log([[8, 4, 2]]) + fractions("0 0 3/2"), rtol=1e-6)


def test_it_learns_more_than_popularity(shop: Shop) -> None:
    judge = recommender_judge(shop.full, at=shop.past.as_of, days=28)
    popular = judge(Popularity(PopularityConfig()))
    found = judge(IALS.fit(shop.past, config=CONFIG, seed=1, run=RUN))
    assert found["mean_ndcg_at_10"] > popular["mean_ndcg_at_10"]
