"""What a ranker reads of a customer and a product together, at the time of the query.

All of it comes from the query's history (at most the last 100 purchases) and the catalogue.
"""

from typing import Final

import numpy as np

from features.ages import NEVER_DAYS, PRODUCT_INPUTS, SINGLE_GAP_DAYS
from training.inputs import FloatArray, IntArray, Products, Queries
from training.ranking import Pairs

HALF_LIVES: Final = (14.0, 60.0, 200.0)
"""Days in which what a purchase counts for halves."""
PAIR_INPUTS: Final = (
    "times_bought",
    *(f"bought_decayed_{days:.0f}d" for days in HALF_LIVES),
    "days_since_bought",
    "days_between_bought",  # mean days between purchases of this product
    "due",  # days since bought, in the product's own rhythm or else the customer's
    "price_to_usual",  # log price less the mean log price of the history
    "in_last_order",
)
_LOG_PRICE: Final = PRODUCT_INPUTS.index("log_price")


def pair_inputs(queries: Queries, products: Products, pairs: Pairs) -> FloatArray:
    """Return (N, F) inputs, columns PAIR_INPUTS, of N pairs of a query and a product.

    What was never bought is NEVER_DAYS old; who bought a product once has no rhythm for it, and
    SINGLE_GAP_DAYS between purchases.
    """
    width = max(len(products), 1)
    rows, slots = np.nonzero(queries.history >= 0)
    places = queries.history[rows, slots]
    days = queries.history_days[rows, slots].astype(np.float64)
    keys, group = np.unique(rows * width + places, return_inverse=True)
    times = np.bincount(group, minlength=len(keys)).astype(np.float64)
    newest = np.full(len(keys), np.inf)
    oldest = np.zeros(len(keys))
    np.minimum.at(newest, group, days)
    np.maximum.at(oldest, group, days)
    decayed = [
        np.bincount(group, weights=0.5 ** (days / half_life), minlength=len(keys))
        for half_life in HALF_LIVES
    ]
    between = np.where(times > 1, (oldest - newest) / np.maximum(times - 1, 1), SINGLE_GAP_DAYS)

    found = _find(keys, pairs.rows * width + pairs.columns)
    bought = found >= 0

    def of_pairs(values: np.ndarray, missing: float) -> np.ndarray:
        return np.where(bought, values[found] if len(values) else missing, missing)

    price = products.features[:, _LOG_PRICE].astype(np.float64)
    usual = _mean_by_row(price[places], rows, len(queries), missing=float("nan"))
    usual = np.where(np.isnan(usual), price.mean() if len(price) else 0.0, usual)
    last_order = np.full(len(queries), np.inf)
    np.minimum.at(last_order, rows, days)
    since = of_pairs(newest, NEVER_DAYS)
    rhythm = of_pairs(between, SINGLE_GAP_DAYS)
    columns = [
        of_pairs(times, 0.0),
        *(of_pairs(values, 0.0) for values in decayed),
        since,
        rhythm,
        since / np.maximum(rhythm, 1.0),
        price[pairs.columns] - usual[pairs.rows],
        (bought & (since - last_order[pairs.rows] < 0.5)).astype(np.float64),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _find(keys: IntArray, wanted: IntArray) -> IntArray:
    """Return the place of each of `wanted` in the sorted `keys`, -1 where it is missing."""
    if not len(keys):
        return np.full(len(wanted), -1, dtype=np.int64)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, places, -1)


def _mean_by_row(values: np.ndarray, rows: IntArray, count: int, *, missing: float) -> np.ndarray:
    total = np.bincount(rows, weights=values, minlength=count)
    number = np.bincount(rows, minlength=count)
    return np.where(number > 0, total / np.maximum(number, 1), missing)
