"""Customers' purchases, decayed by age and added up by product."""

from typing import NamedTuple

import numpy as np

from configs.compiled import Plain, compiled
from training.data.inputs import FloatArray, IntArray, Queries


class Faded(NamedTuple):
    """The decayed purchases of B customers, a number for each product."""

    starts: IntArray  # (B + 1,) where the products of each customer begin
    places: IntArray  # (N,) or longer: distinct for each customer, the newest purchase first
    left: FloatArray  # (N,) or longer: the sum over the purchases of a product


def faded_history(queries: Queries, *, half_life_days: float) -> Faded:
    """Return the purchases of each customer; one counts half after `half_life_days`.

    Purchases that are no longer in the stored history do not count. Models with one half-life share
    the result: it is computed once for the same `queries`.
    """
    key = (faded_history, half_life_days)
    if key not in queries.derived:
        queries.derived[key] = _faded(queries, half_life_days)
    faded: Faded = queries.derived[key]
    return faded


def _faded(queries: Queries, half_life_days: float) -> Faded:
    starts = np.zeros(len(queries) + 1, dtype=np.int64)
    places = np.empty(queries.history.size, dtype=np.int64)
    left = np.zeros(queries.history.size, dtype=np.float32)
    faded = Faded(starts, places, left)
    _fade(queries.history, queries.history_days, half_life_days, tuple(faded))
    return faded


def add_left(scores: FloatArray, bought: Faded, *, weight: float = 1.0) -> None:
    """Add the decayed purchases, times `weight`, to `scores` (B, C)."""
    starts, places, left = bought
    for row in range(len(scores)):
        products = slice(starts[row], starts[row + 1])
        scores[row, places[products]] += np.float32(weight) * left[products]


@compiled
def _fade(history: IntArray, days: FloatArray, half_life: float, faded: Plain) -> None:
    starts, places, left = faded
    groups = np.empty(history.shape[1], dtype=np.int64)
    for row in range(len(history)):
        start = starts[row]
        starts[row + 1] = start + group(history[row], places[start:], groups)
        day, share = np.float32(-1), 1.0
        for slot in range(history.shape[1]):
            if groups[slot] >= 0:
                if days[row, slot] != day:  # purchases of one order have one time
                    day = days[row, slot]
                    share = 0.5 ** (np.float64(day) / half_life)
                left[start + groups[slot]] += np.float32(share)


@compiled
def group(history: IntArray, places: IntArray, groups: IntArray) -> int:
    """Number the distinct products of `history` (L,) by first appearance; return their count.

    Writes the products into `places`, and the number of each purchase's product into `groups`
    (L,), -1 where the product is unknown.
    """
    size = 16
    while size < 2 * len(history):
        size *= 2
    table = np.full(size, -1, dtype=np.int64)  # a hash table of numbers, by product
    count = 0
    for slot in range(len(history)):
        place = history[slot]
        groups[slot] = -1
        if place >= 0:
            at = (place * 40503) & (size - 1)
            while table[at] >= 0 and places[table[at]] != place:
                at = (at + 1) & (size - 1)
            if table[at] < 0:
                table[at] = count
                places[count] = place
                count += 1
            groups[slot] = table[at]
    return count
