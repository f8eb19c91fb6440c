"""Every figure by hand, as fractions, the empty case included."""

from math import log2, sqrt

import numpy as np
import scipy.sparse as sp

from training.evaluation.ranking_metrics import (
    coverage,
    diversity,
    hit_rate,
    ndcg,
    novelty,
    recall,
    reciprocal_rank,
)

HITS = np.array(
    [
        [True, False, True, False],
        [False, False, False, True],
        [False, False, False, False],
        [True, True, True, True],
    ]
)
WANTED = np.array([2, 1, 3, 9])


def test_ndcg() -> None:
    ideal = 1 + 1 / log2(3)
    expected = [(1 + 1 / 2) / ideal, 1 / log2(5), 0, 1]
    np.testing.assert_allclose(ndcg(HITS, WANTED), expected, rtol=1e-12)


def test_recall_divides_by_what_the_list_can_hold() -> None:
    np.testing.assert_allclose(recall(HITS, WANTED), [2 / 2, 1 / 1, 0 / 3, 4 / 4], rtol=1e-12)


def test_hit_rate() -> None:
    np.testing.assert_array_equal(hit_rate(HITS), [1, 1, 0, 1])


def test_reciprocal_rank() -> None:
    np.testing.assert_array_equal(reciprocal_rank(HITS), [1, 1 / 4, 0, 1])


def test_coverage_counts_each_product_once() -> None:
    assert coverage(np.array([[4, 1, -1], [1, 0, 4]]), 8) == 3 / 8


def test_nobody_and_nothing_wanted() -> None:
    nobody = np.zeros((0, 4), dtype=bool)
    none = np.zeros(0, dtype=np.int64)
    for figure in (ndcg(nobody, none), recall(nobody, none), hit_rate(nobody)):
        assert figure.shape == (0,)
    assert reciprocal_rank(np.zeros((2, 0), dtype=bool)).tolist() == [0, 0]
    assert ndcg(HITS[:1], np.array([0])).tolist() == [0]
    assert recall(HITS[:1], np.array([0])).tolist() == [0]
    assert coverage(np.zeros((0, 4), dtype=np.int64), 0) == 0


LISTS = np.array([[0, 1, 2], [2, 0, -1], [1, -1, -1], [-1, -1, -1]])


def test_novelty_is_the_mean_of_what_each_product_says() -> None:
    shares = np.array([1 / 2, 1 / 8, 1 / 5])
    expected = [(1 + 3 + log2(5)) / 3, (log2(5) + 1) / 2, 3, 0]
    np.testing.assert_allclose(novelty(LISTS, shares), expected, rtol=1e-12)


def test_diversity_is_the_mean_unlikeness_of_pairs() -> None:
    half = sqrt(1 / 2)
    vectors = np.array([[1, 0], [half, half], [0, 1]], dtype=np.float32)
    expected = [1 - (half + 0 + half) / 3, 1, 0, 0]
    np.testing.assert_allclose(diversity(LISTS, vectors), expected, atol=1e-7)
    np.testing.assert_allclose(diversity(LISTS, sp.csr_array(vectors)), expected, atol=1e-7)


def test_products_that_nothing_is_known_of_are_alike_to_none() -> None:
    vectors = np.array([[0, 0], [0, 0], [1, 0]], dtype=np.float32)
    assert diversity(LISTS, vectors).tolist() == [1, 1, 0, 0]


def test_novelty_and_diversity_of_nobody_and_of_nothing() -> None:
    nobody = np.zeros((0, 3), dtype=np.int64)
    assert novelty(nobody, np.array([0.5])).shape == (0,)
    assert diversity(nobody, np.eye(3, dtype=np.float32)).shape == (0,)
    assert novelty(LISTS[3:], np.zeros(0)).tolist() == [0]
    assert diversity(LISTS[3:], np.zeros((0, 2), dtype=np.float32)).tolist() == [0]
