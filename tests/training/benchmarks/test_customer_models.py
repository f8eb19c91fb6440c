"""The customer models are compared on the same customers, and a lead is a difference of scores."""

import pytest

from tests.training.shop import Shop
from training.benchmarks.customer_models import FIGURES, PROPER_SCORE, grid, measure
from training.customers.best import BestCustomersConfig


@pytest.mark.slow
def test_every_model_is_measured_on_the_same_customers(shop: Shop) -> None:
    cut = shop.past.as_of
    found = measure(shop.ws, cut=cut, config=BestCustomersConfig(horizon_days=28, windows=1))
    assert {"customers", "customer_trees", "customer_network", "pareto_nbd"} <= {*found.means}
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
