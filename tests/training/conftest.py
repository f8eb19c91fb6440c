"""One small simulated shop, built once for all tests of training."""

import pytest

from features.simulator import WorldConfig
from tests.training.shop import Shop, make_shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    config = WorldConfig(customers=150, products=40, days=200, seed=3)
    return make_shop(tmp_path_factory.mktemp("shop"), config)
