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
    """N customers and their true properties."""

    customer_ids: npt.NDArray[np.object_]  # (N,) sorted
    country: npt.NDArray[np.object_]  # (N,)
    tastes: Floats  # (N, categories + LATENTS)
    sensitivity: Floats  # (N,) decrease of the log weight per log price
    rate: Floats  # (N,) orders per year
    regularity: Floats  # (N,) shape of the gamma distribution of gaps; 1 is a Poisson process
    basket: Floats  # (N,) probability of each of up to 4 lines beyond the first 2
    web: Floats  # (N,) share of orders on the web
    joined: Floats  # (N,) shop day; negative: before the start
    churned: Floats  # (N,) shop day; may lie after the history

    def alive(self, rows: Integers, moment: Integers) -> npt.NDArray[np.bool_]:
        """Return whether each of `rows` is active (joined, not churned) at its `moment` (us)."""
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
    """Draw `customers` customers; a share `newcomers` of them joins within `days` days."""
    rng = np.random.default_rng([seed, 2])
    rate = np.maximum(rng.gamma(1.6, orders_per_year / 1.6, customers), 1.0)
    joined = np.where(
        rng.random(customers) < newcomers,
        rng.uniform(0, days, customers),
        -rng.uniform(0, 600, customers),
    )
    # Frequent buyers stay longer; the rest of the hazard's variance is not observable.
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
    """Return the customer and the shop day of each order, by day; `traffic` as of `intensity`.

    Gaps between orders have a gamma distribution in units of traffic: customers order more often
    when the shop is busy. A newcomer's first order is at the moment of joining.
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
    buyers, moments = [active[new]], [last[new]]
    while len(active):
        shape = people.regularity[active]
        last = last + rng.gamma(shape) / shape * gap[active]
        within = last < traffic[-1]
        active, last = active[within], last[within]
        buyers.append(active[last >= 0])
        moments.append(last[last >= 0])
    customer, day = np.concatenate(buyers), np.interp(np.concatenate(moments), traffic, grid)
    stayed = day < people.churned[customer]
    customer, day = customer[stayed], day[stayed]
    order = np.lexsort((customer, day))
    return customer[order], day[order]


def draw_visit_days(
    people: Customers, traffic: Floats, *, first: int, per_order: float, rng: np.random.Generator
) -> tuple[Integers, Floats]:
    """Return the customer and the shop day of each visit, by day, drawn from Poisson processes.

    `traffic` counts from shop day `first`; the rate of a customer's visits is `per_order` times the
    rate of its orders, from joining until leaving.
    """
    counts = rng.poisson(people.rate / YEAR * per_order * traffic[-1])
    customer = np.repeat(np.arange(len(counts)), counts)
    visits = rng.random(len(customer)) * traffic[-1]
    day = first + np.interp(visits, traffic, np.arange(len(traffic), dtype=float))
    present = (people.joined[customer] <= day) & (day < people.churned[customer])
    customer, day = customer[present], day[present]
    order = np.lexsort((customer, day))
    return customer[order], day[order]
