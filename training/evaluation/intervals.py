"""Confidence intervals of means over customers, who are resampled with all their figures.

Bootstrap percentile intervals (Efron, 1979), paired: each draw measures every model on the same
customers. Where several windows are averaged, a customer is drawn with its figures in all windows,
because the windows of one customer are not independent (a cluster bootstrap).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from training.evaluation.ranking_metrics import Figures

DRAWS: Final = 2000
LEVEL: Final = 0.95
_AT_ONCE: Final = 1 << 22  # customers drawn at a time, which bounds the memory
Ids = npt.NDArray[np.object_]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The figures of one model for the same N customers of one window."""

    customer_ids: Ids  # (N,)
    figures: dict[str, Figures]  # (N,) each
    coverage: float
    """The share of the catalogue that appears in any of their lists."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean, or a difference of means, and its 95% interval; NaN without customers."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The figures of models for the same customers; of several windows, the mean of their means."""

    customers: int
    """How many customers count; of several windows the sum."""
    means: dict[str, dict[str, Estimate]]
    """By model and figure."""
    leads: dict[str, dict[str, Estimate]]
    """By baseline and figure: the first model's figure minus the baseline's."""
    coverage: dict[str, float]

    def best(self, figure: str) -> str | None:
        """Return the baseline with the highest `figure`, the first of equals; None without one."""
        return max(self.leads, key=lambda name: self.means[name][figure].value, default=None)


def compare(windows: Sequence[Mapping[str, Sample]], *, seed: int) -> Comparison:
    """Compare the models by their samples in each window; leads are those of the first model.

    A window without customers is left out. `seed` fixes the draws.
    """
    names = list(windows[0])
    kinds = list(windows[0][names[0]].figures)
    counted = [samples for samples in windows if len(samples[names[0]].customer_ids)]
    ids = [samples[names[0]].customer_ids for samples in counted]
    figures = [
        np.stack([s.figures[kind] for s in samples.values() for kind in kinds], axis=1)
        for samples in counted
    ]
    shape = (-1, len(names), len(kinds))
    means = mean_of_means(figures, width=len(names) * len(kinds)).reshape(shape)[0]
    draws = resample(ids, figures, rng=np.random.default_rng(seed), width=means.size)
    drawn = draws.reshape(shape)
    estimates = _estimates(means, drawn, kinds)
    leads = _estimates(means[:1] - means[1:], drawn[:, :1] - drawn[:, 1:], kinds)
    return Comparison(
        customers=sum(len(window) for window in ids),
        means=dict(zip(names, estimates, strict=True)),
        leads=dict(zip(names[1:], leads, strict=True)),
        coverage={
            name: float(np.mean([samples[name].coverage for samples in counted or windows]))
            for name in names
        },
    )


def mean_of_means(figures: Sequence[Figures], *, width: int) -> Figures:
    """Return the mean (`width`,) over windows of the means over customers; NaN without windows.

    >>> mean_of_means([np.array([[0.0], [1.0]]), np.array([[1.0]])], width=1)
    array([0.75])
    """
    if not figures:
        return np.full(width, np.nan)
    return np.asarray(
        np.mean([window.mean(axis=0) for window in figures], axis=0), dtype=np.float64
    )


def resample(
    customer_ids: Sequence[Ids],
    figures: Sequence[Figures],
    *,
    rng: np.random.Generator,
    width: int,
    draws: int = DRAWS,
) -> Figures:
    """Return the mean of means of `draws` draws of the customers, (draws, `width`).

    For each window `customer_ids` (N,) and `figures` (N, `width`). A draw leaves out a window of
    which it has no customer; it is NaN if it has none of any window.
    """
    if not figures:
        return np.full((draws, width), np.nan)
    distinct_ids = np.unique(np.concatenate(customer_ids))
    places = [np.searchsorted(distinct_ids, ids) for ids in customer_ids]
    count = len(distinct_ids)
    step = max(1, _AT_ONCE // count)
    resampled = np.empty((draws, width))
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        drawn = rng.integers(0, count, (rows, count)) + count * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        resampled[start : start + rows] = _means(times.astype(np.float64), places, figures)
    return resampled


def _means(
    times: Figures, places: Sequence[npt.NDArray[np.intp]], figures: Sequence[Figures]
) -> Figures:
    """Return the mean of means, where `times` (draws, customers) weights each customer."""
    total = np.zeros((len(times), figures[0].shape[1]))
    windows = np.zeros((len(times), 1))
    for place, values in zip(places, figures, strict=True):
        weights = times[:, place]
        size = weights.sum(axis=1, keepdims=True)
        total += weights @ values / np.maximum(size, 1)
        windows += size > 0
    return np.where(windows > 0, total / np.maximum(windows, 1), np.nan)


def _estimates(means: Figures, draws: Figures, kinds: list[str]) -> list[dict[str, Estimate]]:
    """Return the estimates of each row of `means` (M, kinds); `draws` is (draws, M, kinds)."""
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    if np.isnan(means).all():
        low = high = means
    else:
        low, high = np.nanquantile(draws, tails, axis=0)
    return [
        {
            kind: Estimate(value=float(v), low=float(a), high=float(b))
            for kind, v, a, b in zip(kinds, *row, strict=True)
        }
        for row in zip(means, low, high, strict=True)
    ]
