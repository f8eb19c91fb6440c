"""Correlations of scores with the truth, and the common and personal parts of scores.

B customers, C products; NaN marks the places of a matrix to ignore.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap, rankdata

from training.evaluation.intervals import DRAWS, LEVEL, Estimate

Floats = npt.NDArray[np.float64]
_ROUNDING: Final = 1e-6
"""A residual of a smaller norm, relative to the original, is set to 0."""


def rank_correlations(x: Floats, y: Floats) -> Floats:
    """Return Spearman's correlation of each row of `x` with that of `y`, both (B, C): (B,).

    0 where one of them does not vary.

    >>> x, y = np.array([[1, 2, 9], [7, 7, 7]]), np.array([[5, 6, np.nan], [1, 2, 3]])
    >>> rank_correlations(x, y).tolist()
    [1.0, 0.0]
    """
    ignored = np.isnan(x) | np.isnan(y)
    ranks = (
        rankdata(np.where(ignored, np.nan, side), axis=1, nan_policy="omit") for side in (x, y)
    )
    return _correlations(*(_centred(side) for side in ranks))


def partial_correlations(x: Floats, y: Floats, given: Floats) -> Floats:
    """Return the correlation of the residuals of `x` and `y` after linear fits by `given`, by row.

    (B,) from (B, N) each; 0 where a residual is 0.

    >>> given = np.array([[0.0, 1, 2, 3]])
    >>> partial_correlations(given + [1, -1, -1, 1], [2, -2, -2, 2] - 5 * given, given).round(9)
    array([1.])
    """
    x, y, given = (_centred(side) for side in (x, y, given))
    return _correlations(_residuals(x, given), _residuals(y, given))


def means(rows: Floats) -> Floats:
    """Return each row's mean, (B,) from (B, C); NaN where all values are NaN.

    >>> means(np.array([[1, 3], [np.nan, 5], [np.nan, np.nan]])).tolist()
    [2.0, 5.0, nan]
    """
    counted = (~np.isnan(rows)).sum(axis=1)
    return np.where(counted, _total(rows) / np.maximum(counted, 1), np.nan)


def common(scores: Floats) -> Floats:
    """Return the common part of scores: each product's mean over customers, (C,) from (B, C)."""
    return means(scores.T)


def personal(scores: Floats) -> Floats:
    """Return the residuals of each customer's `scores` (B, C) after a fit by the common part.

    Exactly 0 where all customers' scores are the same, up to shift and scale.

    >>> personal(np.array([[1.0, 2, 6], [10, 20, 60]])).tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    shared = np.where(np.isnan(scores), np.nan, common(scores))
    return _residuals(_centred(scores), _centred(shared))


def estimate(statistic: Callable[..., Floats], *columns: Floats, seed: int) -> Estimate:
    """Return a statistic of `columns` (N,), N > 1, with its bootstrap percentile interval.

    `statistic` takes each column as D resampled rows (D, N) and returns (D,). Places are drawn with
    replacement, the same places in every column.
    """

    def of_resampled(*rows: Floats, axis: int) -> Floats:  # noqa: ARG001  # always the last
        return statistic(*rows)

    interval = bootstrap(
        columns,
        of_resampled,
        paired=True,
        vectorized=True,
        n_resamples=DRAWS,
        confidence_level=LEVEL,
        method="percentile",
        rng=seed,
    ).confidence_interval
    whole = statistic(*(column[None] for column in columns))
    return Estimate(value=float(whole[0]), low=float(interval.low), high=float(interval.high))


def _centred(rows: Floats) -> Floats:
    """Return `rows` minus the mean of each."""
    return rows - means(rows)[:, None]


def _residuals(rows: Floats, shared: Floats) -> Floats:
    """Return each row's residual after a fit by a multiple of that of `shared`, all centred."""
    slope = _over(_total(rows * shared), _total(shared**2))
    residuals = rows - slope[:, None] * shared
    small = _total(residuals**2) <= _ROUNDING**2 * _total(rows**2)
    return np.where(small[:, None], 0 * residuals, residuals)


def _correlations(x: Floats, y: Floats) -> Floats:
    """Return the correlation of each row of `x` with that of `y`, all centred; 0 for a zero row."""
    return _over(_total(x * y), np.sqrt(_total(x**2) * _total(y**2)))


def _total(rows: Floats) -> Floats:
    total: Floats = np.nansum(rows, axis=1)
    return total


def _over(part: Floats, whole: Floats) -> Floats:
    """Return `part` / `whole`; 0 where `whole` is 0."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
