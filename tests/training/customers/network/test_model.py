"""The network keeps the contract of customer models, and learns what its likelihoods say."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.contracts import RUN, CustomerModelContract
from tests.training.shop import Shop
from training.customers.network.losses import hazard_loss, more_orders_loss, spend_loss
from training.customers.network.model import CustomerNetwork, CustomerNetworkConfig
from training.customers.past_rate import PastRate, PastRateConfig
from training.evaluation.customers_judge import customers_judge

CONFIG = CustomerNetworkConfig(
    horizon_days=28, epochs=20, width=8, batch_size=64, learning_rate=5e-3
)


class TestCustomerNetwork(CustomerModelContract):
    @classmethod
    def fit(cls, shop: Shop) -> CustomerNetwork:
        return CustomerNetwork.fit(shop.past, config=CONFIG, seed=1, run=RUN)

    def test_it_beats_the_past_rate_in_the_next_window(
        self, fitted: CustomerNetwork, shop: Shop
    ) -> None:
        judge = customers_judge(shop.full, at=shop.past.as_of, days=28)
        rate = PastRate.fit(shop.past, config=PastRateConfig(horizon_days=28), seed=1, run=RUN)
        network = judge.measure(fitted).metrics
        assert network["proper_score"] > judge.measure(rate).metrics["proper_score"]
        assert network["auc"] > 0.6

    def test_the_sequence_matters(self, fitted: CustomerNetwork, shop: Shop) -> None:
        at = shop.past.as_of
        queries = shop.past.queries(at, shop.past.customers(at)[:50])
        before = fitted.predict(queries).churn
        queries.history_days[:] *= 2
        assert (fitted.predict(queries).churn != before).mean() > 0.5


@pytest.mark.parametrize("rate", [0.3, 2.0])
def test_the_hazard_is_that_of_the_time_waited(rate: float) -> None:
    rng = np.random.default_rng(0)
    days = rng.exponential(1 / rate, size=20_000)
    waited = torch.from_numpy(np.minimum(days, 1)[:, None])
    came = torch.from_numpy((days < 1).astype(float)[:, None])
    log_hazard = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    found = _minimum(lambda: hazard_loss(log_hazard.expand(20_000, 1), waited, came), log_hazard)
    assert np.exp(found) == pytest.approx(rate, rel=0.03)


def test_the_likelihoods_recover_their_parameters() -> None:
    rng = np.random.default_rng(0)
    orders = torch.from_numpy(1.0 + rng.negative_binomial(2, 2 / (2 + 3.0), size=20_000))
    parameters = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    mean, size = _minimum(
        lambda: more_orders_loss(parameters[0].expand(20_000), orders, parameters[1]) / 20_000,
        parameters,
    )
    assert (np.exp(mean), np.exp(size)) == pytest.approx((3, 2), rel=0.05)
    logs = torch.from_numpy(rng.normal(4, 0.7, size=20_000))
    parameters = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    center, width = _minimum(
        lambda: spend_loss(parameters[0].expand(20_000), logs, parameters[1]) / 20_000, parameters
    )
    assert (center, np.exp(width)) == pytest.approx((4, 0.7), rel=0.02)


def _minimum(loss: Callable[[], Tensor], parameters: Tensor) -> Any:
    optimizer = torch.optim.Adam([parameters], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        torch.autograd.backward(loss())
        optimizer.step()
    return parameters.detach().numpy()
