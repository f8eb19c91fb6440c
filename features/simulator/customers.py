"""The simulated shop's customers: tastes, habits, and the rhythm of their orders and visits."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.simulator.calendar import YEAR, microseconds
from features.simulator.catalogue import LATENTS, Floats, Integers
from features.simulator.words import CATEGORIES

_COUNTRIES: Final = ("United Kingdom", "Germany", "France", "Ireland", "China")
_SHARES: Final = (0.6, 0.12, 0.12, 0.06, 0.10)
_NEVER: Final = 40_000.0  # days


@dataclass(frozen=True, kw_only=True)
class Customers:
    """N customers and what is true of them."""

    customer_ids: npt.NDArray[np.object_]  # (N,) sorted
    country: npt.NDArray[np.object_]  # (N,)
    tastes: Floats  # (N, categories + LATENTS)
    sensitivity: Floats  # (N,) fall of the log weight per log price
    rate: Floats  # (N,) orders a year
    regularity: Floats  # (N,) shape of the gamma distribution of gaps; 1 is a Poisson process
    basket: Floats  # (N,) probability of each of up to 4 lines beyond the first 2
    web: Floats  # (N,) share of orders on the web
    joined: Floats  # (N,) shop day; negative: before the start
    churned: Floats  # (N,) shop day; may lie after the history

    def alive(self, rows: Integers, moment: Integers) -> npt.NDArray[np.bool_]:
        """Return whether each of `rows` has joined and not left at its `moment` (microseconds)."""
        joined, churned = microseconds(self.joined[rows]), microseconds(self.churned[rows])
        return (joined <= moment) & (moment < churned)


def draw_customers(
    customers: int,
    *,
    days: int,
    newcomers: float,
    orders_per_year: float,
    churn_per_year: float,
    seed: int,
) -> Customers:
    """Draw `customers` customers, a share `newcomers` of whom join within `days` days."""
    rng = np.random.default_rng([seed, 2])
    rate = np.maximum(rng.gamma(1.6, orders_per_year / 1.6, customers), 1.0)
    joined = np.where(
        rng.random(customers) < newcomers,
        rng.uniform(0, days, customers),
        -rng.uniform(0, 600, customers),
    )
    # The frequent stay longer; what is left of the hazard's spread cannot be seen from outside.
    hazard = churn_per_year / YEAR * rng.gamma(2, 0.5, customers) * (rate / orders_per_year) ** -0.4
    stay = rng.standard_exponential(customers) / np.maximum(hazard, 1 / _NEVER**2)
    width = len(str(customers))
    return Customers(
        customer_ids=np.array([f"C{n:0{width}d}" for n in range(customers)], object),
        country=rng.choice(np.array(_COUNTRIES, object), customers, p=_SHARES),
        tastes=np.hstack(
            [
                rng.normal(0, 1.0, (customers, len(CATEGORIES))),
                rng.normal(0, 1.0, (customers, LATENTS)),
            ]
        ),
        sensitivity=rng.gamma(4, 0.25, customers),
        rate=rate,
        regularity=rng.uniform(1, 4, customers),
        basket=rng.beta(2, 5, customers),
        web=rng.random(customers),
        joined=joined,
        churned=np.minimum(np.maximum(joined, 0) + stay, _NEVER),
    )


def draw_order_days(people: Customers, traffic: Floats, *, seed: int) -> tuple[Integers, Floats]:
    """Return who orders and on which shop day, sorted by day; `traffic` as `intensity` gives it.

    Gaps between orders are gamma distributed, counted in traffic, so that a customer orders more
    often when the shop is full. A newcomer's first order is the moment of joining.
    """
    rng = np.random.default_rng([seed, 3])
    grid = np.arange(len(traffic), dtype=float)
    active = np.flatnonzero(people.joined < grid[-1])
    new = people.joined[active] >= 0
    gap = YEAR / people.rate
    last = np.where(
        new,
        np.interp(people.joined[active], grid, traffic),
        -gap[active] * rng.random(len(active)),
    )
    who, when = [active[new]], [last[new]]
    while len(active):
        shape = people.regularity[active]
        last = last + rng.gamma(shape) / shape * gap[active]
        going = last < traffic[-1]
        active, last = active[going], last[going]
        who.append(active[last >= 0])
        when.append(last[last >= 0])
    customer, day = np.concatenate(who), np.interp(np.concatenate(when), traffic, grid)
    stayed = day < people.churned[customer]
    customer, day = customer[stayed], day[stayed]
    order = np.lexsort((customer, day))
    return customer[order], day[order]


def draw_visit_days(
    people: Customers, traffic: Floats, *, first: int, per_order: float, rng: np.random.Generator
) -> tuple[Integers, Floats]:
    """Return who visits and on which shop day, sorted by day, as Poisson processes.

    `traffic` counts from shop day `first`; a customer visits `per_order` times as often as ordering
    by the own rhythm, from joining until leaving.
    """
    counts = rng.poisson(people.rate / YEAR * per_order * traffic[-1])
    customer = np.repeat(np.arange(len(counts)), counts)
    moments = rng.random(len(customer)) * traffic[-1]
    day = first + np.interp(moments, traffic, np.arange(len(traffic), dtype=float))
    there = (people.joined[customer] <= day) & (day < people.churned[customer])
    customer, day = customer[there], day[there]
    order = np.lexsort((customer, day))
    return customer[order], day[order]
