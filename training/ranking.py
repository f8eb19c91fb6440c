"""From scores to lists."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.inputs import FloatArray, IntArray, Queries
from training.recommender import Scorer

BATCH = 512  # queries scored at a time


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Distinct places in a matrix of customers by products, ordered by row, then column."""

    rows: IntArray  # (N,)
    columns: IntArray  # (N,)

    def mask(self, start: int, stop: int, width: int) -> npt.NDArray[np.bool_]:
        """Return the rows [start, stop) as a matrix (stop - start, width), True at the pairs."""
        low, high = np.searchsorted(self.rows, [start, stop])
        marked = np.zeros((stop - start, width), dtype=np.bool_)
        marked[self.rows[low:high] - start, self.columns[low:high]] = True
        return marked

    def without(self, other: "Pairs", width: int) -> "Pairs":
        """Return the pairs that are not in `other`, a matrix of the same `width`."""
        kept = ~np.isin(self.rows * width + self.columns, other.rows * width + other.columns)
        return Pairs(rows=self.rows[kept], columns=self.columns[kept])


def pairs(
    frame: pd.DataFrame,
    customer_ids: npt.NDArray[np.object_],
    product_ids: npt.NDArray[np.object_],
) -> Pairs:
    """Return the (customer_id, product_id) of `frame` as places; ids not given are left out."""
    rows = pd.Index(customer_ids).get_indexer(pd.Index(frame["customer_id"].astype(object)))
    columns = pd.Index(product_ids).get_indexer(pd.Index(frame["product_id"].astype(object)))
    known = (rows >= 0) & (columns >= 0)
    width = max(len(product_ids), 1)
    places = np.unique(rows[known].astype(np.int64) * width + columns[known])
    return Pairs(rows=places // width, columns=places % width)


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
    cost = np.where(np.isnan(scores), np.inf, -scores)
    if exclude is not None:
        cost = np.where(exclude, np.inf, cost)
    count = min(k, scores.shape[1])
    if count < scores.shape[1]:
        bound = np.partition(cost, count - 1, axis=1)[:, count - 1 : count]
        cost = np.where(cost > bound, np.inf, cost)
    order = np.argsort(cost, axis=1, kind="stable")[:, :count].astype(np.int64)
    order[np.isinf(np.take_along_axis(cost, order, axis=1))] = -1
    padding = np.full((len(scores), k - count), -1, dtype=np.int64)
    return np.concatenate([order, padding], axis=1)


def rank(
    scorer: Scorer, queries: Queries, k: int, *, width: int, lists: Mapping[str, Pairs | None]
) -> dict[str, IntArray]:
    """Return the k best of `width` candidates for each of B queries, (B, k), as `top_k` does.

    `lists` names the lists to make and what each may not hold; one scoring serves them all.
    """
    found = {name: np.empty((len(queries), k), dtype=np.int64) for name in lists}
    for start in range(0, len(queries), BATCH):
        stop = min(start + BATCH, len(queries))
        scores = scorer(queries[start:stop])
        for name, exclude in lists.items():
            without = None if exclude is None else exclude.mask(start, stop, width)
            found[name][start:stop] = top_k(scores, k, exclude=without)
    return found
