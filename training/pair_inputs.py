"""What a ranker reads of a customer and a product together, at the time of the query.

All of it comes from the query's history (at most HISTORY_LENGTH purchases) and the catalogue.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from features.ages import NEVER_DAYS, PRODUCT_INPUTS, SINGLE_GAP_DAYS
from features.schema import HISTORY_LENGTH
from training.diversity import content_vectors
from training.inputs import FloatArray, IntArray, Products, Queries
from training.ranking import Pairs

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
_LOG_PRICE: Final = PRODUCT_INPUTS.index("log_price")
_ALIKE_DAYS: Final = 60.0
_VALUE_DAYS: Final = 60.0

Numbers = npt.NDArray[np.float64]
PairReader = Callable[[Queries, Pairs], FloatArray]
"""Takes B queries and N pairs of a query and a product; gives (N, F), columns PAIR_INPUTS."""


def pair_reader(products: Products) -> PairReader:
    """Compute what depends on `products` alone, once; return the function of queries and pairs.

    What was never bought is NEVER_DAYS old; who bought a product once has no rhythm for it, and
    SINGLE_GAP_DAYS between purchases. Products are alike by title and category.
    """
    price = products.features[:, _LOG_PRICE].astype(np.float64)
    vectors = content_vectors(products)
    by_token = csr_array(vectors.T)
    known = (vectors.power(2).sum(axis=1) > 0).astype(np.float64)  # 0: nothing to be like

    def read(queries: Queries, pairs: Pairs) -> FloatArray:
        history = _History.of(queries, width=max(len(products), 1))
        found = history.find(pairs)
        left = history.by_key(history.left(_ALIKE_DAYS))
        own = history.at(found, left) * known[pairs.columns]
        columns = [
            *_of_product(history, pairs, found),
            *_of_value(history, pairs, found),
            *_of_price(history, pairs, price),
            *_of_likeness(history, pairs, own, vectors, by_token),
            *(values[pairs.rows] for values in _of_history(history)),
        ]
        return np.stack(columns, axis=1).astype(np.float32)

    return read


@dataclass(frozen=True, kw_only=True)
class _History:
    """The M purchases of B queries, and the K pairs of query and product that they make."""

    count: int  # B
    width: int  # C
    rows: IntArray  # (M,) ascending
    places: IntArray  # (M,)
    days: Numbers  # (M,) since the purchase, ascending within a row
    values: Numbers  # (M,) what was paid
    orders_since: IntArray  # (M,) orders of the row that are newer
    keys: IntArray  # (K,) row * width + place, ascending
    group: IntArray  # (M,) which of the keys
    newest: IntArray  # (K,) which of the purchases is the key's newest

    @classmethod
    def of(cls, queries: Queries, *, width: int) -> Self:
        rows, slots = np.nonzero(queries.history >= 0)
        places = queries.history[rows, slots]
        days = queries.history_days[rows, slots].astype(np.float64)
        first = np.ones(len(rows), dtype=np.bool_)  # purchases of one order have one time
        first[1:] = (rows[1:] != rows[:-1]) | (days[1:] != days[:-1])
        number = np.cumsum(first)
        keys, newest, group = np.unique(
            rows * width + places, return_index=True, return_inverse=True
        )
        return cls(
            count=len(queries),
            width=width,
            rows=rows,
            places=places,
            days=days,
            values=queries.history_values[rows, slots].astype(np.float64),
            orders_since=number - number[np.searchsorted(rows, rows)],
            keys=keys,
            group=group,
            newest=newest,
        )

    def by_row(self, weights: Numbers | None = None) -> Numbers:
        """Return the number of purchases of each query (B,), or what their weights add up to."""
        return np.bincount(self.rows, weights, self.count).astype(np.float64)

    def by_key(self, weights: Numbers | None = None) -> Numbers:
        """Return the number of purchases of each key (K,), or what their weights add up to."""
        return np.bincount(self.group, weights, len(self.keys)).astype(np.float64)

    def least_by_key(self, values: npt.NDArray[np.generic]) -> Numbers:
        """Return the least of `values` (M,) of each key."""
        least = np.full(len(self.keys), np.inf)
        np.minimum.at(least, self.group, values)
        return least

    def orders(self) -> Numbers:
        """Return the number of orders of each query (B,)."""
        orders = np.zeros(self.count)
        np.maximum.at(orders, self.rows, self.orders_since + 1)
        return orders

    def left(self, half_life: float) -> Numbers:
        """Return what is left of each purchase (M,)."""
        left: Numbers = 0.5 ** (self.days / half_life)
        return left

    def find(self, pairs: Pairs) -> IntArray:
        """Return which of the keys each pair is, -1 where it was not bought."""
        if not len(self.keys):
            return np.full(len(pairs.rows), -1, dtype=np.int64)
        wanted = pairs.rows * self.width + pairs.columns
        found = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[found] == wanted, found, -1)

    def at(self, found: IntArray, values: Numbers, *, missing: float = 0.0) -> Numbers:
        """Return of `values` (K,) those of the pairs' keys as `find` gives them."""
        return np.where(found >= 0, values[found] if len(values) else missing, missing)


def _of_product(history: _History, pairs: Pairs, found: IntArray) -> list[Numbers]:
    """Return the columns from `times_bought` to `share_of_orders`: the product in the history."""
    by_key = history.by_key()
    newest, oldest = history.days[history.newest], -history.least_by_key(-history.days)
    between = np.where(by_key > 1, (oldest - newest) / np.maximum(by_key - 1, 1), SINGLE_GAP_DAYS)
    times = history.at(found, by_key)
    since = history.at(found, newest, missing=NEVER_DAYS)
    rhythm = history.at(found, between, missing=SINGLE_GAP_DAYS)
    least = history.least_by_key(history.orders_since)
    orders_since = history.at(found, least, missing=NO_ORDERS_SINCE)
    return [
        times,
        *(history.at(found, history.by_key(history.left(days))) for days in HALF_LIVES),
        since,
        rhythm,
        since / np.maximum(rhythm, 1.0),
        (orders_since == 0).astype(np.float64),
        orders_since,
        times / np.maximum(history.orders(), 1)[pairs.rows],
    ]


def _of_value(history: _History, pairs: Pairs, found: IntArray) -> list[Numbers]:
    """Return the columns from `log_value` to `percent_of_value_60d`: what was paid; else 0."""
    last = np.log1p(history.values[history.newest])
    usual = np.log1p(history.by_row(history.values) / np.maximum(history.by_row(), 1))
    percents = []
    for paid in (history.values, history.values * history.left(_VALUE_DAYS)):
        total = np.maximum(history.by_row(paid), 1e-6)[pairs.rows]
        percents.append(100 * history.at(found, history.by_key(paid)) / total)
    return [
        history.at(found, np.log1p(history.by_key(history.values))),
        history.at(found, last),
        history.at(found, last - usual[history.keys // history.width]),
        *percents,
    ]


def _of_price(history: _History, pairs: Pairs, price: Numbers) -> list[Numbers]:
    """Return `price_to_usual`; without a history the catalogue's mean is usual."""
    number = history.by_row()
    usual = history.by_row(price[history.places]) / np.maximum(number, 1)
    usual = np.where(number > 0, usual, price.mean() if len(price) else 0.0)
    return [price[pairs.columns] - usual[pairs.rows]]


def _of_likeness(
    history: _History, pairs: Pairs, own: Numbers, vectors: csr_array, by_token: csr_array
) -> list[Numbers]:
    """Return `alike` and `alike_mean`: of the product and all others in the history.

    `own` (N,) is how like the product is to its own purchases; `by_token` are the products'
    `vectors` (C, D), transposed.
    """
    left = history.left(_ALIKE_DAYS)
    shape = (history.count, vectors.shape[0])
    profile = csr_array((left, (history.rows, history.places)), shape=shape)
    cosines = ((profile @ vectors) @ by_token).toarray()[pairs.rows, pairs.columns]
    alike = np.maximum(cosines - own, 0.0)
    return [alike, alike / np.maximum(history.by_row(left), 1e-6)[pairs.rows]]


def _of_history(history: _History) -> list[Numbers]:
    """Return the columns `history_...` of each query (B,)."""
    purchases, orders = history.by_row(), history.orders()
    by_key = history.keys // history.width
    products = np.bincount(by_key, minlength=history.count).astype(np.float64)
    rebought = np.bincount(by_key, history.by_key() > 1, history.count)
    oldest = np.zeros(history.count)
    np.maximum.at(oldest, history.rows, history.days)
    return [
        purchases,
        products,
        1 - products / np.maximum(purchases, 1),
        rebought / np.maximum(products, 1),
        orders,
        purchases / np.maximum(orders, 1),
        oldest,
    ]
