"""Candidates: what the sources nominate for a customer, and what a ranker reads of each.

The history is nominated whole (buy again); every source adds the products that it ranks best among
those outside the history, so that a list of new products has enough to choose from.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.ages import CUSTOMER_INPUTS, PRODUCT_INPUTS
from training.inputs import FloatArray, IntArray, Products, Queries
from training.pair_inputs import PAIR_INPUTS, pair_reader
from training.ranking import Pairs
from training.rebuy import REBUY_INPUTS, Rebuy
from training.recommender import Recommender

BoolArray = npt.NDArray[np.bool_]
Sources = Mapping[str, Recommender]
"""The fitted recommenders that nominate, by name."""


@dataclass(frozen=True, kw_only=True)
class Nominated:
    """The candidates of B queries."""

    pairs: Pairs
    """N candidates: row of the query, index of the product."""
    inputs: FloatArray  # (N, F), columns as `ranker_inputs`
    new: BoolArray  # (N,) not in the history
    scores: FloatArray  # (B, C) of the first source, for what nobody nominated


def ranker_inputs(sources: Sources) -> list[str]:
    """Return the names of what a ranker reads of a candidate."""
    return [
        *(f"{name}_score" for name in sources),
        *(f"{name}_gap" for name in sources),
        *PAIR_INPUTS,
        *(f"product_{name}" for name in REBUY_INPUTS),
        *(f"product_{name}" for name in PRODUCT_INPUTS),
        *(f"customer_{name}" for name in CUSTOMER_INPUTS),
    ]


def nominator(
    sources: Sources, rebuy: Rebuy, products: Products, *, per_source: int
) -> Callable[[Queries], Nominated]:
    """Compute what depends on `products` alone, once; return the function of the queries."""
    scorers = [model.scorer(products) for model in sources.values()]
    read = pair_reader(products)
    known = np.concatenate([rebuy.inputs(products), products.features], axis=1)

    def nominate(queries: Queries) -> Nominated:
        scores = [score(queries) for score in scorers]
        owned = _owned(queries, len(products))
        chosen = owned.copy()
        for matrix in scores:
            _mark_best(chosen, np.where(owned, -np.inf, matrix), per_source)
        rows, columns = np.nonzero(chosen)
        pairs = Pairs(rows=rows, columns=columns)
        own = np.stack([matrix[rows, columns] for matrix in scores], axis=1)
        inputs = [
            own,
            own - _best_by_row(own, rows, len(queries))[rows],
            read(queries, pairs),
            known[columns],
            queries.activity[rows],
        ]
        return Nominated(
            pairs=pairs,
            inputs=np.concatenate(inputs, axis=1, dtype=np.float32),
            new=~owned[rows, columns],
            scores=scores[0],
        )

    return nominate


def _owned(queries: Queries, width: int) -> BoolArray:
    """Return (B, C), True at the products of each query's history."""
    owned = np.zeros((len(queries), width), dtype=np.bool_)
    rows, slots = np.nonzero(queries.history >= 0)
    owned[rows, queries.history[rows, slots]] = True
    return owned


def _mark_best(chosen: BoolArray, scores: FloatArray, count: int) -> None:
    """Set `chosen` (B, C) at the `count` best finite `scores` of each row, the first of equals."""
    count = min(count, scores.shape[1])
    if count:
        cost = np.where(np.isfinite(scores), -scores, np.inf)
        bound = np.partition(cost, count - 1, axis=1)[:, count - 1 : count]
        better, equal = cost < bound, (cost == bound) & np.isfinite(cost)
        room = count - better.sum(axis=1, keepdims=True)
        chosen |= better | (equal & (np.cumsum(equal, axis=1) <= room))


def _best_by_row(values: FloatArray, rows: IntArray, count: int) -> FloatArray:
    """Return the maxima (B, S) of `values` (N, S); `rows` (N,) ascend and leave none out."""
    if not len(rows):
        return np.zeros((count, values.shape[1]), dtype=np.float32)
    best: FloatArray = np.maximum.reduceat(values, np.searchsorted(rows, np.arange(count)))
    return best
