"""From scores to lists."""

import numpy as np
import numpy.typing as npt

from training.inputs import FloatArray, IntArray


def top_k(scores: FloatArray, k: int, *, exclude: npt.NDArray[np.bool_] | None = None) -> IntArray:
    """Return the columns (B, k) of the k best of `scores` (B, C), best first.

    Equal scores keep the order of the columns. `exclude` (B, C) marks what may not be listed;
    where fewer than k remain, the list ends in -1. ValueError if k < 1.

    >>> top_k(np.float32([[1, 3, 3, 2]]), 3)
    array([[1, 2, 3]])
    >>> top_k(np.float32([[1, 3, 3, 2]]), 3, exclude=np.array([[False, True, True, False]]))
    array([[ 3,  0, -1]])
    """
    if k < 1:
        raise ValueError(f"k = {k}: a list has at least one place")
    cost = np.where(np.isnan(scores), np.inf, -scores.astype(np.float32))
    if exclude is not None:
        cost = np.where(exclude, np.inf, cost)
    count = min(k, scores.shape[1])
    if count < scores.shape[1]:
        bound = np.partition(cost, count - 1, axis=1)[:, count - 1 : count]
        cost = np.where(cost > bound, np.inf, cost)
    order = np.argsort(cost, axis=1, kind="stable")[:, :count]
    order[np.isinf(np.take_along_axis(cost, order, axis=1))] = -1
    padding = np.full((len(scores), k - count), -1, dtype=np.int64)
    return np.concatenate([order.astype(np.int64), padding], axis=1)
