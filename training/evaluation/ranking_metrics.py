"""Metrics of lists: every function returns one figure per customer, (B,).

`hits` (B, K) is True at the places of a list, best first, whose product the customer then bought;
`wanted` (B,) is how many products the customer bought. Full-catalogue ranking, binary gains. A
customer who bought nothing has the figure 0. `lists` (B, K) contain indices of products, -1 after
the end of a list.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from training.data.inputs import FloatArray, IntArray

Hits = npt.NDArray[np.bool_]
Figures = npt.NDArray[np.float64]
Vectors = FloatArray | sp.csr_array[Any]
"""A vector per product, (C, D), of length 1 (or 0 where nothing is known), dense or sparse."""


def ndcg(hits: Hits, wanted: IntArray) -> Figures:
    """Discounted gain, divided by that of the best list (Jaervelin and Kekaelaeinen, 2002).

    >>> ndcg(np.array([[True, False, True]]), np.array([2])).round(4)  # 1.5 / (1 + 1/log2(3))
    array([0.9197])
    """
    places = hits.shape[1]
    discount = 1 / np.log2(np.arange(2, places + 2))
    best = np.concatenate([[np.inf], np.cumsum(discount)])[np.minimum(wanted, places)]
    return np.asarray(hits @ discount / best, dtype=np.float64)


def recall(hits: Hits, wanted: IntArray) -> Figures:
    """Share of the wanted products, of which at most K count, that are in the list.

    >>> recall(np.array([[True, False, True]]), np.array([4]))
    array([0.66666667])
    """
    most = np.minimum(wanted, hits.shape[1])
    return np.asarray(hits.sum(1) / np.where(most > 0, most, np.inf), dtype=np.float64)


def hit_rate(hits: Hits) -> Figures:
    """1 where the list has at least one wanted product.

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


def novelty(lists: IntArray, shares: Figures) -> Figures:
    """Mean self-information of a list's products, in bits (Zhou et al., 2010).

    `shares` (C,), above 0, are the shares of the customers who bought each product. An empty list
    has the figure 0.

    >>> novelty(np.array([[0, 1], [1, -1]]), np.array([0.5, 0.125]))
    array([2., 3.])
    """
    named = lists >= 0
    if not len(shares):
        return np.zeros(len(lists))
    bits = np.where(named, -np.log2(shares)[np.maximum(lists, 0)], 0.0)
    return np.asarray(bits.sum(1) / np.maximum(named.sum(1), 1), dtype=np.float64)


def diversity(lists: IntArray, vectors: Vectors) -> Figures:
    """Mean of 1 - cosine over the pairs of a list's products (Ziegler et al., 2005).

    A list of fewer than two products has the figure 0.

    >>> vectors = np.eye(2, dtype=np.float32)[[0, 0, 1]]
    >>> diversity(np.array([[0, 1, 2], [0, 1, -1]]), vectors)  # pairs 0-1 alike, 0-2 and 1-2 not
    array([0.66666667, 0.        ])
    """
    dense_or_sparse: Any = vectors  # the stubs have no constructor for both types
    content: Any = sp.csr_array(dense_or_sparse).astype(np.float64)
    rows, places = np.nonzero(lists >= 0)
    named = lists[rows, places]
    shape = (len(lists), content.shape[0])
    sums = sp.csr_array((np.ones(len(rows)), (rows, named)), shape) @ content
    lengths = content.multiply(content).sum(axis=1)[named]
    self_products = np.bincount(rows, weights=lengths, minlength=len(lists))
    cosine_sums = sums.multiply(sums).sum(axis=1) - self_products  # each pair counts twice
    count = (lists >= 0).sum(1)
    pairs = count * (count - 1)
    return np.where(pairs > 0, 1 - cosine_sums / np.maximum(pairs, 1), 0.0)


def coverage(lists: IntArray, catalogue: int) -> float:
    """Return the share of `catalogue` products that appear in any of `lists` (-1: no product).

    >>> coverage(np.array([[0, 2], [2, -1]]), 4)
    0.5
    """
    shown = np.unique(lists[lists >= 0])
    return len(shown) / catalogue if catalogue else 0.0
