"""A customer model beside a simulated shop's truth, which tests/features/simulator checks."""

from typing import Any

import pandas as pd
import pytest

from features.datasets import simulated
from features.ingest import ingest
from features.simulator import World, WorldConfig
from features.simulator.truth import orders_ahead
from features.workspace import Workspace, WorkspaceError
from tests.training.shop import Shop
from training.benchmarks.customer_truth import grid, measure
from training.customers.past_rate import PastRate, PastRateConfig
from training.interfaces import CustomerPredictions

CONFIG = PastRateConfig(horizon_days=60)


@pytest.fixture(scope="module")
def simulated_shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    world = World(WorldConfig(customers=300, products=24, days=400, seed=2))
    ws = Workspace.create(tmp_path_factory.mktemp("world"), clock=f"fixed:{world.end.isoformat()}")
    world.save(ws)
    ingest(ws, simulated.load(world))
    return ws


def test_a_model_that_knows_the_truth_is_level(
    simulated_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World.open(simulated_shop)
    cut = world.end - pd.Timedelta(days=60)
    plain = measure(simulated_shop, "past_rate", cut=cut, config=CONFIG)
    made = PastRate.predict

    def knowing(self: PastRate, queries: Any) -> CustomerPredictions:
        true = orders_ahead(world, queries.customer_ids, cut, days=60, seed=1)
        known = made(self, queries)
        return CustomerPredictions(
            **{name: getattr(known, name) for name in known.__dataclass_fields__}
            | {"churn": true.silent, "orders": true.orders}
        )

    monkeypatch.setattr(PastRate, "predict", knowing)
    level = measure(simulated_shop, "past_rate", cut=cut, config=CONFIG)
    errors = (level.tenths["predicted"] - level.tenths["actual"]).abs()
    assert errors.max() < 0.03
    assert level.orders_ratio == pytest.approx(1, abs=0.02)
    assert (plain.tenths["predicted"] - plain.tenths["actual"]).abs().max() > 0.06
    assert plain.tenths["customers"].sum() == level.tenths["customers"].sum()
    assert 0.5 < plain.spend_ratio < 2
    rows = grid(plain, title="x").rows
    assert [row[0] for row in rows[-2:]] == ["orders", "spend"]
    assert float(rows[0][3]) == pytest.approx(
        plain.tenths["predicted"][0] - plain.tenths["actual"][0], abs=6e-4
    )


def test_a_shop_without_a_world_is_refused(shop: Shop) -> None:
    with pytest.raises(WorkspaceError, match="holds no simulated shop"):
        measure(shop.ws, "past_rate", cut=shop.past.as_of, config=CONFIG)
