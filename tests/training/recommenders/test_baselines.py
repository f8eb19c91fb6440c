"""The baselines keep the contract, and count as they say."""

import numpy as np

from tests.contracts import RUN, RecommenderContract
from tests.training.shop import Shop
from tests.training.tiny import products, queries
from training.data.inputs import Products
from training.recommenders.baselines import (
    OwnPurchases,
    OwnPurchasesConfig,
    Popularity,
    PopularityConfig,
)


class TestPopularity(RecommenderContract):
    @classmethod
    def fit(cls, shop: Shop) -> Popularity:
        return Popularity.fit(shop.past, config=PopularityConfig(), seed=1, run=RUN)


class TestOwnPurchases(RecommenderContract):
    @classmethod
    def fit(cls, shop: Shop) -> OwnPurchases:
        return OwnPurchases.fit(shop.past, config=OwnPurchasesConfig(), seed=1, run=RUN)


def _catalogue(*buyers: float) -> Products:
    return products(len(buyers), log_buyers_28d=np.log1p(buyers).tolist())


def test_popularity_is_the_logarithm_of_recent_buyers() -> None:
    scores = Popularity(PopularityConfig()).scorer(_catalogue(3, 0, 7))(queries([(1, 0)]))
    np.testing.assert_allclose(scores, np.log([[4, 1, 8]]), rtol=1e-6)


def test_own_purchases_fade_by_half_and_add_up() -> None:
    model = OwnPurchases(OwnPurchasesConfig(half_life_days=10, popularity_weight=0.5))
    query = queries([(2, 0), (0, 10), (2, 20)])
    scores = model.scorer(_catalogue(3, 0, 0))(query)
    expected = [[1 / 2 + 0.5 * np.log(4), 0, 1 + 1 / 4]]
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
