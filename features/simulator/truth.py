"""Ground truth of a simulated shop at a time: only to evaluate models, never to train them.

`utilities`, `demand` and `season` are parts of the log weight that `features.simulator.world`
defines, in the world's week of the given time. `orders_ahead` is what a customer's rhythm and day
of leaving, which no shop sees, say of the orders to come.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import gamma

from features.simulator import catalogue
from features.simulator.calendar import YEAR, day_of_year, intensity, shop_day
from features.simulator.catalogue import Floats
from features.simulator.orders import Purchases, log_weights
from features.simulator.slates import codes
from features.simulator.world import World

FUTURES: Final = 200
"""Futures drawn for each customer: a probability has a standard error of at most .036."""


@dataclass(frozen=True, kw_only=True)
class OrdersAhead:
    """What is to be expected of N customers who have ordered, from their true state."""

    silent: Floats  # (N,) probability of no order in the horizon: 1 for who has left
    orders: Floats  # (N,) expected number of orders


def orders_ahead(
    world: World, customer_ids: npt.ArrayLike, at: pd.Timestamp, *, days: int, seed: int
) -> OrdersAhead:
    """Return what N customers order in [at, at + days), as the shop would recognise it.

    A customer's next gap is drawn from those longer than the time since the last order before
    `at` (UTC); the day of leaving is the true one. Orders as a guest do not count. ValueError for
    an unknown id, a customer without an order before `at`, or a horizon past the world's end.
    """
    people, past = world.customers, world.purchases
    rows = codes(people.customer_ids, customer_ids, name="customer_id")
    day = float(shop_day(np.array([(at - world.start) // pd.Timedelta(microseconds=1)]))[0])
    if not 0 <= day <= world.config.days - days:
        raise ValueError(f"at = {at}: the {days} days after it are not within the world's")
    first = np.datetime64(world.config.start, "D")
    traffic = intensity(first, world.config.days)
    grid = np.arange(len(traffic), dtype=float)
    last = np.full(len(people.rate), -np.inf)
    known = past.before(day)
    np.maximum.at(last, known.customer, known.day)
    if np.isinf(last[rows]).any():
        raise ValueError("a customer has no order before `at`")
    end = np.interp(np.minimum(day + days, people.churned[rows]), grid, traffic)
    now, ordered = np.interp(day, grid, traffic), np.interp(last[rows], grid, traffic)
    gaps = gamma(people.regularity[rows], scale=YEAR / people.rate[rows] / people.regularity[rows])
    rng = np.random.default_rng([seed, 6])
    counts = np.zeros((FUTURES, len(rows)))
    longer = gaps.sf(now - ordered)
    for future in range(FUTURES):
        moment = ordered + gaps.isf(rng.random(len(rows)) * longer)
        while (within := moment < end).any():
            counts[future] += within & (rng.random(len(rows)) >= world.config.guests)
            moment = moment + gaps.rvs(len(rows), random_state=rng)
    return OrdersAhead(silent=(counts == 0).mean(axis=0), orders=counts.mean(axis=0))


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
