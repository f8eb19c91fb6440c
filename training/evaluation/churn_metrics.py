"""Metrics of churn probabilities: order (AUC), distance (Brier score), calibration (ECE)."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

BINS: Final = 10
Array = npt.NDArray[np.generic]


def auc(labels: Array, scores: Array) -> float:
    """Return the share of (positive, negative) pairs that `scores` (B,) order correctly; ties half.

    NaN where one class is missing. Mann and Whitney (1947), computed from ranks.

    >>> auc(np.array([1, 1, 0]), np.array([0.9, 0.4, 0.4]))
    0.75
    """
    positive = labels.astype(bool)
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros:
        return float("nan")
    above = rankdata(scores)[positive].sum() - ones * (ones + 1) / 2
    return float(above / (ones * zeros))


def brier(labels: Array, probabilities: Array) -> float:
    """Return the mean squared distance of `probabilities` (B,) from the 0/1 `labels` (Brier, 1950).

    >>> brier(np.array([1, 0]), np.array([0.5, 0.0]))
    0.125
    """
    if not len(labels):
        return float("nan")
    return float(np.mean((probabilities.astype(np.float64) - labels.astype(np.float64)) ** 2))


def calibration_error(labels: Array, probabilities: Array) -> float:
    """Return the expected calibration error over ten bins of equal width.

    The mean, over customers, of |mean prediction - share of positives| of their bin; a probability
    of 1 is in the last bin. Naeini, Cooper and Hauskrecht (2015).

    >>> round(calibration_error(np.array([1, 0, 1]), np.array([0.25, 0.25, 1.0])), 6)
    0.166667
    """
    if not len(labels):
        return float("nan")
    p, y = probabilities.astype(np.float64), labels.astype(np.float64)
    bins = np.clip((p * BINS).astype(int), 0, BINS - 1)
    gaps = np.bincount(bins, weights=p - y, minlength=BINS)
    return float(np.abs(gaps).sum() / len(p))


def top_lift(labels: Array, scores: Array) -> float:
    """Return the share of positives in the top tenth by `scores` (B,), over that of all.

    NaN below ten customers or without a positive; ties keep the given order.
    """
    top = np.argsort(-scores.astype(np.float64), kind="stable")[: len(scores) // 10]
    if not len(top) or not labels.any():
        return float("nan")
    return float(labels[top].mean() / labels.mean())


def churn_metrics(labels: Array, probabilities: Array) -> dict[str, float]:
    """Return the figures of the report of a churn model, by name.

    `labels` (B,): 1 where no order came in the horizon; `probabilities` (B,) in 0-1.
    """
    if labels.shape != probabilities.shape:
        raise ValueError(f"labels {labels.shape} and probabilities {probabilities.shape} differ")
    empty = not len(labels)
    return {
        "auc": auc(labels, probabilities),
        "brier": brier(labels, probabilities),
        "ece": calibration_error(labels, probabilities),
        "lift_at_10_percent": top_lift(labels, probabilities),
        "churn_rate": float("nan") if empty else float(labels.mean()),
        "mean_prediction": float("nan") if empty else float(probabilities.mean(dtype=np.float64)),
        "customers": float(len(labels)),
    }
