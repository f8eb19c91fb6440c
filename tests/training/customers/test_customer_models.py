"""The models of the family `customers` keep the contract; trees never punish one more order."""

import numpy as np
import pandas as pd
import pytest

from tests.contracts import RUN, CustomerModelContract, check_equal, queries_of
from tests.training.shop import Shop
from training.customers.best import CANDIDATES, BestCustomers, BestCustomersConfig, held_out
from training.customers.lifetime.models import BgNbdModel, LifetimeConfig, ParetoNbdModel
from training.customers.lifetime_trees import LifetimeTrees, LifetimeTreesConfig
from training.customers.past_rate import PastRate, PastRateConfig
from training.customers.trees import CustomerTrees, CustomerTreesConfig
from training.evaluation.customers_judge import customers_judge

TREES = CustomerTreesConfig(horizon_days=28, trees=30, leaf_customers=10)
CLASSICAL = LifetimeConfig(horizon_days=28)
CORRECTED = LifetimeTreesConfig(horizon_days=28, trees=20, leaf_customers=20)


class TestCustomerTrees(CustomerModelContract):
    @classmethod
    def fit(cls, shop: Shop) -> CustomerTrees:
        return CustomerTrees.fit(shop.past, config=TREES, seed=1, run=RUN)

    def test_one_more_order_is_never_worth_less(self, fitted: CustomerTrees, shop: Shop) -> None:
        rng, pairs = np.random.default_rng(0), []
        for _ in range(500):
            days = rng.uniform(0, 700, size=rng.integers(1, 20))
            orders = list(zip(days.tolist(), rng.lognormal(3, 1, size=len(days)), strict=True))
            repeat = (float(rng.uniform(0, days.max())), float(rng.lognormal(2, 2)))
            pairs += [orders, [*orders, repeat]]
        made = fitted.predict(queries_of(shop, pairs))
        without, with_repeat = made.spend[::2], made.spend[1::2]
        assert (with_repeat >= without).all()
        assert (with_repeat > without).any()


class TestLifetimeTrees(CustomerModelContract):
    @classmethod
    def fit(cls, shop: Shop) -> LifetimeTrees:
        return LifetimeTrees.fit(shop.past, config=CORRECTED, seed=1, run=RUN)


class TestParetoNbd(CustomerModelContract):
    @classmethod
    def fit(cls, shop: Shop) -> ParetoNbdModel:
        return ParetoNbdModel.fit(shop.past, config=CLASSICAL, seed=1, run=RUN)


class TestBgNbd(CustomerModelContract):
    @classmethod
    def fit(cls, shop: Shop) -> BgNbdModel:
        return BgNbdModel.fit(shop.past, config=CLASSICAL, seed=1, run=RUN)


class TestPastRate(CustomerModelContract):
    @classmethod
    def fit(cls, shop: Shop) -> PastRate:
        return PastRate.fit(shop.past, config=PastRateConfig(horizon_days=28), seed=1, run=RUN)


@pytest.fixture(scope="module")
def best(shop: Shop) -> BestCustomers:
    config = BestCustomersConfig(horizon_days=28, windows=1)
    return BestCustomers.fit(shop.past, config=config, seed=1, run=RUN)


def test_the_best_by_the_proper_score_is_taken(best: BestCustomers) -> None:
    assert set(best.scores) == set(CANDIDATES)
    assert best.chosen == min(best.scores, key=lambda name: best.scores[name])


@pytest.mark.slow
def test_its_predictions_are_those_of_the_chosen_one_on_all_data(
    best: BestCustomers, shop: Shop
) -> None:
    cls, config = CANDIDATES[best.chosen]
    settings = {"horizon_days": 28}
    alone = cls.fit(shop.past, config=config(**settings), seed=1, run=RUN)
    queries = shop.past.queries(shop.past.as_of, shop.past.customers(shop.past.as_of))
    check_equal(best.predict(queries), alone.predict(queries))


@pytest.mark.slow
def test_a_horizon_without_a_held_out_window_is_compared_on_shorter_ones(shop: Shop) -> None:
    config = BestCustomersConfig(horizon_days=300, windows=1)
    best = BestCustomers.fit(shop.past, config=config, seed=1, run=RUN)
    assert best.horizon_days == 300
    assert best.chosen != "customer_trees"  # no window of 300 days has ended
    assert set(best.scores) >= {"lifetime_trees", "pareto_nbd", "bg_nbd", "past_rate"}


@pytest.mark.parametrize(
    ("days", "horizon", "expected", "windows"),
    [
        (400, 90, 90, 2),
        (300, 90, 90, 1),
        (250, 90, 60, 1),  # of 90 days, there would not be four windows to learn from
        (130, 90, 28, 1),  # one window to learn from is better than no comparison
        (100, 90, 90, 0),
    ],
)
def test_the_longest_horizon_with_windows_to_learn_from_is_held_out(
    days: int, horizon: int, expected: int, windows: int
) -> None:
    start = pd.Timestamp("2024-01-01T09:00Z")
    as_of = start.normalize() + pd.Timedelta(days=days)
    times = [*pd.date_range("2024-01-08T00:00Z", as_of, freq="7D"), as_of]
    found, at = held_out(times, start=start, horizon_days=horizon, windows=2)
    assert (found, len(at)) == (expected, windows)


def test_trees_beat_the_past_rate_in_the_next_window(shop: Shop) -> None:
    judge = customers_judge(shop.full, at=shop.past.as_of, days=28)
    trees, rate = (
        judge.measure(TestCustomerTrees.fit(shop)).metrics,
        judge.measure(TestPastRate.fit(shop)).metrics,
    )
    assert trees["proper_score"] > rate["proper_score"]
    assert trees["auc"] > 0.6
    assert trees["proper_score"] == -sum(
        trees[name] for name in ("churn_log_loss", "orders_deviance", "spend_deviance")
    )
