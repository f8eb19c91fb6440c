"""Purchases of the simulated customers: weights of the products, and orders drawn by them."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.simulator.catalogue import Catalogue, Floats, Integers
from features.simulator.customers import Customers

_MAX_LINES: Final = 6
_CELLS: Final = 4_000_000  # orders x products in one block of weights


@dataclass(frozen=True, kw_only=True)
class Purchases:
    """Sale lines, sorted by day; `order` numbers the orders in the same sequence."""

    order: Integers
    customer: Integers  # index into Customers
    product: Integers  # index into Catalogue
    day: Floats  # shop day

    def before(self, day: float) -> "Purchases":
        """Return the purchases before shop day `day`."""
        known = slice(0, int(np.searchsorted(self.day, day)))
        return Purchases(
            order=self.order[known],
            customer=self.customer[known],
            product=self.product[known],
            day=self.day[known],
        )


def log_weights(
    shop: Catalogue, people: Customers, rows: Integers, *, week: int, past: Purchases
) -> Floats:
    """Return (B, P) the log weights of all products in `week` for customers `rows` (distinct).

    `past` are the purchases before that week.
    """
    column = min(week, shop.price.shape[1] - 1)
    weights = people.tastes[rows] @ shop.traits.T
    weights -= people.sensitivity[rows, None] * np.log(shop.price[:, column] / shop.usual_price)
    weights += shop.appeal[:, column]
    place = np.full(len(people.rate), -1)
    place[rows] = np.arange(len(rows))
    lines = np.flatnonzero(place[past.customer] >= 0)
    product = past.product[lines]
    age = (7 * week - past.day[lines]) / shop.interval[product]
    cell, bought = np.unique(
        place[past.customer[lines]] * len(shop.interval) + product, return_inverse=True
    )
    interest = np.bincount(bought, shop.repeat[product] * age * np.exp(1 - age), len(cell))
    weights.reshape(-1)[cell] += np.log1p(interest)
    return weights


def draw_purchases(
    shop: Catalogue, people: Customers, customer: Integers, day: Floats, *, seed: int
) -> Purchases:
    """Draw 2 to 6 different products for each order of `customer` on `day` (sorted)."""
    rng = np.random.default_rng([seed, 4])
    size = 2 + rng.binomial(_MAX_LINES - 2, people.basket[customer])
    none = np.empty(0, np.int64)
    done = [Purchases(order=none, customer=none, product=none, day=np.empty(0))]
    week = (day // 7).astype(np.int64)
    for now in np.unique(week):
        past = _joined(done)
        done = [past]
        orders = np.flatnonzero(week == now)
        launched = np.flatnonzero(shop.launch <= 7 * now)
        parts = -(-len(orders) * len(launched) // _CELLS)
        for part in np.array_split(orders, parts):
            rows, row = np.unique(customer[part], return_inverse=True)
            weights = log_weights(shop, people, rows, week=int(now), past=past)
            waits = np.exp(-weights[:, launched])[row]
            chosen, column = _race(waits, size[part], rng=rng)
            order, product = part[chosen], launched[column]
            done.append(
                Purchases(order=order, customer=customer[order], product=product, day=day[order])
            )
    return _joined(done)


def _joined(parts: list[Purchases]) -> Purchases:
    return Purchases(
        order=np.concatenate([part.order for part in parts]),
        customer=np.concatenate([part.customer for part in parts]),
        product=np.concatenate([part.product for part in parts]),
        day=np.concatenate([part.day for part in parts]),
    )


def _race(waits: Floats, size: Integers, *, rng: np.random.Generator) -> tuple[Integers, Integers]:
    """Return row and column of the first `size[i]` columns to finish in row i, by an exponential
    race with mean times `waits` (A, C).

    This draws columns without replacement with probability proportional to 1 / waits.
    """
    times = rng.standard_exponential(waits.shape, dtype=np.float32) * waits
    most = min(_MAX_LINES, waits.shape[1])
    first = np.argpartition(times, most - 1, axis=1)[:, :most]
    ranked = np.argsort(np.take_along_axis(times, first, axis=1), axis=1)
    first = np.take_along_axis(first, ranked, axis=1)
    taken = np.arange(most) < size[:, None]
    row, _ = np.nonzero(taken)
    return row, first[taken]
