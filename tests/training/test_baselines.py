"""The baselines keep the contract, and count as they say."""

import numpy as np

from features.ages import PRODUCT_INPUTS
from tests.contracts import RUN, RecommenderContract
from tests.training.conftest import Shop
from training.baselines import OwnPurchases, OwnPurchasesConfig, Popularity, PopularityConfig
from training.inputs import Products, Queries


class TestPopularity(RecommenderContract):
    @classmethod
    def fit(cls, shop: Shop) -> Popularity:
        return Popularity.fit(shop.past, config=PopularityConfig(), seed=1, run=RUN)


class TestOwnPurchases(RecommenderContract):
    @classmethod
    def fit(cls, shop: Shop) -> OwnPurchases:
        return OwnPurchases.fit(shop.past, config=OwnPurchasesConfig(), seed=1, run=RUN)


def _products(buyers: list[float]) -> Products:
    features = np.zeros((len(buyers), len(PRODUCT_INPUTS)), dtype=np.float32)
    features[:, PRODUCT_INPUTS.index("log_buyers_28d")] = np.log1p(buyers)
    return Products(
        product_ids=np.array([f"p{i}" for i in range(len(buyers))], dtype=object),
        at=np.datetime64("2011-01-01", "us"),
        features=features,
        titles=[""] * len(buyers),
        categories=[""] * len(buyers),
    )


def _query(history: list[int], days: list[float]) -> Queries:
    return Queries(
        customer_ids=np.array(["c"], dtype=object),
        at=np.array([np.datetime64("2011-01-01", "us")]),
        activity=np.zeros((1, 1), dtype=np.float32),
        history=np.array([history], dtype=np.int64),
        history_days=np.array([days], dtype=np.float32),
    )


def test_popularity_is_the_logarithm_of_recent_buyers() -> None:
    scores = Popularity(PopularityConfig()).scorer(_products([3, 0, 7]))(_query([1], [0.0]))
    np.testing.assert_allclose(scores, np.log([[4, 1, 8]]), rtol=1e-6)


def test_own_purchases_fade_by_half_and_add_up() -> None:
    model = OwnPurchases(OwnPurchasesConfig(half_life_days=10, popularity_weight=0.5))
    query = _query([2, 0, 2, -1], [0.0, 10.0, 20.0, 0.0])
    scores = model.scorer(_products([3, 0, 0]))(query)
    expected = [[1 / 2 + 0.5 * np.log(4), 0, 1 + 1 / 4]]
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
