"""How good lists are: every function gives one figure for each customer, (B,).

`hits` (B, K) says which places of a list, best first, name a product that the customer then
bought; `wanted` (B,) how many products the customer bought. Full-catalogue ranking, binary gains.
A customer who bought nothing has the figure 0.
"""

import numpy as np
import numpy.typing as npt

from training.inputs import IntArray

Hits = npt.NDArray[np.bool_]
Figures = npt.NDArray[np.float64]


def ndcg(hits: Hits, wanted: IntArray) -> Figures:
    """Discounted gain over that of the best list (Jaervelin and Kekaelaeinen, 2002).

    >>> ndcg(np.array([[True, False, True]]), np.array([2])).round(4)  # 1.5 / (1 + 1/log2(3))
    array([0.9197])
    """
    places = hits.shape[1]
    discount = 1 / np.log2(np.arange(2, places + 2))
    best = np.concatenate([[np.inf], np.cumsum(discount)])[np.minimum(wanted, places)]
    return np.asarray(hits @ discount / best, dtype=np.float64)


def recall(hits: Hits, wanted: IntArray) -> Figures:
    """Share of the wanted products that the list names, of at most K.

    >>> recall(np.array([[True, False, True]]), np.array([4]))
    array([0.66666667])
    """
    most = np.minimum(wanted, hits.shape[1])
    return np.asarray(hits.sum(1) / np.where(most > 0, most, np.inf), dtype=np.float64)


def hit_rate(hits: Hits) -> Figures:
    """1 where the list names at least one wanted product.

    >>> hit_rate(np.array([[False, True], [False, False]]))
    array([1., 0.])
    """
    return np.asarray(hits.any(axis=1), dtype=np.float64)


def reciprocal_rank(hits: Hits) -> Figures:
    """1 over the first wanted product's place; the mean over customers is the MRR.

    >>> reciprocal_rank(np.array([[False, True], [False, False]]))
    array([0.5, 0. ])
    """
    if not hits.shape[1]:
        return np.zeros(len(hits))
    return np.where(hits.any(axis=1), 1 / (hits.argmax(axis=1) + 1.0), 0.0)


def coverage(lists: IntArray, catalogue: int) -> float:
    """Return the share of a catalogue of so many products that stands in any of `lists` (-1: none).

    >>> coverage(np.array([[0, 2], [2, -1]]), 4)
    0.5
    """
    shown = np.unique(lists[lists >= 0])
    return len(shown) / catalogue if catalogue else 0.0


def paired_interval(
    difference: Figures, *, rng: np.random.Generator, draws: int = 2000, level: float = 0.95
) -> tuple[float, float]:
    """Return the bootstrap interval of the mean `difference` of two models over the same customers.

    The percentile interval (Efron, 1979); (nan, nan) without customers.
    """
    if not len(difference):
        return float("nan"), float("nan")
    means = [
        float(difference[rng.integers(0, len(difference), len(difference))].mean())
        for _ in range(draws)
    ]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
