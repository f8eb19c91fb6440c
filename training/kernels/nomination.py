"""The products that the sources nominate for each customer, and the scores of the others."""

from typing import Final

import numpy as np
import numpy.typing as npt

from configs.compiled import compiled
from training.data.inputs import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.uint32]
_STRIDE: Final = 64  # keys that are skipped together if none is good enough
_NOMINATED: Final = 1
_OWNED: Final = 2


@compiled
def nominate(
    scores: tuple[FloatArray, ...], history: IntArray, count: int
) -> tuple[IntArray, IntArray, BoolArray]:
    """Return the candidates of B customers: rows, columns (N,), and whether each is new (N,).

    The candidates are all products of the `history` (B, L), and for each source the `count` other
    products with its best finite `scores` (B, C); of equal scores the first. Rows ascend, then
    columns.
    """
    customers, width = scores[0].shape
    most = min(width, history.shape[1] + count * len(scores))
    rows = np.empty(customers * most, dtype=np.int64)
    columns = np.empty(customers * most, dtype=np.int64)
    new = np.empty(customers * most, dtype=np.bool_)
    marks = np.zeros((width + 7) // 8 * 8, dtype=np.uint8)
    keys = np.empty(width, dtype=np.uint32)
    total = 0
    for row in range(customers):
        for source in range(len(scores)):
            _order(scores[source][row], keys)
            for place in history[row]:
                if place >= 0:
                    keys[place] = 0
            _mark_best(keys, count, marks)
        for place in history[row]:
            if place >= 0:
                marks[place] = _OWNED
        eights = marks.view(np.uint64)
        for number in range(len(eights)):
            if eights[number]:
                for place in range(8 * number, 8 * number + 8):
                    if marks[place]:
                        rows[total], columns[total] = row, place
                        new[total] = marks[place] == _NOMINATED
                        total += 1
                eights[number] = 0
    return rows[:total], columns[:total], new[:total]


@compiled
def top_places(scores: FloatArray, count: int) -> IntArray:
    """Return the places of the `count` best finite `scores` (C,), and of a few others."""
    keys = np.empty(len(scores), dtype=np.uint32)
    _order(scores, keys)
    return _reaching(_bound(keys, count), keys)


@compiled
def _order(scores: FloatArray, keys: Keys) -> None:
    """Write integer `keys` (C,) that sort like the `scores` (C,); 0 where one is not finite."""
    numbers, bits = keys.view(np.float32), keys.view(np.int32)
    for place in range(len(keys)):
        numbers[place] = scores[place] + np.float32(0)  # turns -0 into 0
    infinite = np.int32(0x7F800000)
    for place in range(len(keys)):
        flipped = bits[place] >> np.int32(31) | np.int32(-(2**31))  # all bits below 0, else one
        key = np.uint32(bits[place] ^ flipped)
        keys[place] = np.uint32(0) if bits[place] & infinite == infinite else key


@compiled
def _mark_best(keys: Keys, count: int, marks: npt.NDArray[np.uint8]) -> None:
    """Mark the places of the `count` best `keys` (C,) above 0; of equal keys the first."""
    places = _reaching(_bound(keys, count), keys)
    least, room = np.uint32(0), count
    if len(places) > count:
        least = _nth(keys[places], count)
        for place in places:
            room -= keys[place] > least
    for place in places:
        if keys[place] > least:
            marks[place] = _NOMINATED
        elif room > 0 and keys[place] == least:
            marks[place] = _NOMINATED
            room -= 1


@compiled
def _bound(keys: Keys, count: int) -> np.uint32:
    """Return a number above 0 that the `count` best `keys` reach, and few others.

    The keys are split among lanes; the number is the `count`-th of the lanes' best keys.
    """
    lanes = 64
    while lanes < 4 * count:
        lanes *= 2
    bound = np.uint32(1)
    if len(keys) >= 2 * lanes:
        best = np.zeros(lanes, dtype=np.uint32)
        for start in range(0, len(keys) - lanes + 1, lanes):
            chunk = keys[start : start + lanes]
            for lane in range(lanes):
                best[lane] = max(best[lane], chunk[lane])
        bound = max(bound, _nth(best, count))
    return bound


@compiled
def _reaching(bound: np.uint32, keys: Keys) -> IntArray:
    """Return the places of the `keys` that reach `bound`, in ascending order."""
    places, size = np.empty(len(keys), dtype=np.int64), 0
    for start in range(0, len(keys), _STRIDE):
        chunk, better = keys[start : start + _STRIDE], 0
        for key in chunk:
            better |= key >= bound
        if better:
            for lane in range(len(chunk)):
                places[size] = start + lane
                size += chunk[lane] >= bound
    return places[:size]


@compiled
def _nth(keys: Keys, count: int) -> np.uint32:
    """Return the `count`-th best of `keys`, or a lower number that no more keys reach.

    There are at least `count` keys. The number is built bit by bit, from the highest.
    """
    bound = np.uint32(0)
    for bit in range(31, -1, -1):
        higher = np.uint32(bound | np.uint32(1 << bit))
        reached = np.int32(0)
        for key in keys:
            reached = np.int32(reached + (key >= higher))
        if reached >= count:
            bound = higher
        if reached == count:
            break
    return bound


@compiled
def put_above(
    scores: FloatArray, candidates: tuple[FloatArray, IntArray, IntArray], ranked: FloatArray
) -> None:
    """Write the candidates' scores `ranked` (N,) into `scores` (B, C), above all other products.

    `candidates` are the best score of each row (B,), then rows and columns (N,). The others keep
    their order; the row's best score becomes 1 less than its worst candidate's.
    """
    best, rows, columns = candidates
    stop = 0
    while stop < len(rows):
        start, row, least = stop, rows[stop], ranked[stop]
        while stop < len(rows) and rows[stop] == row:
            least = min(least, ranked[stop])
            stop += 1
        line = scores[row]
        for place in range(len(line)):
            line[place] = line[place] - best[row] + least - np.float32(1)
        for pair in range(start, stop):
            line[columns[pair]] = ranked[pair]
