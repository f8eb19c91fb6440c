"""The true orders ahead are what the world's own draw of the future gives on average."""

import numpy as np
import pandas as pd
import pytest

from features.simulator import World, WorldConfig
from features.simulator.truth import OrdersAhead, orders_ahead

DAYS = 60


@pytest.fixture(scope="module")
def world() -> World:
    return World(WorldConfig(customers=1500, products=24, days=300, guests=0.2, seed=4))


@pytest.fixture(scope="module")
def at(world: World) -> pd.Timestamp:
    return world.start + pd.Timedelta(days=220)


@pytest.fixture(scope="module")
def rows(world: World) -> np.ndarray:
    """Customers with an order before `at`."""
    return np.unique(world.purchases.before(220).customer)


@pytest.fixture(scope="module")
def true(world: World, at: pd.Timestamp, rows: np.ndarray) -> OrdersAhead:
    return orders_ahead(world, world.customers.customer_ids[rows], at, days=DAYS, seed=0)


def test_the_world_draws_one_of_these_futures(
    world: World, at: pd.Timestamp, rows: np.ndarray, true: OrdersAhead
) -> None:
    lines = world.history()["order_lines"]
    sales = lines[lines["line_type"] == "sale"]
    ahead = sales[sales["event_timestamp"].between(at, at + pd.Timedelta(days=DAYS), "left")]
    counts = ahead.groupby("customer_id")["order_id"].nunique()
    came = counts.reindex(world.customers.customer_ids[rows], fill_value=0).to_numpy()
    silent, orders = true.silent, true.orders
    error = np.sqrt((silent * (1 - silent)).sum())
    assert abs((came == 0).sum() - silent.sum()) < 3 * error
    assert came.sum() == pytest.approx(orders.sum(), rel=0.06)
    for part in np.array_split(np.argsort(silent), 5):
        spread = np.sqrt((silent[part] * (1 - silent[part])).sum())
        assert abs((came[part] == 0).sum() - silent[part].sum()) < 3 * spread + 1


def test_who_has_left_is_silent_for_sure(
    world: World, at: pd.Timestamp, rows: np.ndarray, true: OrdersAhead
) -> None:
    left = ~world.alive(at)[rows]
    assert left.any()
    assert (true.silent[left] == 1).all()
    assert (true.orders[left] == 0).all()
    assert (true.orders[~left] > 0).mean() > 0.9


def test_a_horizon_past_the_end_or_a_newcomer_is_refused(world: World, at: pd.Timestamp) -> None:
    ids = world.customers.customer_ids
    with pytest.raises(ValueError, match="not within"):
        orders_ahead(world, ids[:1], at, days=90, seed=0)
    new = np.flatnonzero(world.customers.joined > 230)[:1]
    with pytest.raises(ValueError, match="no order before"):
        orders_ahead(world, ids[new], at, days=DAYS, seed=0)
