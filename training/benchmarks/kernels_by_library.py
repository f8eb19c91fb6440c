"""The compiled loops' results by calls of numpy, scipy and torch, for one customer.

Each function takes the loop's arguments, or the library's form of them, and returns the same
numbers up to 32-bit rounding.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from scipy.sparse import csr_array

from features.customer_features import ACTIVITY_COUNTS, ACTIVITY_TIMES
from features.customer_row import Row
from features.model_inputs import NEVER_DAYS, SINGLE_GAP_DAYS
from features.times import DAY_US
from training.data.inputs import FloatArray, IntArray, Queries
from training.kernels.pair_inputs import HALF_LIVES, NO_ORDERS_SINCE, PAIR_INPUTS

Numbers = npt.NDArray[np.float64]


def gelu(values: FloatArray, bias: FloatArray) -> FloatArray:
    """Return the result of `gelu_`."""
    rows = torch.from_numpy(values) + torch.from_numpy(bias)[:, None]
    activated: FloatArray = torch.nn.functional.gelu(rows).numpy()
    return activated


def standardised(columns: FloatArray, mean: FloatArray, scale: FloatArray) -> FloatArray:
    """Return all inputs (F, N) compressed, standardised and clipped to +-5."""
    compressed = np.sign(columns) * np.log1p(np.abs(columns))
    z: FloatArray = (compressed - mean[:, None]) / scale[:, None]
    return z.clip(-5, 5)


def top_k(scores: FloatArray, k: int) -> IntArray:
    """Return the columns (k,) of the best finite `scores` (C,); equal scores keep their order."""
    usable = np.where(np.isfinite(scores), scores, -np.inf)
    places = np.flatnonzero(usable >= np.partition(usable, -k)[-k])
    return places[np.argsort(-usable[places], kind="stable")[:k]]


def nominate(
    scores: tuple[FloatArray, ...], history: IntArray, count: int
) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """Return columns (N,) of the candidates and whether each is new, as `nominate` does."""
    owned = history[history >= 0]
    chosen = np.zeros(scores[0].shape[1], dtype=np.bool_)
    for of_source in scores:
        usable = np.where(np.isfinite(of_source[0]), of_source[0], -np.inf)
        usable[owned] = -np.inf
        bound = np.partition(usable, -count)[-count]
        above = np.flatnonzero(usable > bound)
        chosen[above] = True
        chosen[np.flatnonzero(usable == bound)[: count - len(above)]] = True
    new = chosen.copy()
    chosen[owned], new[owned] = True, False
    columns = np.flatnonzero(chosen)
    return columns, new[columns]


def faded(history: IntArray, days: FloatArray, half_life: float) -> tuple[IntArray, FloatArray]:
    """Return the distinct products of one history, newest first, and their decayed purchases."""
    known = history >= 0
    places, first, group = np.unique(history[known], return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    left = np.zeros(len(places), dtype=np.float32)
    shares = 0.5 ** (days[known].astype(np.float64) / half_life)
    np.add.at(left, number[group], shares.astype(np.float32))
    return places[order], left


def customer_vector(
    places: IntArray, left: FloatArray, vectors: FloatArray, *, confidence: float
) -> FloatArray:
    """Return the vector (D,) of `customer_vectors`."""
    bought_vectors, extra = vectors[places], np.float32(confidence) * left
    gram = np.eye(vectors.shape[1], dtype=np.float32) + (bought_vectors.T * extra) @ bought_vectors
    return np.linalg.solve(gram, (1 + extra) @ bought_vectors)


def weighted_rows(
    places: IntArray, left: FloatArray, weights: csr_array, popular: FloatArray
) -> FloatArray:
    """Return the scores (C,) of `add_weights`."""
    scores: FloatArray = weights[places].T @ left + popular
    return scores


def read_history(
    queries: Queries, lasting: FloatArray, rates: FloatArray, share: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the means and log totals (H D + H,) of one history, and the direct part (D,)."""
    history, days = queries.history[0], queries.history_days[0]
    decayed = np.exp(-rates[:, None] * days) * (history >= 0)
    total = decayed.sum(axis=1)
    means = decayed @ lasting[history] / (total + 1)[:, None]
    return np.concatenate([means.ravel(), np.log1p(total)]), share @ means


def repeats(
    queries: Queries, rates: FloatArray, weight: FloatArray, scores: FloatArray
) -> FloatArray:
    """Return `scores` (C,) plus the terms of `add_repeats`."""
    history, days = queries.history[0], queries.history_days[0]
    known = history >= 0
    places, group = np.unique(history[known], return_inverse=True)
    counts = np.zeros((len(places), len(rates)), dtype=np.float32)
    np.add.at(counts, group, np.exp(-rates * days[known, None]))
    added = scores.copy()
    added[places] += np.log1p(4 * counts) @ weight
    return added


def source_scores(scores: tuple[FloatArray, ...], rows: IntArray, columns: IntArray) -> FloatArray:
    """Return the result (2 S, N) of `write_source_scores`."""
    out = np.empty((2 * len(scores), len(rows)), dtype=np.float32)
    source_rows, gaps = out[: len(scores)], out[len(scores) :]
    for source, one_source in enumerate(scores):
        source_rows[source] = one_source[rows, columns]
    for _, candidates in _by_row(rows, len(scores[0])):
        best = source_rows[:, candidates].max(axis=1, keepdims=True)
        np.subtract(source_rows[:, candidates], best, out=gaps[:, candidates])
    return out


def put_above(
    scores: FloatArray, candidates: tuple[FloatArray, IntArray, IntArray], ranked: FloatArray
) -> None:
    """Do what `nomination.put_above` does."""
    best, rows, columns = candidates
    for row, of_row in _by_row(rows, len(scores)):
        line = scores[row]
        line -= best[row]
        line += ranked[of_row].min()
        line -= 1
        line[columns[of_row]] = ranked[of_row]


def _by_row(rows: IntArray, count: int) -> list[tuple[int, slice]]:
    """Return the slice of each of `count` rows' candidates, for rows that have any."""
    bounds = np.searchsorted(rows, np.arange(count + 1)).tolist()
    parts = enumerate(pairwise(bounds))
    return [(row, slice(start, stop)) for row, (start, stop) in parts if start < stop]


def pair_inputs(
    queries: Queries, columns: IntArray, contents: csr_array, price: Numbers
) -> FloatArray:
    """Return PAIR_INPUTS (F, N) of one customer with purchases and N products."""
    known = queries.history[0] >= 0
    days, values = (
        numbers[0][known].astype(np.float64)
        for numbers in (queries.history_days, queries.history_values)
    )
    places, first, group = np.unique(
        queries.history[0][known], return_index=True, return_inverse=True
    )
    order = np.cumsum(np.diff(days, prepend=days[0]) != 0)
    times, orders, count = np.bincount(group), order[-1] + 1, len(places)
    cosine_weights = np.append(np.bincount(group, 0.5 ** (days / 60)), 0.0)
    lines = _lines_by_product(days, values, first, group, order)
    of_customer = {
        "history_purchases": len(days),
        "history_products": count,
        "history_repeats": 1 - count / len(days),
        "history_rebought": (times > 1).sum() / count,
        "history_orders": orders,
        "history_order_size": len(days) / orders,
        "history_days": days.max(),
    }
    for name, value in of_customer.items():
        lines[PAIR_INPUTS.index(name)] = value
    number = np.searchsorted(places, columns).clip(max=count - 1)
    number = np.where(places[number] == columns, number, count)
    out = lines[:, number].astype(np.float32)
    profile = contents[places].T @ cosine_weights[:count]
    likeness = contents[columns] @ profile
    likeness -= cosine_weights[number] * (np.diff(contents.indptr)[columns] > 0)
    out[PAIR_INPUTS.index("price_to_usual")] = price[columns] - price[places[group]].mean()
    out[PAIR_INPUTS.index("alike")] = likeness.clip(min=0)
    out[PAIR_INPUTS.index("alike_mean")] = likeness.clip(min=0) / max(cosine_weights.sum(), 1e-6)
    return out


def customer_inputs(row: Row, at: pd.Timestamp) -> FloatArray:
    """Return CUSTOMER_INPUTS (F,) of a stored row of a customer with orders."""
    counts = np.array([row.get(name) or 0.0 for name in ACTIVITY_COUNTS])
    tenure, recency = ((at.value // 1000 - row[name]) / DAY_US for name in ACTIVITY_TIMES)
    named = dict(zip(ACTIVITY_COUNTS, counts, strict=True))
    orders, gap = named["orders_total"], SINGLE_GAP_DAYS
    if orders > 1:
        gap = max((tenure - recency) / (orders - 1), 0.0)
    rest = [recency, tenure, gap, recency / max(gap, 1.0), named["spend_total"] / max(orders, 1.0)]
    trend = np.log1p([named["orders_90d"], named["orders_365d"] * 90 / 365])
    angle = 2 * np.pi * (at.dayofyear - 1) / 365.25 * np.array([1, 1, 2, 2])
    season = np.sin(angle + np.pi / 2 * np.array([0, 1, 0, 1]))
    parts = (np.log1p(counts), [orders > 0], np.log1p(rest), [trend[0] - trend[1]], season)
    return np.concatenate(parts).astype(np.float32)


def _lines_by_product(
    days: Numbers, values: Numbers, first: IntArray, group: IntArray, order: IntArray
) -> Numbers:
    """Return PAIR_INPUTS (F, K + 1) of bought products, then of others; the customer's are 0."""
    times, value = np.bincount(group), np.bincount(group, values)
    oldest = np.zeros(len(times))
    np.maximum.at(oldest, group, days)
    newest, last_value = days[first], np.log1p(values[first])
    gap = np.where(times > 1, (oldest - newest) / np.maximum(times - 1, 1), SINGLE_GAP_DAYS)
    decayed_values = values * 0.5 ** (days / 60)
    decayed_value = np.bincount(group, decayed_values)
    bought = {
        "times_bought": times,
        **{
            f"bought_decayed_{half_life:.0f}d": np.bincount(group, 0.5 ** (days / half_life))
            for half_life in HALF_LIVES
        },
        "days_since_bought": newest,
        "days_between_bought": gap,
        "due": newest / np.maximum(gap, 1),
        "in_last_order": order[first] == 0,
        "orders_since_bought": order[first],
        "share_of_orders": times / (order[-1] + 1),
        "log_value": np.log1p(value),
        "log_last_value": last_value,
        "last_value_to_usual": last_value - np.log1p(values.mean()),
        "percent_of_value": 100 * value / max(values.sum(), 1e-6),
        "percent_of_value_60d": 100 * decayed_value / max(decayed_values.sum(), 1e-6),
    }
    never = {
        "days_since_bought": NEVER_DAYS,
        "days_between_bought": SINGLE_GAP_DAYS,
        "due": NEVER_DAYS / SINGLE_GAP_DAYS,
        "orders_since_bought": NO_ORDERS_SINCE,
    }
    lines = np.zeros((len(PAIR_INPUTS), len(times) + 1))
    for name, numbers in bought.items():
        lines[PAIR_INPUTS.index(name), :-1] = numbers
    for name, number in never.items():
        lines[PAIR_INPUTS.index(name), -1] = number
    return lines
