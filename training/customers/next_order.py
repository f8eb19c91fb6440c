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
_TAILS: Final = np.linspace(0.02, 0.4, 77)
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
        candidates = [cls(horizon_days=horizon_days, shape=shape, tail=float(t)) for t in _TAILS]
        return min(candidates, key=lambda made: abs(made._covered(churn, days) - COVERAGE))

    def days(self, churn: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Return median, low and high end (B,) of the days to the next order."""
        half = self.tail / 2
        two_ends = churn <= half
        low = np.where(two_ends, self._quantile(churn, half), self._quantile(churn, self.tail))
        high = np.where(two_ends, self._quantile(churn, 1 - half), np.inf)
        return self._quantile(churn, 0.5), np.minimum(low, self.horizon_days), high

    def _quantile(self, churn: Numbers, probability: float) -> Numbers:
        """Return the day (B,) by which the order came with `probability`; infinite if later."""
        hazard = -np.log(np.clip(churn, _SURE, 1 - _SURE))
        needed = -np.log1p(-probability) / hazard
        edges = np.linspace(0, self.horizon_days, len(self.shape))
        return np.where(needed > 1, np.inf, np.interp(needed, self.shape, edges))

    def _covered(self, churn: Numbers, days: Numbers) -> float:
        _, low, high = (np.minimum(part, self.horizon_days) for part in self.days(churn))
        at = np.minimum(days, self.horizon_days)
        return float(((low <= at) & (at <= high)).mean())
