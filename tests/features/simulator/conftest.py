"""One small world for all tests of the simulator."""

import pandas as pd
import pytest

from features.simulator import World, WorldConfig


@pytest.fixture(scope="package")
def world() -> World:
    return World(WorldConfig(customers=400, products=96, days=364, seed=3))


@pytest.fixture(scope="package")
def tables(world: World) -> dict[str, pd.DataFrame]:
    return world.history()


@pytest.fixture(scope="package")
def lines(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return tables["order_lines"]


@pytest.fixture(scope="package")
def sales(lines: pd.DataFrame) -> pd.DataFrame:
    return lines[lines["line_type"] == "sale"]
