"""Ground truth of a simulated shop at a time: only to evaluate models, never to train them.

All values are parts of the log weight that `features.simulator.world` defines, in the world's week
of the given time.
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
    """Return (B, P) the log weights of all products for B customers without past purchases.

    -inf for products not launched by that week. ValueError for an unknown id, or before the start.
    """
    customer = codes(world.customers.customer_ids, customer_ids, name="customer_id")
    rows, row = np.unique(customer, return_inverse=True)
    none = np.empty(0, np.int64)
    past = Purchases(order=none, customer=none, product=none, day=np.empty(0))
    week = _week(world, at)
    return log_weights(world.products, world.customers, rows, week=week, past=past)[row]


def demand(world: World, at: pd.Timestamp) -> Floats:
    """Return (P,) the log weights of all products for a customer without tastes.

    They include popularity, season, fashion, novelty, and the price at the mean sensitivity.
    """
    shop = world.products
    column = min(_week(world, at), shop.price.shape[1] - 1)
    log_price = np.log(shop.price[:, column] / shop.usual_price)
    base: Floats = shop.appeal[:, column] - world.customers.sensitivity.mean() * log_price
    return base


def season(world: World, at: pd.Timestamp) -> Floats:
    """Return (P,) the seasonal part of `demand`."""
    first_day = np.datetime64(world.config.start, "D") + 7 * _week(world, at)
    day = day_of_year(np.array([first_day])).astype(float)
    return catalogue.season(world.products.category, day)[:, 0]


def _week(world: World, at: pd.Timestamp) -> int:
    """Return the week of `at` (UTC), 0 for the first one."""
    if at < world.start:
        raise ValueError(f"at = {at}: the world starts at {world.start}")
    return int((at - world.start) // pd.Timedelta(days=7))
