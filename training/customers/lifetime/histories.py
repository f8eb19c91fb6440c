"""The order histories that models of a customer base read: how often, how recent, how long."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from training.customers.lifetime.maximum_likelihood import (
    Float64,
    Maximum,
    NotConverged,
    Objective,
    maximise,
)

_PILOT: Final = 1500  # different histories on which the starts are compared


@dataclass(frozen=True, kw_only=True)
class Histories:
    """N different order histories of customers, and how often each occurs."""

    x: Float64  # (N,) orders after the first
    t_x: Float64  # (N,) time from the first order to the last
    T: Float64  # (N,) time from the first order to now
    weights: Float64  # (N,) customers with this history
    inverse: npt.NDArray[np.intp]  # (B,) the place of each given row

    @classmethod
    def collapse(
        cls,
        x: npt.ArrayLike,
        t_x: npt.ArrayLike,
        T: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
    ) -> Self:
        """Check `x`, `t_x`, `T` (B,) and put equal rows together. ValueError names what is wrong.

        >>> rows = Histories.collapse([0, 2, 0], [0, 5, 0], [9, 9, 9])
        >>> rows.x.tolist(), rows.weights.tolist(), rows.inverse.tolist()
        ([0.0, 2.0], [2.0, 1.0], [0, 1, 0])
        """
        columns = [np.asarray(values, dtype=np.float64) for values in (x, t_x, T)]
        count = np.ones(len(columns[0])) if weights is None else np.asarray(weights, np.float64)
        if any(values.ndim != 1 or values.shape != count.shape for values in columns):
            raise ValueError("x, t_x, T and weights must be arrays of one length")
        _refuse_bad_rows(columns[0], columns[1], columns[2], count)
        order = np.lexsort(columns)
        rows = np.array([values[order] for values in columns])
        new = np.ones(len(order), dtype=bool)
        new[1:] = (rows[:, 1:] != rows[:, :-1]).any(axis=0)
        inverse = np.empty(len(order), dtype=np.intp)
        inverse[order] = np.cumsum(new) - 1
        kept_x, kept_t_x, kept_T = rows[:, new]
        return cls(
            x=kept_x,
            t_x=kept_t_x,
            T=kept_T,
            weights=np.bincount(inverse, weights=count).astype(np.float64),
            inverse=inverse,
        )

    def some(self, most: int) -> Self:
        """Return at most `most` of the rows, evenly spaced, weighted to stand for all."""
        step = -(-len(self.x) // most)
        weights = self.weights[::step]
        return type(self)(
            x=self.x[::step],
            t_x=self.t_x[::step],
            T=self.T[::step],
            weights=weights * (self.weights.sum() / max(weights.sum(), 1e-300)),
            inverse=self.inverse,
        )

    def in_mean_times(self) -> tuple[Self, float]:
        """Return the same rows with times divided by the mean of `T`, and that mean.

        NotConverged if nobody ordered again or no time has passed: there is nothing to fit.
        """
        if not (self.weights * self.x).sum() > 0:
            raise NotConverged(
                "no customer ordered after the first order: nothing can be fitted; wait, or give "
                "customers with a longer history"
            )
        mean = float((self.weights * self.T).sum() / self.weights.sum())
        if not mean > 0:
            raise NotConverged("no time has passed since the first orders: nothing can be fitted")
        rows = type(self)(
            x=self.x,
            t_x=self.t_x / mean,
            T=self.T / mean,
            weights=self.weights,
            inverse=self.inverse,
        )
        return rows, mean


LogLikelihood = Callable[[Float64, Histories], tuple[Float64, Float64]]
"""Takes parameters (P,) and N histories; returns logs (N,) and their derivatives (P, N)."""


def fit_histories(
    log_likelihood: LogLikelihood,
    rows: Histories,
    *,
    starts: Sequence[Sequence[float]],
    names: Sequence[str],
    penalty: float,
) -> Maximum:
    """Return where `log_likelihood`, summed over customers, is highest. Raises NotConverged."""

    def of(rows: Histories) -> Objective:
        def objective(theta: Float64) -> tuple[float, Float64]:
            parameters = np.exp(theta)
            values, gradients = log_likelihood(parameters, rows)
            return float(rows.weights @ values), (gradients @ rows.weights) * parameters

        return objective

    return maximise(
        of(rows),
        starts=starts,
        names=names,
        customers=float(rows.weights.sum()),
        penalty=penalty,
        pilot=of(rows.some(_PILOT)) if len(rows.x) > 2 * _PILOT else None,
    )


def _refuse_bad_rows(x: Float64, t_x: Float64, T: Float64, weights: Float64) -> None:
    if not (np.isfinite([x, t_x, T, weights]).all() and (weights >= 0).all()):
        raise ValueError("x, t_x, T and weights must be finite numbers, and weights at least 0")
    if not ((x >= 0) & (x == np.floor(x))).all():
        raise ValueError("x counts orders after the first: it must be 0, 1, 2, ...")
    if not ((t_x >= 0) & (t_x <= T)).all():
        raise ValueError("t_x must be between 0 and T")
    if (t_x[x == 0] != 0).any():
        raise ValueError("t_x must be 0 where x is 0: the first order is the last")


def refuse_bad_horizon(horizon: float) -> None:
    """Raise ValueError unless `horizon` is a positive time."""
    if not 0 < horizon < np.inf:
        raise ValueError(f"horizon is {horizon}: it must be positive and finite")
