"""Decayed purchases: computed once for the same queries, and anew for others."""

from dataclasses import replace

import numpy as np

from tests.training.tiny import queries
from training.kernels.faded_history import add_left, faded_history


def test_models_of_one_half_life_share_the_result() -> None:
    some = queries([(0, 1), (1, 1), (0, 2)], [(2, 1)])
    first = faded_history(some, half_life_days=30)
    assert faded_history(some, half_life_days=30) is first
    assert faded_history(some, half_life_days=60) is not first


def test_changed_queries_are_computed_anew() -> None:
    some = queries([(0, 1), (1, 1), (0, 2)])
    before = faded_history(some, half_life_days=30)
    other = replace(some, history=np.array([[2, 2, 2]]))
    after = faded_history(other, half_life_days=30)
    assert before.places[: before.starts[1]].tolist() == [0, 1]
    assert after.places[: after.starts[1]].tolist() == [2]
    assert faded_history(some[:1], half_life_days=30) is not before


def test_what_is_left_is_added_to_each_customers_products() -> None:
    some = queries([(0, 1), (1, 1), (0, 2)], [(2, 1)])
    left = faded_history(some, half_life_days=1e9)  # nothing decays: the counts
    scores = np.ones((2, 4), dtype=np.float32)
    add_left(scores, left, weight=0.5)
    np.testing.assert_allclose(scores, [[2, 1.5, 1, 1], [1, 1, 1.5, 1]], rtol=1e-6)
