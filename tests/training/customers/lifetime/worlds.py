"""Simulated customers whose parameters are known, and rows of every kind for property tests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from training.customers.lifetime.bg_nbd import BgNbd
from training.customers.lifetime.pareto_nbd import ParetoNbd

Float64 = npt.NDArray[np.float64]

ODD_ROWS: Final[tuple[tuple[float, float, float], ...]] = (
    (0, 0, 0),
    (0, 0, 1e-9),
    (0, 0, 3650),
    (1, 0, 0),
    (1, 0, 3650),
    (1, 1e-9, 1e-9),
    (2, 30, 3650),
    (7, 3650, 3650),
    (1000, 10, 10),
    (1000, 10, 3650),
    (1000, 3650, 3650),
    (1, 1e6, 1e6),
)
"""x, t_x and T: no time, ten years of silence, a thousand orders, ..."""


@dataclass(frozen=True, kw_only=True)
class World:
    """B customers: their histories, and their orders in the horizon after."""

    x: Float64
    t_x: Float64
    T: Float64
    later: Float64


def pareto_world(truth: ParetoNbd, *, T: Float64, horizon: float, seed: int) -> World:
    """Draw customers as the Pareto/NBD model says."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(truth.r, 1 / truth.alpha, len(T))
    life = rng.exponential(1 / rng.gamma(truth.s, 1 / truth.beta, len(T)))
    seen = np.minimum(T, life)
    x = rng.poisson(rate * seen).astype(np.float64)
    newest = rng.random(len(T)) ** (1 / np.maximum(x, 1))  # the largest of x uniform times
    left = np.clip(life - T, 0, horizon)
    later = rng.poisson(rate * left).astype(np.float64)
    return World(x=x, t_x=np.where(x > 0, seen * newest, 0), T=T, later=later)


def bg_world(truth: BgNbd, *, T: Float64, horizon: float, seed: int) -> World:
    """Draw customers as the BG/NBD model says, order by order."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(truth.r, 1 / truth.alpha, len(T))
    stop = rng.beta(truth.a, truth.b, len(T))
    x, t_x, later, time = np.zeros((4, len(T)))
    going = np.arange(len(T))
    while len(going):
        with np.errstate(divide="ignore"):  # a rate of 0 never orders
            time[going] += rng.standard_exponential(len(going)) / rate[going]
        going = going[time[going] <= T[going] + horizon]
        known = going[time[going] <= T[going]]
        x[known] += 1
        t_x[known] = time[known]
        later[going[time[going] > T[going]]] += 1
        going = going[rng.random(len(going)) > stop[going]]
    return World(x=x, t_x=t_x, T=T, later=later)


def gap_in_errors(predicted: Float64, seen: Float64) -> float:
    """Return how many standard errors the mean of `predicted` is from that of `seen`, both (B,)."""
    difference = seen - predicted
    return float(abs(difference.mean()) / (difference.std() / np.sqrt(len(difference))))


def numeric_gradient(function: Callable[[Float64], Float64], at: Float64) -> Float64:
    """Return the derivatives (P, N) of `function` from (P,) to (N,), by central differences."""
    steps = 1e-6 * np.diag(at)
    rows = [(function(at + s) - function(at - s)) / (2 * s.sum()) for s in steps]
    return np.array(rows)
