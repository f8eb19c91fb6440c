"""When the next order comes: proportional hazards over one shape of time, calibrated.

The probability of no order by day t is churn ^ shape(t), with shape(0) = 0 and shape(horizon) = 1:
Cox (1972), with the log of churn as the hazard of the whole horizon.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from training.customers.orders import Numbers
from training.interfaces import COVERAGE

_STEPS: Final = 60
TAILS: Final = np.linspace(0.02, 0.4, 77)
"""The tails that are tried until an interval holds its share."""
_SURE: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class NextOrder:
    """Turns churn probabilities into days to the next order."""

    horizon_days: int
    shape: Numbers
    """(S,) the share of the horizon's hazard that lies before S days, evenly spaced from 0."""
    tail: float
    """The probability below the interval, and above it where it has two ends: calibrated, so that
    COVERAGE of the customers that it was fitted on order in theirs."""

    @classmethod
    def fit(cls, churn: Numbers, days: Numbers, *, horizon_days: int) -> Self:
        """Fit on customers with predictions `churn` (N,) who ordered after `days` (infinite: not).

        The shape is Breslow's estimate of the cumulative hazard.
        """
        hazard = -np.log(np.clip(churn, _SURE, 1 - _SURE))
        edges = np.linspace(0, horizon_days, _STEPS + 1)
        steps = np.zeros(_STEPS)
        for step in range(_STEPS):
            waiting = days >= edges[step]
            came = (waiting & (days < edges[step + 1])).sum()
            steps[step] = came / max(hazard[waiting].sum(), _SURE)
        shape = np.concatenate([[0.0], np.cumsum(steps)])
        shape = shape / shape[-1] if shape[-1] > 0 else edges / horizon_days
        candidates = [cls(horizon_days=horizon_days, shape=shape, tail=float(t)) for t in TAILS]
        return min(candidates, key=lambda made: abs(made._covered(churn, days) - COVERAGE))

    def days(self, churn: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Return median, low and high end (B,) of the days to the next order."""
        edges = np.linspace(0, self.horizon_days, len(self.shape))
        waiting = np.clip(churn, _SURE, 1) ** self.shape[:, None]
        return interval(edges, waiting, tail=self.tail)

    def _covered(self, churn: Numbers, days: Numbers) -> float:
        _, low, high = (np.minimum(part, self.horizon_days) for part in self.days(churn))
        at = np.minimum(days, self.horizon_days)
        return float(((low <= at) & (at <= high)).mean())


def interval(
    edges: Numbers, waiting: Numbers, *, tail: float = 1 - COVERAGE
) -> tuple[Numbers, Numbers, Numbers]:
    """Return median, low and high end (B,) of the days to the next order.

    `waiting` (S, B) is the probability of no order before each of `edges` (S,), of which the last
    is the horizon. Where the order may come later with more than half of `tail`, the high end is
    infinite and the low end leaves all of `tail` below it. A low end is at most the horizon.

    >>> edges, waiting = np.array([0.0, 50.0, 100.0]), np.array([[1.0], [0.5], [0.2]])
    >>> [round(float(part[0]), 6) for part in interval(edges, waiting)]
    [50.0, 10.0, inf]
    """
    came = 1 - waiting
    two_ends = waiting[-1] <= tail / 2
    low = np.where(two_ends, _day(edges, came, tail / 2), _day(edges, came, tail))
    high = np.where(two_ends, _day(edges, came, 1 - tail / 2), np.inf)
    return _day(edges, came, 0.5), np.minimum(low, edges[-1]), high


def _day(edges: Numbers, came: Numbers, probability: float) -> Numbers:
    """Return the day (B,) by which the order `came` (S, B) with `probability`; infinite if later.

    Between two edges it is interpolated.
    """
    after = (came < probability - 1e-12).sum(axis=0)
    known, columns = after < len(edges), np.arange(came.shape[1])
    right = np.clip(after, 1, len(edges) - 1)
    low, high = came[right - 1, columns], came[right, columns]
    share = np.clip((probability - low) / np.maximum(high - low, _SURE), 0, 1)
    days: Numbers = edges[right - 1] + share * (edges[right] - edges[right - 1])
    return np.where(known, days, np.inf)
