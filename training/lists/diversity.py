"""Diverse lists: choose products that are relevant and differ from those above them.

`training.benchmarks.price_diversity` measures the cost.
"""

from typing import Final

import numpy as np

from training.data.inputs import FloatArray, IntArray

POOL: Final = 100


def pool_size(k: int) -> int:
    """Return the number of best products from which a list of `k` is chosen: POOL, or 5 * k.

    >>> pool_size(10), pool_size(100)
    (100, 500)
    """
    return max(POOL, 5 * k)


def mmr(relevance: FloatArray, similarity: FloatArray, *, k: int, diversity: float) -> IntArray:
    """Return the products of each of B lists, best first: columns (B, min(k, M)) of M products.

    After the best product, each next one has the highest (1 - diversity) * relevance - diversity *
    (highest similarity to a product above it): maximal marginal relevance (Carbonell and Goldstein,
    1998). `relevance` (B, M) is scaled to 0..1 within each row; -inf means no product (-1 where
    none is left). `similarity` (B, M, M) has the cosines.

    >>> twins = np.float32([[[1, 1, 0], [1, 1, 0], [0, 0, 1]]])
    >>> mmr(np.float32([[5, 4, 1]]), twins, k=3, diversity=0.4)  # .6 * .75 - .4 against .6 * 0 - 0
    array([[0, 1, 2]])
    >>> mmr(np.float32([[5, 4, 1]]), twins, k=3, diversity=0.5)  # .5 * .75 - .5 against 0
    array([[0, 2, 1]])
    """
    available = np.isfinite(relevance)
    low = np.where(available, relevance, np.inf).min(axis=1, initial=np.inf, keepdims=True)
    high = np.where(available, relevance, -np.inf).max(axis=1, initial=-np.inf, keepdims=True)
    scaled = np.where(available, relevance - low, 0) / np.where(high > low, high - low, 1)
    value = np.where(available, scaled, -np.inf)
    highest_similarity = np.full(relevance.shape, -np.inf)
    rows = np.arange(len(relevance))
    chosen = np.full((len(relevance), min(k, relevance.shape[1])), -1, dtype=np.int64)
    for position in range(chosen.shape[1]):
        best = value.argmax(axis=1)
        chosen[:, position] = np.where(np.isinf(value[rows, best]), -1, best)
        available[rows, best] = False
        highest_similarity = np.maximum(highest_similarity, similarity[rows, best])
        value = np.where(
            available, (1 - diversity) * scaled - diversity * highest_similarity, -np.inf
        )
    return chosen
