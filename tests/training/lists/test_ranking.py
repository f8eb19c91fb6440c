"""Lists: best first, ties by column, nothing excluded, nothing twice."""

import numpy as np
import pandas as pd
import pytest

from training.data.inputs import FloatArray, Queries
from training.data.pairs import Pairs, pairs
from training.kernels.top_k import top_k
from training.lists.ranking import BATCH, rank


def test_ties_keep_the_columns_order_also_at_the_last_place() -> None:
    scores = np.array([[2, 5, 2, 2, 5, 1]], dtype=np.float32)
    assert top_k(scores, 3).tolist() == [[1, 4, 0]]
    assert top_k(scores, 4).tolist() == [[1, 4, 0, 2]]


def test_agrees_with_a_full_stable_sort() -> None:
    rng = np.random.default_rng(5)
    scores = rng.integers(0, 9, (50, 80)).astype(np.float32)
    expected = np.argsort(-scores, axis=1, kind="stable")
    for k in (1, 10, 79, 80):
        np.testing.assert_array_equal(top_k(scores, k), expected[:, :k])


def test_short_catalogues_and_exclusions_end_in_minus_one() -> None:
    scores = np.array([[1, 2, 3]], dtype=np.float32)
    assert top_k(scores, 5).tolist() == [[2, 1, 0, -1, -1]]
    excluded = np.array([[False, True, True]])
    assert top_k(scores, 2, exclude=excluded).tolist() == [[0, -1]]
    assert top_k(np.zeros((0, 3), dtype=np.float32), 2).shape == (0, 2)
    assert top_k(np.zeros((2, 0), dtype=np.float32), 2).tolist() == [[-1, -1], [-1, -1]]


def test_what_is_no_number_is_never_listed() -> None:
    assert top_k(np.array([[1, np.nan, 0]], dtype=np.float32), 3).tolist() == [[0, 2, -1]]


def test_a_list_has_a_place() -> None:
    with pytest.raises(ValueError, match="k = 0"):
        top_k(np.zeros((1, 2), dtype=np.float32), 0)


def test_pairs_are_distinct_sorted_and_known() -> None:
    frame = pd.DataFrame(
        [("b", "y"), ("b", "x"), ("b", "y"), ("a", "z"), ("nobody", "x"), ("a", "nothing")],
        columns=["customer_id", "product_id"],
    ).astype("string[pyarrow]")
    customers, products = (
        np.array(["a", "b"], dtype=object),
        np.array(["x", "y", "z"], dtype=object),
    )
    found = pairs(frame, customers, products)
    assert list(zip(found.rows.tolist(), found.columns.tolist(), strict=True)) == [
        (0, 2),
        (1, 0),
        (1, 1),
    ]
    assert found.mask(1, 2, 3).tolist() == [[True, True, False]]
    less = found.without(Pairs(rows=np.array([1]), columns=np.array([0])), 3)
    assert less.columns.tolist() == [2, 1]


def test_rank_goes_through_all_batches_with_each_rows_own_exclusions() -> None:
    count, width = 2 * BATCH + 3, 6
    wish = np.random.default_rng(2).normal(size=(count, width)).astype(np.float32)
    queries = Queries(
        customer_ids=np.arange(count).astype(object),
        at=np.full(count, np.datetime64("2011-01-01", "us")),
        activity=wish,
        history=np.full((count, 1), -1),
        history_days=np.zeros((count, 1), dtype=np.float32),
        history_values=np.ones((count, 1), dtype=np.float32),
    )

    def scorer(asked: Queries) -> FloatArray:
        return asked.activity

    best = wish.argmax(axis=1)
    exclude = Pairs(rows=np.arange(count), columns=best)
    found = rank(scorer, queries, 1, width=width, lists={"any": None, "other": exclude})
    second = np.argsort(-wish, axis=1)[:, 1]
    np.testing.assert_array_equal(found["any"][:, 0], best)
    np.testing.assert_array_equal(found["other"][:, 0], second)
    assert rank(scorer, queries[:0], 3, width=width, lists={"any": None})["any"].shape == (0, 3)
