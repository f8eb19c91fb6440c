"""Unlike products side by side: what makes two alike, and how a list avoids it.

What that costs is measured by `training.price_diversity`.
"""

from typing import Final

import numpy as np

from training.data.inputs import FloatArray, IntArray

POOL: Final = 100


def pool_size(k: int) -> int:
    """Return among how many of the best products a list of `k` is chosen: POOL, or five each.

    >>> pool_size(10), pool_size(100)
    (100, 500)
    """
    return max(POOL, 5 * k)


def mmr(relevance: FloatArray, alike: FloatArray, *, k: int, diversity: float) -> IntArray:
    """Return which of M products, best first, each of B lists shows: columns (B, min(k, M)).

    After the best, the next one is always that with the most of (1 - diversity) * relevance -
    diversity * likeness to the most alike product above it: maximal marginal relevance (Carbonell
    and Goldstein, 1998). `relevance` (B, M) is scaled to 0..1 within each row, -inf is no product
    (-1 where none is left); `alike` (B, M, M).

    >>> twins = np.float32([[[1, 1, 0], [1, 1, 0], [0, 0, 1]]])
    >>> mmr(np.float32([[5, 4, 1]]), twins, k=3, diversity=0.4)  # .6 * .75 - .4 against .6 * 0 - 0
    array([[0, 1, 2]])
    >>> mmr(np.float32([[5, 4, 1]]), twins, k=3, diversity=0.5)  # .5 * .75 - .5 against 0
    array([[0, 2, 1]])
    """
    there = np.isfinite(relevance)
    low = np.where(there, relevance, np.inf).min(axis=1, initial=np.inf, keepdims=True)
    high = np.where(there, relevance, -np.inf).max(axis=1, initial=-np.inf, keepdims=True)
    scaled = np.where(there, relevance - low, 0) / np.where(high > low, high - low, 1)
    value = np.where(there, scaled, -np.inf)
    nearest = np.full(relevance.shape, -np.inf)
    rows = np.arange(len(relevance))
    chosen = np.full((len(relevance), min(k, relevance.shape[1])), -1, dtype=np.int64)
    for position in range(chosen.shape[1]):
        best = value.argmax(axis=1)
        chosen[:, position] = np.where(np.isinf(value[rows, best]), -1, best)
        there[rows, best] = False
        nearest = np.maximum(nearest, alike[rows, best])
        value = np.where(there, (1 - diversity) * scaled - diversity * nearest, -np.inf)
    return chosen
