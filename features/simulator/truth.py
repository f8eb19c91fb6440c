"""What is true of a simulated shop at a time: to judge a model by, never to learn from.

All of it is of the log weight that `features.simulator.world` defines, in the week (of the world)
of the time asked for.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.simulator import catalogue
from features.simulator.calendar import day_of_year
from features.simulator.catalogue import Floats
from features.simulator.orders import Purchases, log_weights
from features.simulator.slates import codes
from features.simulator.world import World


def utilities(world: World, customer_ids: npt.ArrayLike, at: pd.Timestamp) -> Floats:
    """Return the log weight of every product for B customers who never bought it: (B, P).

    -inf for products not launched by that week. ValueError for an unknown id, or before the start.
    """
    customer = codes(world.customers.customer_ids, customer_ids, name="customer_id")
    rows, row = np.unique(customer, return_inverse=True)
    none = np.empty(0, np.int64)
    past = Purchases(order=none, customer=none, product=none, day=np.empty(0))
    week = _week(world, at)
    return log_weights(world.products, world.customers, rows, week=week, past=past)[row]


def demand(world: World, at: pd.Timestamp) -> Floats:
    """Return the log weight of every product for a customer without tastes: (P,).

    Popularity, season, fashion, novelty, and the price as the mean sensitivity feels it.
    """
    shop = world.products
    column = min(_week(world, at), shop.price.shape[1] - 1)
    dear = np.log(shop.price[:, column] / shop.usual_price)
    base: Floats = shop.appeal[:, column] - world.customers.sensitivity.mean() * dear
    return base


def season(world: World, at: pd.Timestamp) -> Floats:
    """Return the season's part of `demand`: (P,)."""
    first_day = np.datetime64(world.config.start, "D") + 7 * _week(world, at)
    day = day_of_year(np.array([first_day])).astype(float)
    return catalogue.season(world.products.category, day)[:, 0]


def _week(world: World, at: pd.Timestamp) -> int:
    """Return the week of `at` (UTC), 0 for the first one."""
    if at < world.start:
        raise ValueError(f"at = {at}: the world starts at {world.start}")
    return int((at - world.start) // pd.Timedelta(days=7))
