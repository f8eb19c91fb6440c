"""Rough scores become exact for the best products, and rank alike."""

import numpy as np
import pytest

from tests.training.tiny import queries
from training.data.inputs import FloatArray, Queries
from training.kernels.dot_products import ROUGH_FROM, DotScorer, QueryVectors
from training.kernels.nomination import top_places
from training.kernels.top_k import top_k

DIM = 16


def scorer(count: int) -> DotScorer:
    rng = np.random.default_rng(count)
    vectors = rng.normal(size=(count, DIM)).astype(np.float32)
    vectors_of_queries = rng.normal(size=(3, DIM)).astype(np.float32)
    more = rng.normal(size=count).astype(np.float32)

    def query_vectors(given: Queries) -> QueryVectors:
        def add(scores: FloatArray) -> None:
            scores += more

        return vectors_of_queries[: len(given)], add

    return DotScorer(vectors, query_vectors)


def test_a_small_catalogue_and_many_queries_are_exact_at_once() -> None:
    for count, asked in ((ROUGH_FROM, queries([])), (ROUGH_FROM + 1, queries([], []))):
        found = scorer(count).rough(asked)
        assert found.make_exact is None
        np.testing.assert_array_equal(found.scores, scorer(count)(asked))


def test_scores_made_exact_are_exact_and_so_is_the_order_of_the_best() -> None:
    score = scorer(ROUGH_FROM + 1)
    exact = score(queries([]))
    found = score.rough(queries([]))
    assert found.make_exact is not None
    assert 1e-4 < np.abs(found.scores - exact).max() < 0.2
    found.make_exact(top_places(found.scores[0], 240))
    np.testing.assert_array_equal(top_k(found.scores, 60), top_k(exact, 60))
    others = np.arange(100, dtype=np.int64)
    for _ in range(2):  # the second time changes nothing
        found.make_exact(others)
        np.testing.assert_allclose(found.scores[0, :100], exact[0, :100], atol=1e-5)


def test_of_120_000_products_in_clusters_none_of_the_60_best_is_missed() -> None:
    """Where an index of clusters would look into a few of them alone."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(500, 64))
    vectors, query_vectors = (
        (centres[rng.integers(0, 500, count)] + 0.3 * rng.normal(size=(count, 64))).astype("f4")
        for count in (120_000, 20)
    )
    for query in query_vectors:
        score = DotScorer(vectors, lambda _, query=query: (query[None], lambda _: None))  # type: ignore[misc]
        found = score.rough(queries([]))
        assert found.make_exact is not None
        found.make_exact(top_places(found.scores[0], 240))
        best = top_k(score(queries([])), 60)
        np.testing.assert_array_equal(top_k(found.scores, 60), best)


@pytest.mark.parametrize("count", [0, 1, 40])
def test_one_query_scores_as_among_others(count: int) -> None:
    score = scorer(count)
    one, many = score(queries([])), score(queries([], [], []))
    assert many.shape == (3, count)
    np.testing.assert_allclose(one, many[:1], atol=1e-5)
    assert score(queries([])[:0]).shape == (0, count)


def test_likely_are_the_best_and_few_others() -> None:
    scores = np.random.default_rng(0).normal(size=20_000).astype(np.float32)
    found = top_places(scores, 200)
    best = np.argsort(-scores)[:200]
    assert np.isin(best, found).all()
    assert len(found) < 400
