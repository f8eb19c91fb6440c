"""The content recommender keeps the contract, and reads nothing of other customers."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.model_inputs import PRODUCT_INPUTS
from tests.contracts import RUN, RecommenderContract
from tests.training.shop import Shop
from tests.training.tiny import fractions, products, queries
from training.data.content import content_vectors
from training.data.inputs import Products
from training.recommenders.content import Content, ContentConfig

TITLES = ["red cup", "red mug", "green tea", "black tea", ""]
CATEGORIES = ["ware", "ware", "drinks", "drinks", ""]
LOG_PRICES = [1.0, 1.5, 0.5, 0.5, 2.0]
CONFIG = ContentConfig(half_life_days=10, price_weight=0.5, typical_weight=0.1)


class TestContent(RecommenderContract):
    @classmethod
    def fit(cls, shop: Shop) -> Content:
        return Content.fit(shop.past, config=ContentConfig(), seed=1, run=RUN)


def shelf() -> Products:
    return replace(products(5, log_price=LOG_PRICES), titles=TITLES, categories=CATEGORIES)


def test_scores_equal_those_by_hand() -> None:
    catalogue = shelf()
    bought = [(0, 0.0), (3, 10.0), (0, 20.0)]  # 1 + 1/4 of p0, 1/2 of p3
    found = Content(CONFIG).scorer(catalogue)(queries(bought, []))
    vectors = content_vectors(catalogue).toarray()
    whole = vectors.sum(axis=0)
    typical = 0.1 * vectors @ whole / np.sqrt((whole**2).sum())
    profile = 1.25 * vectors[0] + 0.5 * vectors[3]
    mean = (1.25 * LOG_PRICES[0] + 0.5 * LOG_PRICES[3]) / 1.75
    alike = vectors @ profile / np.sqrt((profile**2).sum())
    near = np.exp(-np.abs(np.array(LOG_PRICES) - mean))
    np.testing.assert_allclose(found, [alike + 0.5 * near + typical, typical], rtol=1e-5)


def test_likes_come_first() -> None:
    (scores,) = Content(CONFIG).scorer(shelf())(queries([(2, 1.0)]))
    assert np.argsort(-scores)[:2].tolist() == [2, 3]  # the tea, and the other tea


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_what_others_do_changes_no_bit(seed: int) -> None:
    """Every input of a product that counts purchases is drawn anew."""
    rng, catalogue = np.random.default_rng(seed), shelf()
    behaviour = [number for number, name in enumerate(PRODUCT_INPUTS) if name != "log_price"]
    features = catalogue.features.copy()
    features[:, behaviour] = rng.normal(size=(5, len(behaviour)))
    moved = replace(catalogue, features=features)
    asked = queries([(0, 3.0), (4, 5.0)], [(2, 1.0)], [])
    model = Content(CONFIG)
    np.testing.assert_array_equal(model.scorer(moved)(asked), model.scorer(catalogue)(asked))


def test_a_shop_without_texts_and_products_is_answered() -> None:
    scores = Content(CONFIG).scorer(products(3))(queries([(1, 2.0)], []))
    np.testing.assert_allclose(scores, fractions("1/2 1/2 1/2", "0 0 0"))
    assert Content(CONFIG).scorer(products(0))(queries([])).shape == (1, 0)
