"""A customer model beside a simulated shop's truth, which tests/features/simulator checks."""

import numpy as np
import pandas as pd
import pytest

from features.datasets import simulated
from features.ingest import ingest
from features.simulator import World, WorldConfig
from features.simulator.truth import OrdersAhead
from features.workspace import Workspace, WorkspaceError
from tests.training.shop import Shop
from training.benchmarks.customer_truth import CustomerTruth, beside_truth, grid, measure
from training.customers.past_rate import PastRateConfig
from training.customers.predictions import consistent

CONFIG = PastRateConfig(horizon_days=60)


@pytest.fixture(scope="module")
def simulated_shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    world = World(WorldConfig(customers=300, products=24, days=400, seed=2))
    ws = Workspace.create(tmp_path_factory.mktemp("world"), clock=f"fixed:{world.end.isoformat()}")
    world.save(ws)
    ingest(ws, simulated.load(world))
    return ws


def test_a_model_is_compared_tenth_by_tenth(simulated_shop: Workspace) -> None:
    cut = World.open(simulated_shop).end - pd.Timedelta(days=60)
    found = measure(simulated_shop, "past_rate", cut=cut, config=CONFIG)
    assert len(found.tenths) == 10
    assert (found.tenths["predicted"] - found.tenths["actual"]).abs().max() > 0.06
    assert 0.5 < found.spend_ratio < 2
    rows = grid(found, title="x").rows
    assert [row[0] for row in rows[-2:]] == ["orders", "spend"]
    difference = found.tenths["predicted"][0] - found.tenths["actual"][0]
    assert float(rows[0][3]) == pytest.approx(difference, abs=6e-4)


def test_who_knows_the_truth_is_level_and_who_shifts_it_is_not() -> None:
    silent = np.linspace(0.05, 0.9, 100)
    true = OrdersAhead(silent=silent, orders=2 - silent)
    spent = np.full(100, 8.0)

    def beside(shift: float) -> CustomerTruth:
        made = consistent(
            churn=silent + shift, orders=true.orders, spend=spent / 2, next_order=(spent,) * 3
        )
        return beside_truth(made, true, spent=spent)

    for shift in (0.0, 0.1):
        tenths = beside(shift).tenths
        assert (tenths["predicted"] - tenths["actual"]).tolist() == pytest.approx([shift] * 10)
    assert (beside(0).orders_ratio, beside(0).spend_ratio) == pytest.approx((1, 0.5))


def test_a_shop_without_a_world_is_refused(shop: Shop) -> None:
    with pytest.raises(WorkspaceError, match="holds no simulated shop"):
        measure(shop.ws, "past_rate", cut=shop.past.as_of, config=CONFIG)
