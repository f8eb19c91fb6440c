"""Which products the sources nominate for each customer, and what is told of them."""

import numpy as np
import numpy.typing as npt

from training.compiled import compiled
from training.inputs import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]
_STRIDE = 64  # scores that are passed over at once where none is good enough
_NOMINATED, _OWNED = 1, 2


@compiled
def nominate(
    scores: tuple[FloatArray, ...], history: IntArray, count: int
) -> tuple[IntArray, IntArray, BoolArray]:
    """Return the candidates of B customers: rows, columns (N,), and whether each is new (N,).

    They are all products of the `history` (B, L) and, by each source's `scores` (B, C), the `count`
    with the best finite ones outside of it, the first of equals. Rows ascend, then columns.
    """
    customers, width = scores[0].shape
    most = min(width, history.shape[1] + count * len(scores))
    rows = np.empty(customers * most, dtype=np.int64)
    columns = np.empty(customers * most, dtype=np.int64)
    new = np.empty(customers * most, dtype=np.bool_)
    marks = np.zeros((width + 7) // 8 * 8, dtype=np.uint8)
    best, heap = np.empty(count, dtype=np.float32), np.empty(count, dtype=np.int64)
    found = 0
    for row in range(customers):
        for place in history[row]:
            if place >= 0:
                marks[place] = _OWNED
        for source in range(len(scores)):
            _find_best(scores[source][row], marks, best, heap)
            for place in heap:
                if place >= 0:
                    marks[place] = _NOMINATED
        eights = marks.view(np.uint64)
        for number in range(len(eights)):
            if eights[number]:
                for place in range(8 * number, 8 * number + 8):
                    if marks[place]:
                        rows[found], columns[found] = row, place
                        new[found] = marks[place] == _NOMINATED
                        found += 1
                eights[number] = 0
    return rows[:found], columns[:found], new[:found]


@compiled
def _find_best(
    scores: FloatArray, marks: npt.NDArray[np.uint8], best: FloatArray, heap: IntArray
) -> None:
    """Put the places of the best finite `scores` (C,) that are not owned into `heap`, else -1.

    A heap whose worst stands first: the lowest in `best`, of equals the last in the catalogue.
    """
    heap[:], best[:] = -1, -np.inf
    if not len(heap):
        return
    for start in range(0, len(scores), _STRIDE):
        some, better = scores[start : start + _STRIDE], 0
        for score in some:
            better |= score > best[0]
        if better:
            for place in range(start, start + len(some)):
                score = scores[place]
                if score > best[0] and marks[place] != _OWNED and np.isfinite(score):
                    _replace_worst(best, heap, score, place)


@compiled
def _replace_worst(best: FloatArray, heap: IntArray, score: np.float32, place: int) -> None:
    """Put `score` at `place`, which comes after all in the `heap`, instead of the heap's worst."""
    at, count = 0, len(heap)
    while 2 * at + 1 < count:
        child = 2 * at + 1
        other = child + 1
        if other < count and (
            best[other] < best[child] or (best[other] == best[child] and heap[other] > heap[child])
        ):
            child = other
        if best[child] >= score:
            break
        best[at], heap[at] = best[child], heap[child]
        at = child
    best[at], heap[at] = score, place


@compiled
def tell_scores(
    scores: tuple[FloatArray, ...], rows: IntArray, columns: IntArray, out: FloatArray
) -> None:
    """Write into `out` (2 S, N) each source's scores of N candidates, then how far each is below
    the best of its row's.
    """
    for source in range(len(scores)):
        own, gaps = out[source], out[len(scores) + source]
        for pair in range(len(rows)):
            own[pair] = scores[source][rows[pair], columns[pair]]
        stop = 0
        while stop < len(rows):
            start, best = stop, own[stop]
            while stop < len(rows) and rows[stop] == rows[start]:
                best = max(best, own[stop])
                stop += 1
            for pair in range(start, stop):
                gaps[pair] = own[pair] - best


@compiled
def tell_known(
    known: FloatArray, activity: FloatArray, rows: IntArray, columns: IntArray, out: FloatArray
) -> None:
    """Write into `out` the inputs `known` (K, C) of N products, then the `activity` (B, F)."""
    for number in range(len(known)):
        for pair in range(len(columns)):
            out[number, pair] = known[number, columns[pair]]
    for number in range(activity.shape[1]):
        for pair in range(len(rows)):
            out[len(known) + number, pair] = activity[rows[pair], number]


@compiled
def put_above(scores: FloatArray, rows: IntArray, columns: IntArray, ranked: FloatArray) -> None:
    """Make `ranked` (N,) the scores of the candidates in `scores` (B, C), each row's others lower.

    These keep their order, with the best of all at 1 below the row's worst candidate.
    """
    stop = 0
    while stop < len(rows):
        start, row, least = stop, rows[stop], ranked[stop]
        while stop < len(rows) and rows[stop] == row:
            least = min(least, ranked[stop])
            stop += 1
        line = scores[row]
        best = line.max()
        for place in range(len(line)):
            line[place] = line[place] - best + least - np.float32(1)
        for pair in range(start, stop):
            line[columns[pair]] = ranked[pair]
