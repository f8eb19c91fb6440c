"""What a ranker reads of a customer and a product together, at the time of the query.

All of it comes from the query's history (at most HISTORY_LENGTH purchases) and the catalogue.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from configs.compiled import Plain, compiled
from features.model_inputs import NEVER_DAYS, SINGLE_GAP_DAYS
from features.schema import HISTORY_LENGTH
from training.data.content import content_vectors
from training.data.inputs import FloatArray, IntArray, Products, Queries
from training.data.pairs import Pairs
from training.kernels.faded_history import group

HALF_LIVES: Final = (14.0, 60.0, 200.0)
"""Days in which what a purchase counts for halves."""
NO_ORDERS_SINCE: Final = float(HISTORY_LENGTH)
"""The orders since a product was bought that never was."""
PAIR_INPUTS: Final = (
    "times_bought",
    *(f"bought_decayed_{days:.0f}d" for days in HALF_LIVES),
    "days_since_bought",
    "days_between_bought",  # mean days between purchases of this product
    "due",  # days since bought, in the product's own rhythm
    "in_last_order",
    "orders_since_bought",
    "share_of_orders",  # purchases of this product to orders
    "log_value",  # of what was paid for this product: its purchases' last lines
    "log_last_value",  # of what was paid for it at last
    "last_value_to_usual",  # its log less that of the mean purchase's
    "percent_of_value",  # of what was paid for all
    "percent_of_value_60d",  # the same, decayed
    "price_to_usual",  # log price less the mean log price of the history
    "alike",  # cosines with the other purchases, decayed by _ALIKE_DAYS, added up
    "alike_mean",  # the same over the weight of all purchases
    "history_purchases",
    "history_products",
    "history_repeats",  # share of the purchases that repeat another one's product
    "history_rebought",  # share of the products that were bought more than once
    "history_orders",
    "history_order_size",  # purchases to orders
    "history_days",  # since the oldest purchase
)
_OF_PRICE: Final = PAIR_INPUTS.index("price_to_usual")  # and what is alike after it
_ALIKE_DAYS: Final = 60.0
_VALUE_DAYS: Final = 60.0

Numbers = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int32]


class _Catalogue(NamedTuple):
    """What is read of C products: log prices, and content vectors (C, `dim`), row after row."""

    price: Numbers
    mean_price: float
    starts: Indices  # (C + 1,)
    tokens: Indices
    vectors: FloatArray
    dim: int


PairReader = Callable[[Queries, Pairs, FloatArray], None]
"""Takes B queries and N pairs of a query and a product; writes (F, N), rows as PAIR_INPUTS."""


def pair_reader(products: Products) -> PairReader:
    """Compute what depends on `products` alone, once; return the function of queries and pairs.

    What was never bought is NEVER_DAYS old; who bought a product once has no rhythm for it, and
    SINGLE_GAP_DAYS between purchases. Products are alike by title and category.
    """
    price = products.input("log_price").astype(np.float64)
    mean_price = float(price.mean()) if len(price) else 0.0
    vectors = content_vectors(products)
    content = (vectors.indptr, vectors.indices, vectors.data)
    catalogue = _Catalogue(price, mean_price, *content, dim=vectors.shape[1])

    def read(queries: Queries, pairs: Pairs, out: FloatArray) -> None:
        bought = (queries.history, queries.history_days, queries.history_values)
        _read(bought, (pairs.rows, pairs.columns), tuple(catalogue), out)

    return read


@compiled
def _read(
    bought: tuple[IntArray, FloatArray, FloatArray],
    pairs: tuple[IntArray, IntArray],
    catalogue: Plain,
    out: FloatArray,
) -> None:
    """Write `out` (F, N) from what was `bought` (history, days, values), by rows and columns."""
    history, days, values = bought
    rows, columns = pairs
    price, mean_price, starts, tokens, vectors, dim = catalogue
    length = history.shape[1]
    places, groups = np.empty(length, dtype=np.int64), np.empty(length, dtype=np.int64)
    numbers = np.zeros(len(price), dtype=np.int16)  # of what the customer bought, from 1 on
    profile = np.zeros(dim)
    stop = 0
    while stop < len(rows):
        start, row = stop, rows[stop]
        while stop < len(rows) and rows[stop] == row:
            stop += 1
        count = group(history[row], places, groups)
        told = np.zeros((count + 1, len(out)), dtype=np.float32)  # the last: of what was not bought
        left = _of_products(days[row], values[row], groups, told)
        usual, weight = mean_price, max(left.sum(), 1e-6)
        if count:
            usual = _mean_price(price, places, groups)
        for number in range(count):
            numbers[places[number]] = number + 1
            for entry in range(starts[places[number]], starts[places[number] + 1]):
                profile[tokens[entry]] += left[number] * vectors[entry]
        for pair in range(start, stop):
            place, likeness = columns[pair], 0.0
            for entry in range(starts[place], starts[place + 1]):
                likeness += profile[tokens[entry]] * vectors[entry]
            if starts[place] < starts[place + 1]:  # its own purchases are like itself
                likeness -= left[numbers[place] - 1]
            line = told[numbers[place] - 1]
            for number in range(len(line)):
                out[number, pair] = line[number]
            out[_OF_PRICE, pair] = price[place] - usual
            out[_OF_PRICE + 1, pair] = max(likeness, 0.0)
            out[_OF_PRICE + 2, pair] = max(likeness, 0.0) / weight
        for place in places[:count]:
            numbers[place] = 0
            profile[tokens[starts[place] : starts[place + 1]]] = 0


@compiled
def _mean_price(price: Numbers, places: IntArray, groups: IntArray) -> float:
    """Return the mean log price of the purchases, of which there is at least one."""
    total, purchases = 0.0, 0
    for number in groups:
        if number >= 0:
            total += price[places[number]]
            purchases += 1
    return total / purchases


@compiled
def _of_products(
    days: FloatArray, values: FloatArray, groups: IntArray, told: FloatArray
) -> Numbers:
    """Write all that does not depend on the catalogue into `told` (K + 1, F).

    A row for each bought product, as `groups` (L,) number them, and one for what was not bought.
    Returns what is left of each product's purchases by _ALIKE_DAYS, (K + 1,).
    """
    count = len(told) - 1
    times, rebought, oldest_of_all = np.zeros(count), 0, 0.0
    left = np.zeros((count, len(HALF_LIVES)))
    alike = np.zeros(count + 1)
    paid, paid_left, last = np.zeros(count), np.zeros(count), np.zeros(count)
    newest, oldest, since = np.zeros(count), np.zeros(count), np.zeros(count)
    shares = np.empty(len(HALF_LIVES) + 2)
    order, day = -1, -1.0  # purchases of one order have one time
    purchases, total, total_left = 0, 0.0, 0.0
    for slot in range(len(days)):
        number = groups[slot]
        if number < 0:
            continue
        if days[slot] != day:
            day = np.float64(days[slot])
            order += 1
            for place in range(len(HALF_LIVES)):
                shares[place] = 0.5 ** (day / HALF_LIVES[place])
            shares[-2], shares[-1] = 0.5 ** (day / _ALIKE_DAYS), 0.5 ** (day / _VALUE_DAYS)
        value = np.float64(values[slot])
        if times[number] == 0:
            newest[number], since[number], last[number] = day, order, value
        rebought += times[number] == 1
        times[number] += 1
        oldest[number] = max(oldest[number], day)
        oldest_of_all = max(oldest_of_all, day)
        left[number] += shares[: len(HALF_LIVES)]
        alike[number] += shares[-2]
        paid[number] += value
        paid_left[number] += value * shares[-1]
        purchases += 1
        total += value
        total_left += value * shares[-1]
    orders = max(order + 1, 1)
    usual = np.log1p(total / max(purchases, 1))
    for number in range(count):
        line, gap = told[number], SINGLE_GAP_DAYS
        if times[number] > 1:
            gap = (oldest[number] - newest[number]) / (times[number] - 1)
        line[0], line[1:4] = times[number], left[number]
        line[4], line[5], line[6] = newest[number], gap, newest[number] / max(gap, 1.0)
        line[7], line[8], line[9] = since[number] == 0, since[number], times[number] / orders
        line[10], line[11] = np.log1p(paid[number]), np.log1p(last[number])
        line[12] = np.log1p(last[number]) - usual
        line[13] = 100 * paid[number] / max(total, 1e-6)
        line[14] = 100 * paid_left[number] / max(total_left, 1e-6)
    line = told[count]
    line[4], line[5] = NEVER_DAYS, SINGLE_GAP_DAYS
    line[6], line[8] = NEVER_DAYS / max(SINGLE_GAP_DAYS, 1.0), NO_ORDERS_SINCE
    for line in told:
        line[18], line[19], line[20] = purchases, count, 1 - count / max(purchases, 1)
        line[21], line[22] = rebought / max(count, 1), order + 1
        line[23], line[24] = purchases / orders, oldest_of_all
    return alike
