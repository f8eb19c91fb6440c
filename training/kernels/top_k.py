"""The best K of C scores for each row, in order."""

import numpy as np
import numpy.typing as npt

from configs.compiled import compiled
from training.data.inputs import FloatArray, IntArray

_STRIDE = 64  # scores that are skipped together if none is good enough


def top_k(scores: FloatArray, k: int, *, exclude: npt.NDArray[np.bool_] | None = None) -> IntArray:
    """Return the columns (B, k) of the k best of `scores` (B, C), best first.

    Equal scores keep the order of the columns. `exclude` (B, C) marks products that are not listed;
    where fewer than k remain, the list ends in -1. ValueError if k < 1.

    >>> top_k(np.float32([[1, 3, 3, 2]]), 3)
    array([[1, 2, 3]])
    >>> top_k(np.float32([[1, 3, 3, 2]]), 3, exclude=np.array([[False, True, True, False]]))
    array([[ 3,  0, -1]])
    """
    if k < 1:
        raise ValueError(f"k = {k}: a list has at least one place")
    scores = np.ascontiguousarray(scores)
    excluded = np.zeros(scores.shape, dtype=np.bool_) if exclude is None else exclude
    places = np.full((len(scores), k), -1, dtype=np.int64)
    for row in range(len(scores)):
        _find_best(scores[row], excluded[row], places[row])
    return places


@compiled
def _find_best(
    scores: npt.NDArray[np.floating], excluded: npt.NDArray[np.bool_], heap: IntArray
) -> None:
    """Write the places of the best finite `scores` (C,) into `heap` (k,), best first.

    The best so far form a min-heap; of equal scores the later place is worse.
    """
    k, filled = len(heap), 0
    best = np.empty(k, dtype=scores.dtype)
    for start in range(0, len(scores), _STRIDE):
        chunk, better = scores[start : start + _STRIDE], filled < k
        for score in chunk:  # most strides hold nothing good enough
            better |= score > best[0]
        for place in range(start, start + len(chunk) * better):
            score = scores[place]
            if excluded[place] or not np.isfinite(score):
                continue
            if filled < k:
                best[filled], heap[filled] = score, place
                filled += 1
                _rise(best, heap, filled - 1)
            elif score > best[0]:
                best[0], heap[0] = score, place
                _sink(best, heap, k)
    for last in range(filled - 1, 0, -1):  # move the worst remaining entry to the end
        best[0], best[last] = best[last], best[0]
        heap[0], heap[last] = heap[last], heap[0]
        _sink(best, heap, last)


@compiled
def _rise(best: npt.NDArray[np.floating], heap: IntArray, at: int) -> None:
    """Move the entry at `at` towards the front, before all better ones."""
    while at:
        parent = (at - 1) // 2
        if not _worse(best, heap, at, parent):
            break
        best[at], best[parent] = best[parent], best[at]
        heap[at], heap[parent] = heap[parent], heap[at]
        at = parent


@compiled
def _sink(best: npt.NDArray[np.floating], heap: IntArray, count: int) -> None:
    """Move the first entry behind all worse ones among the first `count`."""
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
def _worse(best: npt.NDArray[np.floating], heap: IntArray, first: int, second: int) -> bool:
    if best[first] != best[second]:
        return bool(best[first] < best[second])
    return bool(heap[first] > heap[second])
