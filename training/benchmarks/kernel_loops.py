"""The compiled loops and the library calls that they replace, on the arrays of one answer."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import lightgbm
import numpy as np
import pandas as pd

from features.customer_features import ACTIVITY_COUNTS, ACTIVITY_TIMES
from features.model_inputs import PRODUCT_INPUTS, customer_inputs_of
from features.times import DAY_US
from training.benchmarks import kernels_by_library as library
from training.benchmarks.compared_loop import Loop, into, on_copy
from training.benchmarks.drawn_answer import PER_SOURCE, DrawnAnswer, drawn_weights
from training.data.content import content_vectors
from training.data.inputs import FloatArray, Queries
from training.kernels.activations import gelu_
from training.kernels.decayed_means import add_repeats, read_history
from training.kernels.dot_products import DotScorer
from training.kernels.faded_history import faded_history
from training.kernels.least_squares import customer_vectors
from training.kernels.lightgbm_trees import add_up, read_forest
from training.kernels.nomination import nominate, put_above, top_places
from training.kernels.pair_inputs import PAIR_INPUTS, Contents, write_pair_inputs
from training.kernels.source_scores import write_source_scores
from training.kernels.sparse_rows import add_weights
from training.kernels.standardised_columns import standardised
from training.kernels.top_k import top_k
from training.recommenders.ease import EaseConfig
from training.recommenders.ials import IALSConfig, whitened
from training.recommenders.two_stage.candidates import Nominated, nominator
from training.recommenders.two_stage.tree_ranker import TREES
from training.recommenders.two_tower.model import TwoTowerConfig

MANY_PRODUCTS: Final = 50_000
"""A catalogue size at which products are scored roughly first."""
LISTED: Final = 10
"""The length of an answer's list."""
_HALF_LIFE_DAYS: Final = 200.0
_LIKELY: Final = 4 * PER_SOURCE  # rough scores that are made exact


def loops(answer: DrawnAnswer) -> list[Loop]:
    """Return all loops, each on its arguments for the first customer of `answer`."""
    rng = np.random.default_rng(0)
    query = answer.queries[:1]
    nominate_all = nominator(answer.sources, answer.rebuy, answer.products, per_source=PER_SOURCE)
    nominated = nominate_all(query)
    return [
        _customer_inputs(rng),
        *_of_history(answer, query, rng),
        *_of_catalogue(answer, query, rng),
        *_of_candidates(answer, query, nominated),
        *_of_rankers(answer, nominated),
    ]


def _customer_inputs(rng: np.random.Generator) -> Loop:
    at = pd.Timestamp("2011-01-01", tz="UTC")
    now = at.value // 1000
    row: dict[str, Any] = {name: float(rng.integers(2, 90)) for name in ACTIVITY_COUNTS}
    row |= dict(zip(ACTIVITY_TIMES, (now - 300 * DAY_US, now - 20 * DAY_US), strict=True))
    return Loop(
        name="features.model_inputs",
        library="numpy log1p",
        compiled=lambda: customer_inputs_of(row, at)[0],
        by_library=lambda: library.customer_inputs(row, at),
        tolerance=1e-6,
    )


def _of_history(answer: DrawnAnswer, query: Queries, rng: np.random.Generator) -> Iterator[Loop]:
    """Yield the loops over a customer's purchases."""
    count, width = len(answer.products), query.activity.shape[1]
    bought = faded_history(query, half_life_days=_HALF_LIFE_DAYS)
    places, left = bought.places[: bought.starts[1]], bought.left[: bought.starts[1]]
    yield Loop(
        name="faded_history.faded_history",
        library="numpy unique, add.at",
        compiled=lambda: faded_history(replace(query), half_life_days=_HALF_LIFE_DAYS).left[
            : len(left)
        ],
        by_library=lambda: library.faded(query.history[0], query.history_days[0], _HALF_LIFE_DAYS)[
            1
        ],
        tolerance=1e-6,
    )
    scores = _numbers(rng, 1, count)
    ials = IALSConfig()
    white = whitened(_numbers(rng, count, ials.embedding_dim), penalty=ials.penalty)
    yield Loop(
        name="least_squares.customer_vectors",
        library="numpy linalg.solve",
        compiled=lambda: customer_vectors(bought, white, confidence=ials.confidence)[0],
        by_library=lambda: library.customer_vector(places, left, white, confidence=ials.confidence),
        tolerance=1e-5,
    )
    weights, popular = drawn_weights(count, EaseConfig().neighbours, rng), scores[0]
    csr = (weights.indptr, weights.indices, weights.data)
    yield Loop(
        name="sparse_rows.add_weights",
        library="scipy csr_array @",
        compiled=on_copy(
            np.zeros_like(scores), lambda copy: add_weights(tuple(bought), csr, popular, copy)
        ),
        by_library=lambda: library.weighted_rows(places, left, weights, popular)[None],
    )
    tower = TwoTowerConfig()
    rates = (np.log(2) / np.array(tower.half_lives)).astype(np.float32)
    share, lasting = np.full_like(rates, 0.25), _numbers(rng, count, tower.embedding_dim)
    means = len(rates) * (tower.embedding_dim + 1)
    purchases = (query.history, query.history_days)
    arrays = (lasting, rates, share, np.zeros(width, np.float32), np.ones(width, np.float32))
    yield Loop(
        name="decayed_means.read_history",
        library="numpy exp, @",
        compiled=lambda: read_history(*purchases, query.activity, arrays)[0][0, :means],
        by_library=lambda: library.read_history(query, lasting, rates, share)[0],
        tolerance=1e-5,
    )
    yield Loop(
        name="decayed_means.add_repeats",
        library="numpy unique, add.at",
        compiled=on_copy(scores, lambda copy: add_repeats(*purchases, rates, share, copy)),
        by_library=lambda: library.repeats(query, rates, share, scores[0])[None],
        tolerance=1e-5,
    )


def _of_catalogue(answer: DrawnAnswer, query: Queries, rng: np.random.Generator) -> Iterator[Loop]:
    """Yield the loops over all products."""
    count = len(answer.products)
    for dim in (TwoTowerConfig().embedding_dim, IALSConfig().embedding_dim):
        vectors, query_vector = _numbers(rng, count, dim), _numbers(rng, 1, dim)
        yield Loop(
            name=f"dot_products, {dim} dimensions",
            library="numpy @ (float32)",
            compiled=partial(_dot_scorer(vectors, query_vector), query),
            by_library=partial(np.matmul, query_vector, vectors.T),
            tolerance=1e-3,
        )
    many, query_of_many = _numbers(rng, MANY_PRODUCTS, 64), _numbers(rng, 1, 64)
    scorer = _dot_scorer(many, query_of_many)

    def best() -> FloatArray:
        rough = scorer.rough(query)
        if rough.make_exact is not None:
            rough.make_exact(top_places(rough.scores[0], _LIKELY))
        return np.sort(rough.scores[0])[-PER_SOURCE:]

    yield Loop(
        name=f"dot_products.rough, {MANY_PRODUCTS:,}",
        library="numpy @ (float32)",
        compiled=best,
        by_library=lambda: np.sort((query_of_many @ many.T)[0])[-PER_SOURCE:],
        tolerance=1e-3,
        calls=0,
    )
    scores = np.concatenate(
        [score.scorer(answer.products)(query) for score in answer.sources.values()]
    )
    yield Loop(
        name="top_k.top_k",
        library="numpy partition, argsort",
        compiled=lambda: top_k(scores[:1], LISTED)[0].astype(np.float32),
        by_library=lambda: library.top_k(scores[0], LISTED).astype(np.float32),
    )
    by_source = tuple(scores[place : place + 1] for place in (0, 1, 2, 4))
    yield Loop(
        name="nomination.nominate",
        library="numpy partition",
        compiled=lambda: nominate(by_source, query.history, PER_SOURCE)[1].astype(np.float32),
        by_library=lambda: library.nominate(by_source, query.history, PER_SOURCE)[0].astype(
            np.float32
        ),
    )


def _of_candidates(answer: DrawnAnswer, query: Queries, nominated: Nominated) -> Iterator[Loop]:
    """Yield the loops over the candidates."""
    rows, columns = nominated.pairs.rows, nominated.pairs.columns
    products, count = answer.products, len(rows)
    scores = tuple(source.scorer(products)(query) for source in answer.sources.values())
    source_columns = np.empty((2 * len(scores), count), dtype=np.float32)
    yield Loop(
        name="source_scores.write_source_scores",
        library="numpy indexing, max",
        compiled=into(source_columns, lambda out: write_source_scores(scores, rows, columns, out)),
        by_library=lambda: library.source_scores(scores, rows, columns),
    )
    price = products.features[:, PRODUCT_INPUTS.index("log_price")].astype(np.float64)
    vectors = content_vectors(products)
    contents = Contents(
        price=price,
        mean_price=float(price.mean()),
        starts=vectors.indptr,
        tokens=vectors.indices,
        vectors=vectors.data,
        dim=vectors.shape[1],
    )
    bought = (query.history, query.history_days, query.history_values)
    yield Loop(
        name="pair_inputs.write_pair_inputs",
        library="numpy bincount, scipy @",
        compiled=into(
            np.empty((len(PAIR_INPUTS), count), np.float32),
            lambda out: write_pair_inputs(bought, (rows, columns), tuple(contents), out),
        ),
        by_library=lambda: library.pair_inputs(query, columns, vectors, price),
        tolerance=1e-3,
    )
    ranked = nominated.inputs[:, 0].copy()
    candidates = (scores[0].max(axis=1), rows, columns)
    yield Loop(
        name="nomination.put_above",
        library="numpy min, indexing",
        compiled=on_copy(scores[0], lambda out: put_above(out, candidates, ranked)),
        by_library=on_copy(scores[0], lambda out: library.put_above(out, candidates, ranked)),
    )


def _of_rankers(answer: DrawnAnswer, nominated: Nominated) -> Iterator[Loop]:
    """Yield the loops of the second stage."""
    columns = np.ascontiguousarray(nominated.inputs.T)
    mean, scale = (
        part.numpy() for part in (answer.network.standardise.mean, answer.network.standardise.scale)
    )
    linear = answer.network.linear_layers()
    weight, bias = linear[0].weight.detach().numpy(), linear[0].bias.detach().numpy()
    first = np.ascontiguousarray(weight.T)

    def first_layer() -> FloatArray:
        varying, weights, folded_bias = standardised(
            (mean, scale, first, bias), columns, 0, columns.shape[1]
        )
        return weights.T @ varying + folded_bias[:, None]

    yield Loop(
        name="standardised_columns.standardised",
        library="numpy log1p, clip",
        compiled=first_layer,
        by_library=lambda: weight @ library.standardised(columns, mean, scale) + bias[:, None],
        tolerance=1e-4,
    )
    hidden = weight @ library.standardised(columns, mean, scale)
    for width in (len(bias), linear[1].out_features):
        yield Loop(
            name=f"activations.gelu_, {width} wide",
            library="torch gelu",
            compiled=on_copy(hidden[:width], partial(gelu_, bias=bias[:width])),
            by_library=partial(library.gelu, hidden[:width], bias[:width]),
            tolerance=1e-5,
        )
    with TemporaryDirectory() as folder:
        answer.trees.save(Path(folder))
        text = (Path(folder) / TREES).read_text(encoding="utf-8")
    forest, booster = read_forest(text), lightgbm.Booster(model_str=text)
    options = {"raw_score": True, "num_threads": 1, "predict_disable_shape_check": True}
    yield Loop(
        name="lightgbm_trees.add_up",
        library="lightgbm predict",
        compiled=lambda: add_up(forest, columns),
        by_library=lambda: booster.predict(nominated.inputs, **options),
    )


def _numbers(rng: np.random.Generator, *shape: int) -> FloatArray:
    return rng.normal(0, 0.3, shape).astype(np.float32)


def _dot_scorer(vectors: FloatArray, query_vector: FloatArray) -> DotScorer:
    return DotScorer(vectors, lambda _: (query_vector, lambda _: None))
