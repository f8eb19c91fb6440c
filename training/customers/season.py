"""The level of the coming window: how often customers come back at this time of the year.

Models learn how customers differ; the season moves all of them. Last year's level of the same week
is compared by what customers did in the days before that week which the data cover then, for the
same days before this one: a customer of a shop's first year has a shorter history than one of its
second, so the same features of the whole history mean something else.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize
from scipy.special import expit, logsumexp

from training.customers.orders import ACTIVE_DAYS, CustomerOrders, Numbers
from training.data.inputs import IntArray

Target = Literal["churned", "orders", "spend"]
TARGETS: Final[tuple[Target, ...]] = ("churned", "orders", "spend")
YEAR: Final = pd.Timedelta(days=364)
"""The same day of the week, a year before."""
APART_DAYS: Final = 14
"""Windows begin so many days apart: nearer ones hold nearly the same orders. A divisor of YEAR."""
LEAST_DAYS: Final = 60
"""A reference needs so many days of data before it."""
_RIDGE: Final = 1.0
_DAY: Final = pd.Timedelta(days=1)
_INTERCEPT: Final = 3.0  # its column: larger values are penalised less


@dataclass(frozen=True, kw_only=True)
class Levels:
    """The expected totals of the targets over some of the customers who are active at a time."""

    customers: IntArray
    """Their places among the active customers."""
    totals: dict[Target, float]


def season_levels(orders: CustomerOrders, at: pd.Timestamp, *, horizon_days: int) -> Levels:
    """Return the levels of [at, at + horizon_days), from windows that end by `at`.

    They begin APART_DAYS apart, each with LEAST_DAYS of data before it. The reference is the one
    that began a year before `at`; without it, the last.
    """
    apart, first = APART_DAYS * _DAY, orders.start + LEAST_DAYS * _DAY
    numbers = range(-(-horizon_days // APART_DAYS), (at - first) // apart + 1)
    times = [at - number * apart for number in reversed(numbers)] or [at - horizon_days * _DAY]
    reference = at - YEAR if at - YEAR in times else times[-1]
    window = min(float(ACTIVE_DAYS), (reference - orders.start) / _DAY)
    learned = [time for time in times if (time - orders.start) / _DAY >= window]
    recent = [orders.recent(time, window_days=window) for time in learned]
    places = [
        np.searchsorted(orders.active_places(time), part.customers)
        for time, part in zip(learned, recent, strict=True)
    ]
    outcomes = [orders.outcomes(time, horizon_days=horizon_days) for time in learned]
    now = orders.recent(at, window_days=window)

    def total(target: Target) -> float:
        values = [getattr(o, target)[p] for o, p in zip(outcomes, places, strict=True)]
        expected = _predict(
            np.concatenate([part.inputs for part in recent]),
            np.concatenate(values),
            np.repeat(np.arange(len(learned)), [len(part.inputs) for part in recent]),
            now.inputs,
            learned.index(reference),
            binary=target == "churned",
        )
        return float(expected.sum())

    return Levels(
        customers=np.searchsorted(orders.active_places(at), now.customers),
        totals={target: total(target) for target in TARGETS},
    )


def shift(raw: Numbers, total: float, target: Target) -> float:
    """Return what added to `raw` (B,) makes the sum of the expectations `total`.

    `raw` are log-odds of churn, or logarithms of the expected orders or spend. A total of nothing,
    or of everything, is half a customer away from it.
    """
    if target != "churned":
        return float(np.log(max(total, 1e-6)) - logsumexp(raw))
    total = min(max(total, 0.5), len(raw) - 0.5)
    found = brentq(lambda added: float(expit(raw + added).sum()) - total, -50.0, 50.0)
    return float(found)


def _predict(
    inputs: Numbers, values: Numbers, times: IntArray, now: Numbers, reference: int, *, binary: bool
) -> Numbers:
    """Return the expected values for the inputs `now` (B, F), at the level of time `reference`.

    A generalised linear model (logistic if `binary`, else quasi-Poisson with logarithmic link) with
    an intercept for each of `times` (N,) and a small penalty.
    """
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-9
    x, unit = (inputs - mean) / scale, 1.0 if binary else max(float(values.mean()), 1e-9)
    y, width, count = values / unit, inputs.shape[1], int(times.max()) + 1

    def loss(weights: Numbers) -> tuple[float, Numbers]:
        z = np.clip(x @ weights[:width] + _INTERCEPT * weights[width:][times], -30, 30)
        fitted = expit(z) if binary else np.exp(z)
        total = np.logaddexp(0, z) - y * z if binary else fitted - y * z
        slope = fitted - y
        by_time = _INTERCEPT * np.bincount(times, weights=slope, minlength=count)
        gradient = np.concatenate([x.T @ slope, by_time]) + _RIDGE * weights
        return float(total.sum() + _RIDGE / 2 * weights @ weights), gradient

    start = np.zeros(width + count)
    options = {"maxiter": 500}
    weights: Numbers = minimize(  # type: ignore[call-overload]  # a gradient from the same function
        loss, start, jac=True, method="L-BFGS-B", options=options
    ).x
    z = ((now - mean) / scale) @ weights[:width] + _INTERCEPT * weights[width + reference]
    expected: Numbers = expit(z) if binary else np.exp(np.clip(z, -30, 30)) * unit
    return expected
