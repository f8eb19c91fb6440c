"""Every figure by hand, as fractions, the empty case included."""

from math import log2

import numpy as np
import pytest

from training.metrics import coverage, hit_rate, ndcg, paired_interval, recall, reciprocal_rank

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


def test_the_paired_interval_surrounds_the_mean_and_follows_its_generator() -> None:
    difference = np.random.default_rng(0).normal(0.1, 1.0, 400)
    low, high = paired_interval(difference, rng=np.random.default_rng(1))
    assert (low, high) == paired_interval(difference, rng=np.random.default_rng(1))
    error = difference.std() / np.sqrt(400)
    assert low == pytest.approx(difference.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(difference.mean() + 1.96 * error, abs=0.15 * error)


def test_the_paired_interval_of_nobody_is_unknown() -> None:
    assert np.isnan(paired_interval(np.zeros(0), rng=np.random.default_rng(1))).all()
