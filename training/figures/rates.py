"""Intervals of shares, of differences of shares, and of means, at 95%."""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.evaluation.intervals import LEVEL, Estimate, resample

Numbers = npt.NDArray[np.float64]
Z: Final = 1.959963984540054
"""The standard normal quantile of (1 + LEVEL) / 2."""


def wilson(count: npt.ArrayLike, of: npt.ArrayLike) -> tuple[Numbers, Numbers, Numbers]:
    """Return the share `count` / `of` and the ends of its interval, each (B,); NaN where `of` is 0.

    The score interval of Wilson (1927, "Probable inference, the law of succession, and statistical
    inference"): inside 0 to 1, and of positive width also for a share of 0 or 1.

    >>> [round(float(end), 4) for end in wilson(3, 10)]
    [0.3, 0.1078, 0.6032]
    >>> [round(float(end), 4) for end in wilson(0, 4)]  # z^2 / (4 + z^2)
    [0.0, 0.0, 0.4899]
    """
    k, n = np.asarray(count, dtype=np.float64), np.asarray(of, dtype=np.float64)
    n = np.where(n > 0, n, np.nan)
    share = k / n
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    low, high = np.maximum(middle - half, 0), np.minimum(middle + half, 1)
    return share, np.where(k == 0, 0, low) + 0 * n, np.where(k == n, 1, high) + 0 * n


def add_share(frame: pd.DataFrame, name: str, *, count: str, of: str) -> pd.DataFrame:
    """Return `frame` with the share of two of its columns as `name`, `name`_low, `name`_high."""
    share, low, high = wilson(frame[count], frame[of])
    return frame.assign(**{name: share, f"{name}_low": low, f"{name}_high": high})


def difference_of_shares(first: int, second: int, of: int) -> Estimate:
    """Return `first` / `of` - `second` / `of`, of two answers that exclude each other; NaN for 0.

    The adjusted Wald interval of Bonett and Price (2012, "Adjusted Wald confidence interval for a
    difference of binomial proportions based on paired data"): one is added to each of the two
    counts, two to `of`.

    >>> difference_of_shares(6, 2, 10).value
    0.4
    >>> round(difference_of_shares(6, 2, 10).low, 4)  # 7/12 - 3/12 - z sqrt((10/12 - 1/9) / 12)
    -0.1475
    """
    if not of:
        return Estimate(value=math.nan, low=math.nan, high=math.nan)
    n = of + 2
    one, other = (first + 1) / n, (second + 1) / n
    half = Z * math.sqrt((one + other - (one - other) ** 2) / n)
    middle = one - other
    return Estimate(
        value=(first - second) / of, low=max(middle - half, -1), high=min(middle + half, 1)
    )


def mean(values: npt.NDArray[Any], *, seed: int) -> Estimate:
    """Return the mean of `values` (N,), one for each customer, with its bootstrap interval.

    The percentile interval (Efron, 1979); `seed` fixes the draws. Without values the mean is NaN,
    and with fewer than two the interval.

    >>> round(mean(np.array([1.0, 3.0]), seed=0).value, 1)
    2.0
    """
    if len(values) < 2:
        value = float(values[0]) if len(values) else math.nan
        return Estimate(value=value, low=math.nan, high=math.nan)
    column = np.asarray(values, dtype=np.float64)[:, None]
    ids = np.arange(len(values)).astype(object)
    draws = resample([ids], [column], rng=np.random.default_rng(seed), width=1)
    low, high = np.quantile(draws[:, 0], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value=float(column.mean()), low=float(low), high=float(high))
