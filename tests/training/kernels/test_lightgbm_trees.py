"""The trees give LightGBM's own numbers, to the last bit."""

from typing import Any

import lightgbm
import numpy as np
import pytest

from training.data.inputs import FloatArray
from training.kernels.lightgbm_trees import WORD_LEAVES, UnknownTrees, add_up, read_forest


def grown(inputs: FloatArray, *, leaves: int = 31, trees: int = 20, **other: Any) -> Any:
    rng = np.random.default_rng(1)
    wanted = (inputs[:, 0] * inputs[:, 1] + rng.normal(size=len(inputs)) > 0).astype(np.int64)
    parameters = {"objective": "binary", "num_leaves": leaves, "verbosity": -1, "num_threads": 1}
    parameters |= {"min_data_in_leaf": 5, **other}
    return lightgbm.train(parameters, lightgbm.Dataset(inputs, label=wanted), num_boost_round=trees)


def made(rows: int, *, seed: int = 0) -> FloatArray:
    """Numbers with many equals and zeros, whose third is alike in runs of 50 rows."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, 5)).astype(np.float32)
    inputs[:, 3] = np.round(inputs[:, 3])
    inputs[:, 4] = np.maximum(inputs[:, 4], 0)
    inputs[:, 2] = np.repeat(rng.normal(size=rows // 50 + 1), 50)[:rows]
    return inputs


@pytest.mark.parametrize("leaves", [2, 7, WORD_LEAVES, WORD_LEAVES + 1, 200])
def test_the_bits_are_lightgbms(leaves: int) -> None:
    booster = grown(made(3000), leaves=leaves)
    forest = read_forest(booster.model_to_string())
    assert len(forest.leaves) >= 20 * leaves / WORD_LEAVES * 0.9
    for rows in (1, 49, 50, 257, 2000):  # with and without an input that is alike for all
        unseen = made(rows, seed=rows)
        expected = booster.predict(unseen, raw_score=True, num_threads=1)
        np.testing.assert_array_equal(add_up(forest, unseen.T.copy()), expected)


def test_inputs_on_a_bound_go_left() -> None:
    inputs = made(3000)
    booster = grown(inputs, trees=1, leaves=2)
    forest = read_forest(booster.model_to_string())
    at = np.zeros((3, 5), dtype=np.float32)
    bound = forest.bounds[0]
    at[:, forest.inputs[0]] = [np.nextafter(bound, np.float32(-9)), bound, np.nextafter(bound, 9)]
    found = add_up(forest, at.T.copy())
    assert found[0] == found[1] != found[2]
    np.testing.assert_array_equal(found, booster.predict(at, raw_score=True))


def test_trees_that_found_nothing_to_split_by() -> None:
    inputs = np.zeros((100, 2), dtype=np.float32)
    booster = grown(inputs, trees=3)
    forest = read_forest(booster.model_to_string())
    assert not len(forest.inputs)
    np.testing.assert_array_equal(
        add_up(forest, inputs.T.copy()), booster.predict(inputs, raw_score=True)
    )


def test_no_rows() -> None:
    forest = read_forest(grown(made(300)).model_to_string())
    assert add_up(forest, np.empty((5, 0), dtype=np.float32)).shape == (0,)


def test_missing_inputs_are_an_error() -> None:
    forest = read_forest(grown(made(300)).model_to_string())
    with pytest.raises(ValueError, match="inputs = 1: these trees need"):
        add_up(forest, np.zeros((1, 9), dtype=np.float32))


def test_other_trees_are_refused() -> None:
    holes = made(3000)
    holes[::3, 0] = np.nan
    with pytest.raises(UnknownTrees, match="missing"):
        read_forest(grown(holes).model_to_string())
    with pytest.raises(UnknownTrees, match="missing"):
        read_forest(grown(made(3000), zero_as_missing=True).model_to_string())
    with pytest.raises(UnknownTrees, match="linear leaves"):
        read_forest(grown(made(3000), linear_tree=True).model_to_string())
    with pytest.raises(UnknownTrees, match="one number a row"):
        read_forest(
            grown(made(3000), boosting="rf", bagging_freq=1, bagging_fraction=0.5).model_to_string()
        )
