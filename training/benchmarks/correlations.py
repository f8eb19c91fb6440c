"""How scores go along with what is true, and what in them is common or personal.

B customers, C products; NaN marks the places of a matrix that do not count.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap, rankdata

from training.evaluation.intervals import DRAWS, LEVEL, Estimate

Floats = npt.NDArray[np.float64]
_ROUNDING: Final = 1e-6
"""What is smaller, beside what it is left of, is taken for nothing."""


def rank_correlations(x: Floats, y: Floats) -> Floats:
    """Return Spearman's correlation of each row of `x` with that of `y`, both (B, C): (B,).

    0 where one of them does not vary: it says nothing.

    >>> x, y = np.array([[1, 2, 9], [7, 7, 7]]), np.array([[5, 6, np.nan], [1, 2, 3]])
    >>> rank_correlations(x, y).tolist()
    [1.0, 0.0]
    """
    out = np.isnan(x) | np.isnan(y)
    ranks = (rankdata(np.where(out, np.nan, one), axis=1, nan_policy="omit") for one in (x, y))
    return _correlations(*(_centred(one) for one in ranks))


def partial_correlations(x: Floats, y: Floats, given: Floats) -> Floats:
    """Return the correlation of what each row's linear fit by `given` leaves of `x` and of `y`.

    (B,) of (B, N) each; 0 where nothing is left of one of them.

    >>> given = np.array([[0.0, 1, 2, 3]])
    >>> partial_correlations(given + [1, -1, -1, 1], [2, -2, -2, 2] - 5 * given, given).round(9)
    array([1.])
    """
    x, y, given = (_centred(one) for one in (x, y, given))
    return _correlations(_left(x, given), _left(y, given))


def means(rows: Floats) -> Floats:
    """Return each row's mean, (B,) of (B, C); NaN where none counts.

    >>> means(np.array([[1, 3], [np.nan, 5], [np.nan, np.nan]])).tolist()
    [2.0, 5.0, nan]
    """
    counted = (~np.isnan(rows)).sum(axis=1)
    return np.where(counted, _total(rows) / np.maximum(counted, 1), np.nan)


def common(scores: Floats) -> Floats:
    """Return what customers share: each product's mean over them, (C,) of (B, C)."""
    return means(scores.T)


def personal(scores: Floats) -> Floats:
    """Return what each customer's best linear fit by the common part leaves of `scores` (B, C).

    Exactly 0 where all customers' scores are the same, up to shift and scale.

    >>> personal(np.array([[1.0, 2, 6], [10, 20, 60]])).tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    shared = np.where(np.isnan(scores), np.nan, common(scores))
    return _left(_centred(scores), _centred(shared))


def estimate(statistic: Callable[..., Floats], *columns: Floats, seed: int) -> Estimate:
    """Return a statistic of `columns` (N,), N > 1, with its bootstrap percentile interval.

    `statistic` takes each column as rows of drawn places (D, N) and gives (D,); places are drawn
    with replacement, the same ones of all columns.
    """

    def of_rows(*rows: Floats, axis: int) -> Floats:  # noqa: ARG001  # it is the last one
        return statistic(*rows)

    drawn = bootstrap(
        columns,
        of_rows,
        paired=True,
        vectorized=True,
        n_resamples=DRAWS,
        confidence_level=LEVEL,
        method="percentile",
        rng=seed,
    ).confidence_interval
    whole = statistic(*(column[None] for column in columns))
    return Estimate(value=float(whole[0]), low=float(drawn.low), high=float(drawn.high))


def _centred(rows: Floats) -> Floats:
    """Return `rows` less each one's mean."""
    return rows - means(rows)[:, None]


def _left(rows: Floats, shared: Floats) -> Floats:
    """Return what each row's best fit by a multiple of that of `shared` leaves, all centred."""
    slope = _over(_total(rows * shared), _total(shared**2))
    left = rows - slope[:, None] * shared
    small = _total(left**2) <= _ROUNDING**2 * _total(rows**2)
    return np.where(small[:, None], 0 * left, left)


def _correlations(x: Floats, y: Floats) -> Floats:
    """Return the correlation of each row of `x` with that of `y`, all centred; 0 for nothing."""
    return _over(_total(x * y), np.sqrt(_total(x**2) * _total(y**2)))


def _total(rows: Floats) -> Floats:
    total: Floats = np.nansum(rows, axis=1)
    return total


def _over(part: Floats, whole: Floats) -> Floats:
    """Return `part` / `whole`, 0 where `whole` is."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
