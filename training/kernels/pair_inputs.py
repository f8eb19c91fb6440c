"""A ranker's inputs for a pair of customer and product, from the history and the catalogue."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from configs.compiled import Plain, compiled
from features.customer_features import HISTORY_LENGTH
from features.model_inputs import NEVER_DAYS, SINGLE_GAP_DAYS
from training.data.inputs import FloatArray, IntArray
from training.kernels.faded_history import group

HALF_LIVES: Final = (14.0, 60.0, 200.0)
"""Half-lives of a purchase's weight, in days."""
NO_ORDERS_SINCE: Final = float(HISTORY_LENGTH)
"""The orders since a product was bought, if it never was."""
PAIR_INPUTS: Final = (
    "times_bought",
    *(f"bought_decayed_{days:.0f}d" for days in HALF_LIVES),
    "days_since_bought",
    "days_between_bought",  # mean days between purchases of this product
    "due",  # days since bought, over days between
    "in_last_order",
    "orders_since_bought",
    "share_of_orders",  # purchases of this product to orders
    "log_value",  # of the amount paid for this product: its purchases' last lines
    "log_last_value",  # of the amount paid for it in its newest purchase
    "last_value_to_usual",  # its log minus the log of the mean purchase
    "percent_of_value",  # of the amount paid for all products
    "percent_of_value_60d",  # the same, decayed
    "price_to_usual",  # log price minus the mean log price of the history
    "alike",  # sum of cosines with the other purchases, decayed by _ALIKE_DAYS
    "alike_mean",  # the same divided by the weight of all purchases
    "history_purchases",
    "history_products",
    "history_repeats",  # share of the purchases that repeat a product
    "history_rebought",  # share of the products that were bought more than once
    "history_orders",
    "history_order_size",  # purchases to orders
    "history_days",  # since the oldest purchase
)
# The columns by name: constants for compiled code.
_TIMES_BOUGHT: Final = PAIR_INPUTS.index("times_bought")
_DAYS_SINCE: Final = PAIR_INPUTS.index("days_since_bought")
_DAYS_BETWEEN: Final = PAIR_INPUTS.index("days_between_bought")
_DUE: Final = PAIR_INPUTS.index("due")
_IN_LAST_ORDER: Final = PAIR_INPUTS.index("in_last_order")
_ORDERS_SINCE: Final = PAIR_INPUTS.index("orders_since_bought")
_SHARE_OF_ORDERS: Final = PAIR_INPUTS.index("share_of_orders")
_LOG_VALUE: Final = PAIR_INPUTS.index("log_value")
_LOG_LAST_VALUE: Final = PAIR_INPUTS.index("log_last_value")
_LAST_VALUE_TO_USUAL: Final = PAIR_INPUTS.index("last_value_to_usual")
_PERCENT_OF_VALUE: Final = PAIR_INPUTS.index("percent_of_value")
_PERCENT_OF_VALUE_60D: Final = PAIR_INPUTS.index("percent_of_value_60d")
_PRICE_TO_USUAL: Final = PAIR_INPUTS.index("price_to_usual")
_ALIKE: Final = PAIR_INPUTS.index("alike")
_ALIKE_MEAN: Final = PAIR_INPUTS.index("alike_mean")
_PURCHASES: Final = PAIR_INPUTS.index("history_purchases")
_PRODUCTS: Final = PAIR_INPUTS.index("history_products")
_REPEATS: Final = PAIR_INPUTS.index("history_repeats")
_REBOUGHT: Final = PAIR_INPUTS.index("history_rebought")
_ORDERS: Final = PAIR_INPUTS.index("history_orders")
_ORDER_SIZE: Final = PAIR_INPUTS.index("history_order_size")
_HISTORY_DAYS: Final = PAIR_INPUTS.index("history_days")
_DECAYED: Final = PAIR_INPUTS.index(f"bought_decayed_{HALF_LIVES[0]:.0f}d")  # and the next ones
_ALIKE_DAYS: Final = 60.0
_VALUE_DAYS: Final = 60.0

Numbers = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int32]


class Contents(NamedTuple):
    """Log prices of C products, and their content vectors (C, `dim`) as sparse rows."""

    price: Numbers  # (C,)
    mean_price: float
    starts: Indices  # (C + 1,)
    tokens: Indices
    vectors: FloatArray
    dim: int


@compiled
def write_pair_inputs(
    bought: tuple[IntArray, FloatArray, FloatArray],
    pairs: tuple[IntArray, IntArray],
    contents: Plain,
    out: FloatArray,
) -> None:
    """Write PAIR_INPUTS of N pairs into `out` (F, N).

    `bought` holds products, days and values (B, L) of the purchases; `pairs` rows and columns (N,),
    row after row; `contents` is a `Contents` as a tuple.
    """
    history, days, values = bought
    rows, columns = pairs
    price, mean_price, starts, tokens, vectors, dim = contents
    length = history.shape[1]
    places, groups = np.empty(length, dtype=np.int64), np.empty(length, dtype=np.int64)
    numbers = np.zeros(len(price), dtype=np.int16)  # of the bought products, from 1
    profile = np.zeros(dim)
    stop = 0
    while stop < len(rows):
        start, row = stop, rows[stop]
        while stop < len(rows) and rows[stop] == row:
            stop += 1
        count = group(history[row], places, groups)
        lines = np.zeros((count + 1, len(out)), dtype=np.float32)  # the last: products not bought
        weights = _write_history(days[row], values[row], groups, lines)
        usual, total_weight = mean_price, max(weights.sum(), 1e-6)
        if count:
            usual = _mean_price(price, places, groups)
        for number in range(count):
            numbers[places[number]] = number + 1
            for entry in range(starts[places[number]], starts[places[number] + 1]):
                profile[tokens[entry]] += weights[number] * vectors[entry]
        for pair in range(start, stop):
            place, likeness = columns[pair], 0.0
            for entry in range(starts[place], starts[place + 1]):
                likeness += profile[tokens[entry]] * vectors[entry]
            if starts[place] < starts[place + 1]:  # subtract the product's own purchases
                likeness -= weights[numbers[place] - 1]
            line = lines[numbers[place] - 1]
            for number in range(len(line)):
                out[number, pair] = line[number]
            out[_PRICE_TO_USUAL, pair] = price[place] - usual
            out[_ALIKE, pair] = max(likeness, 0.0)
            out[_ALIKE_MEAN, pair] = max(likeness, 0.0) / total_weight
        for place in places[:count]:
            numbers[place] = 0
            profile[tokens[starts[place] : starts[place + 1]]] = 0


@compiled
def _mean_price(price: Numbers, places: IntArray, groups: IntArray) -> float:
    """Return the mean log price of the purchases; there is at least one."""
    total, purchases = 0.0, 0
    for number in groups:
        if number >= 0:
            total += price[places[number]]
            purchases += 1
    return total / purchases


@compiled
def _write_history(
    days: FloatArray, values: FloatArray, groups: IntArray, lines: FloatArray
) -> Numbers:
    """Write into `lines` (K + 1, F) the inputs that need no catalogue; return decayed purchases.

    There is a row for each bought product, numbered by `groups` (L,), and one for all others. The
    decayed purchases (K + 1,) are the weights of the cosines; the last is 0.
    """
    count = len(lines) - 1
    times, newest, oldest = np.zeros(count), np.zeros(count), np.zeros(count)
    orders_since, last_value = np.zeros(count), np.zeros(count)
    value, decayed_value = np.zeros(count), np.zeros(count)
    decayed, weights = np.zeros((count, len(HALF_LIVES))), np.zeros(count + 1)
    sums = (times, newest, oldest, orders_since, last_value, value, decayed_value, decayed, weights)
    totals = _add_up(days, values, groups, sums)
    _write_bought(sums, totals, lines[:count])
    _write_never_bought(lines[count])
    _write_customer(totals, lines)
    return weights


@compiled
def _add_up(days: FloatArray, values: FloatArray, groups: IntArray, sums: Plain) -> Plain:
    """Add up the purchases by product into `sums`, which are 0; return the totals.

    By product (K,): purchases; days since the newest and since the oldest; orders since the
    newest; the newest one's value; value; value decayed by _VALUE_DAYS; (K, HALF_LIVES) purchases
    decayed; (K + 1,) purchases decayed by _ALIKE_DAYS, and a 0. Totals: purchases, products
    bought more than once, orders, days since the oldest purchase, value, decayed value.
    """
    times, newest, oldest, orders_since, last_value, value, decayed_value, decayed, weights = sums
    shares = np.empty(len(HALF_LIVES) + 2)
    order, day = -1, -1.0  # purchases of one order have one time
    purchases, rebought, oldest_of_all, total, decayed_total = 0, 0, 0.0, 0.0, 0.0
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
        paid = np.float64(values[slot])
        if times[number] == 0:
            newest[number], orders_since[number], last_value[number] = day, order, paid
        rebought += times[number] == 1
        times[number] += 1
        oldest[number] = max(oldest[number], day)
        oldest_of_all = max(oldest_of_all, day)
        decayed[number] += shares[: len(HALF_LIVES)]
        weights[number] += shares[-2]
        value[number] += paid
        decayed_value[number] += paid * shares[-1]
        purchases += 1
        total += paid
        decayed_total += paid * shares[-1]
    return purchases, rebought, order + 1, oldest_of_all, total, decayed_total


@compiled
def _write_bought(sums: Plain, totals: Plain, lines: FloatArray) -> None:
    """Write into `lines` (K, F) the inputs of the bought products."""
    times, newest, oldest, orders_since, last_value, value, decayed_value, decayed, _ = sums
    purchases, _, orders, _, total, decayed_total = totals
    orders = max(orders, 1)
    usual = np.log1p(total / max(purchases, 1))
    for number in range(len(lines)):
        line, gap = lines[number], SINGLE_GAP_DAYS
        if times[number] > 1:
            gap = (oldest[number] - newest[number]) / (times[number] - 1)
        line[_TIMES_BOUGHT] = times[number]
        line[_DECAYED : _DECAYED + len(HALF_LIVES)] = decayed[number]
        line[_DAYS_SINCE], line[_DAYS_BETWEEN] = newest[number], gap
        line[_DUE] = newest[number] / max(gap, 1.0)
        line[_IN_LAST_ORDER] = orders_since[number] == 0
        line[_ORDERS_SINCE] = orders_since[number]
        line[_SHARE_OF_ORDERS] = times[number] / orders
        line[_LOG_VALUE] = np.log1p(value[number])
        line[_LOG_LAST_VALUE] = np.log1p(last_value[number])
        line[_LAST_VALUE_TO_USUAL] = np.log1p(last_value[number]) - usual
        line[_PERCENT_OF_VALUE] = 100 * value[number] / max(total, 1e-6)
        line[_PERCENT_OF_VALUE_60D] = 100 * decayed_value[number] / max(decayed_total, 1e-6)


@compiled
def _write_never_bought(line: FloatArray) -> None:
    """Write into `line` (F,) the inputs of a product that was never bought."""
    line[_DAYS_SINCE], line[_DAYS_BETWEEN] = NEVER_DAYS, SINGLE_GAP_DAYS
    line[_DUE] = NEVER_DAYS / max(SINGLE_GAP_DAYS, 1.0)
    line[_ORDERS_SINCE] = NO_ORDERS_SINCE


@compiled
def _write_customer(totals: Plain, lines: FloatArray) -> None:
    """Write into all `lines` (K + 1, F) the inputs that depend only on the customer."""
    purchases, rebought, orders, oldest, _, _ = totals
    count = len(lines) - 1
    for line in lines:
        line[_PURCHASES], line[_PRODUCTS] = purchases, count
        line[_REPEATS] = 1 - count / max(purchases, 1)
        line[_REBOUGHT] = rebought / max(count, 1)
        line[_ORDERS], line[_ORDER_SIZE] = orders, purchases / max(orders, 1)
        line[_HISTORY_DAYS] = oldest
