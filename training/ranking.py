"""From scores to lists."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from configs.compiled import compiled
from training.inputs import FloatArray, IntArray, Queries
from training.recommender import Scorer

BATCH = 512  # queries scored at a time
_STRIDE = 64  # scores that are passed over at once where none is good enough


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
    scores = np.ascontiguousarray(scores)
    barred = np.zeros(scores.shape, dtype=np.bool_) if exclude is None else exclude
    places = np.full((len(scores), k), -1, dtype=np.int64)
    for row in range(len(scores)):
        _find_best(scores[row], barred[row], places[row])
    return places


@compiled
def _find_best(
    scores: npt.NDArray[np.floating], barred: npt.NDArray[np.bool_], heap: IntArray
) -> None:
    """Write into `heap` (k,) the places of the best finite `scores` (C,), best first.

    The best so far are kept with the worst in front: the lowest, of equals the last.
    """
    k, found = len(heap), 0
    best = np.empty(k, dtype=scores.dtype)
    for start in range(0, len(scores), _STRIDE):
        some, better = scores[start : start + _STRIDE], found < k
        for score in some:  # most strides hold nothing good enough
            better |= score > best[0]
        for place in range(start, start + len(some) * better):
            score = scores[place]
            if barred[place] or not np.isfinite(score):
                continue
            if found < k:
                best[found], heap[found] = score, place
                found += 1
                _rise(best, heap, found - 1)
            elif score > best[0]:
                best[0], heap[0] = score, place
                _sink(best, heap, k)
    for last in range(found - 1, 0, -1):  # the worst of those left goes behind them
        best[0], best[last] = best[last], best[0]
        heap[0], heap[last] = heap[last], heap[0]
        _sink(best, heap, last)


@compiled
def _rise(best: npt.NDArray[np.floating], heap: IntArray, at: int) -> None:
    """Let what stands at `at` rise before all that is better."""
    while at:
        parent = (at - 1) // 2
        if not _worse(best, heap, at, parent):
            break
        best[at], best[parent] = best[parent], best[at]
        heap[at], heap[parent] = heap[parent], heap[at]
        at = parent


@compiled
def _sink(best: npt.NDArray[np.floating], heap: IntArray, count: int) -> None:
    """Let what stands in front sink behind all that is worse among the first `count`."""
    at = 0
    while 2 * at + 1 < count:
        child = 2 * at + 1
        other = child + 1
        if other < count and _worse(best, heap, other, child):
            child = other
        if not _worse(best, heap, child, at):
            break
        best[at], best[child] = best[child], best[at]
        heap[at], heap[child] = heap[child], heap[at]
        at = child


@compiled
def _worse(best: npt.NDArray[np.floating], heap: IntArray, one: int, other: int) -> bool:
    if best[one] != best[other]:
        return bool(best[one] < best[other])
    return bool(heap[one] > heap[other])


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
