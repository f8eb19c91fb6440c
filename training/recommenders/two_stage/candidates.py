"""Candidates: the products that sources nominate for a customer, and the ranker's inputs of each.

The whole history is nominated (buy again). Every source adds the products that it ranks best
outside the history, so that a list of new products has enough candidates.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.model_inputs import CUSTOMER_INPUTS, PRODUCT_INPUTS
from training.data.inputs import FloatArray, Products, Queries
from training.data.pairs import Pairs
from training.interfaces import Recommender, Scorer
from training.kernels.dot_products import DotScorer, RoughScores
from training.kernels.nomination import BoolArray, nominate, top_places
from training.kernels.pair_inputs import PAIR_INPUTS
from training.kernels.source_scores import write_source_scores
from training.recommenders.baselines import OwnPurchases, Popularity
from training.recommenders.two_stage.pair_inputs import pair_reader
from training.recommenders.two_stage.rebuy import REBUY_INPUTS, Rebuy

_LIKELY: Final = 4
"""How many of the roughly best products are made exact, per product that a source nominates."""
Sources = Mapping[str, Recommender]
"""The fitted recommenders that nominate, by name."""


@dataclass(frozen=True, kw_only=True)
class Nominated:
    """The candidates of B queries."""

    pairs: Pairs
    """N candidates: row of the query, index of the product."""
    inputs: FloatArray  # (N, F), columns as `ranker_inputs`, one after another in memory
    new: BoolArray  # (N,) True if not in the history
    scores: FloatArray  # (B, C) of the first source, for products that are no candidates


def ranker_inputs(sources: Sources) -> list[str]:
    """Return the names of a ranker's inputs."""
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
    """Precompute what depends only on `products`; return the function of the queries."""
    scorers = [model.scorer(products) for model in sources.values()]
    read = pair_reader(products)
    known = np.concatenate([rebuy.inputs(products), products.features], axis=1)
    adds_candidates = [not _nominates_the_popular(model, sources) for model in sources.values()]
    first, last = 2 * len(sources), 2 * len(sources) + len(PAIR_INPUTS)

    def nominated(queries: Queries) -> Nominated:
        by_source = [_scored(score, queries) for score in scorers]
        for source_scores in by_source:
            if source_scores.make_exact:
                count = _LIKELY * per_source + queries.history.shape[1]
                source_scores.make_exact(top_places(source_scores.scores[0], count))
        scores = tuple(source_scores.scores for source_scores in by_source)
        distinct = tuple(
            of_source for of_source, adds in zip(scores, adds_candidates, strict=True) if adds
        )
        rows, columns, new = nominate(distinct, queries.history, per_source)
        pairs = Pairs(rows=rows, columns=columns)
        for source_scores in by_source:
            if source_scores.make_exact:
                source_scores.make_exact(columns)
        width = last + known.shape[1] + queries.activity.shape[1]
        inputs = np.empty((width, len(rows)), dtype=np.float32)
        write_source_scores(scores, rows, columns, inputs[:first])
        read(queries, pairs, inputs[first:last])
        inputs[last : last + known.shape[1]] = known.take(columns, axis=0).T
        inputs[last + known.shape[1] :] = queries.activity.take(rows, axis=0).T
        return Nominated(pairs=pairs, inputs=inputs.T, new=new, scores=scores[0])

    return nominated


def _scored(score: Scorer, queries: Queries) -> RoughScores:
    return score.rough(queries) if isinstance(score, DotScorer) else RoughScores(score(queries))


def _nominates_the_popular(model: Recommender, sources: Sources) -> bool:
    """Return whether `model` nominates only what another source, popularity, nominates too."""
    adds_popularity = isinstance(model, OwnPurchases) and model.config.popularity_weight > 0
    return adds_popularity and any(isinstance(other, Popularity) for other in sources.values())
