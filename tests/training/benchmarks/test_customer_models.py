"""The customer models are compared on the same customers, and a lead is a difference of scores."""

import pandas as pd
import pytest

from tests.contracts import RUN
from tests.training.shop import Shop
from training.benchmarks.customer_models import FIGURES, PROPER_SCORE, grid, measure
from training.customers.best import BestCustomersConfig
from training.customers.orders import CustomerOrders
from training.customers.past_rate import PastRate, PastRateConfig
from training.errors import NotEnoughData
from training.evaluation.customers_judge import customers_judge


@pytest.mark.slow
def test_every_model_is_measured_on_the_same_customers(shop: Shop) -> None:
    cut = shop.past.as_of
    found = measure(shop.ws, cut=cut, config=BestCustomersConfig(horizon_days=28, windows=1))
    assert {"customers", "customer_trees", "customer_network", "pareto_nbd"} <= {*found.means}
    assert found.customers == len(CustomerOrders(shop.full).active(cut))
    model = PastRate.fit(shop.past, config=PastRateConfig(horizon_days=28), seed=0, run=RUN)
    alone = customers_judge(shop.full, at=cut, days=28).measure(model).metrics
    assert found.means["past_rate"][PROPER_SCORE].value == pytest.approx(alone["proper_score"])
    for name, means in found.means.items():
        parts = sum(means[figure].value for figure in FIGURES if figure != PROPER_SCORE)
        assert means[PROPER_SCORE].value == pytest.approx(parts)
        if name != "customers":
            lead = found.leads[name][PROPER_SCORE]
            ours = found.means["customers"][PROPER_SCORE].value
            assert lead.value == pytest.approx(ours - means[PROPER_SCORE].value)
            assert lead.low <= lead.value <= lead.high
    table = grid(found, title="x")
    assert [row[0] for row in table.rows] == [*found.means]


def test_a_window_that_has_not_ended_is_refused(shop: Shop) -> None:
    cut = shop.full.as_of - pd.Timedelta(days=20)
    with pytest.raises(NotEnoughData, match=r"before the end of the 28 days .* choose a cut of"):
        measure(shop.ws, cut=cut, config=BestCustomersConfig(horizon_days=28))
