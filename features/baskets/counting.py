"""Compiled counts over orders: followed products, and sets of three."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from configs.compiled import Plain, compiled

IntArray = npt.NDArray[np.int64]


class Rows(NamedTuple):
    """The places of a sparse matrix by row, as scipy's csr stores them."""

    starts: IntArray  # (rows + 1,)
    columns: IntArray  # (N,)


@compiled
def later_orders(
    customers: IntArray, times: IntArray, window: int, starts: IntArray, stops: IntArray
) -> None:
    """Write where each order's later orders start and stop, among orders sorted by both.

    They are the same customer's (-1: a guest, who has none), after it by at most `window`.
    """
    start, stop = 0, 0
    for order in range(len(times)):
        start, stop = max(start, order + 1), max(stop, order + 1)
        customer = customers[order]
        while start < len(times) and (
            customers[start] == customer and times[start] == times[order]
        ):
            start += 1
        stop = max(start, stop)
        while stop < len(times) and (
            customers[stop] == customer and times[stop] <= times[order] + window
        ):
            stop += 1
        starts[order] = start
        stops[order] = start if customer < 0 else stop


@compiled
def followed(baskets: Plain, later: Plain, rules: Plain, counts: IntArray) -> None:
    """Add to `counts` (N,), for each rule, the orders with its first product that are followed.

    `baskets` are the Rows of orders by products, `later` the start and stop of each order's later
    orders, `rules` the Rows of first by second products. A rule's order counts once, if any later
    order contains the second product.
    """
    starts, products = baskets
    first, last = later
    begins, seconds = rules
    seen = np.full(len(begins) - 1, -1, dtype=np.int64)  # the last order that saw the product later
    for order in range(len(starts) - 1):
        if first[order] == last[order]:
            continue
        for entry in range(starts[first[order]], starts[last[order]]):
            seen[products[entry]] = order
        for entry in range(starts[order], starts[order + 1]):
            product = products[entry]
            for rule in range(begins[product], begins[product + 1]):
                counts[rule] += seen[seconds[rule]] == order


@compiled
def triples(
    baskets: Plain, holders: IntArray, companions: IntArray, slots: IntArray, counts: IntArray
) -> None:
    """Add to `counts` (M, M) the orders with each two of M `companions`, at i < j.

    `baskets` are the Rows of orders by products, `holders` the orders that count. `slots` (P,) is
    room to work in: -1 before and after.
    """
    starts, products = baskets
    for slot in range(len(companions)):
        slots[companions[slot]] = slot
    found = np.empty(len(companions), dtype=np.int64)
    for order in holders:
        count = 0
        for entry in range(starts[order], starts[order + 1]):
            slot = slots[products[entry]]
            if slot >= 0:
                found[count] = slot
                count += 1
        for one in range(count):
            for other in range(one + 1, count):
                low, high = min(found[one], found[other]), max(found[one], found[other])
                counts[low, high] += 1
    slots[companions] = -1
