"""Nominated is what a full sort would nominate, whatever the scores are like."""

import numpy as np
import numpy.typing as npt
import pytest

from training.data.inputs import FloatArray, IntArray
from training.kernels.nomination import nominate, put_above


def by_sorting(scores: FloatArray, history: IntArray, count: int) -> npt.NDArray[np.bool_]:
    chosen = np.zeros(scores.shape, dtype=np.bool_)
    for row, line in enumerate(scores):
        owned = history[row][history[row] >= 0]
        open_ = np.isfinite(line)
        open_[owned] = False
        order = np.argsort(np.where(open_, -line, np.inf), kind="stable")
        chosen[row, order[: min(count, open_.sum())]] = True
        chosen[row, owned] = True
    return chosen


@pytest.mark.parametrize("width", [1, 8, 60, 511, 512, 700, 5000])
@pytest.mark.parametrize("kind", ["distinct", "equals", "negative", "alike"])
def test_the_best_outside_the_history_the_first_of_equals(width: int, kind: str) -> None:
    rng = np.random.default_rng(width)
    scores = rng.normal(size=(3, width)).astype(np.float32)
    if kind == "equals":
        scores = np.round(3 * scores)
    if kind == "negative":
        scores = -np.exp(scores)
    if kind == "alike":
        scores[:] = rng.choice([0.0, -0.0], size=scores.shape)
    for strange in (np.nan, np.inf, -np.inf):
        scores[:, rng.random(width) < 0.05] = strange
    history = rng.integers(-1, width, size=(3, 20))
    for count in (0, 1, 60, 300):
        rows, columns, new = nominate((scores, scores[:, ::-1].copy()), history, count)
        found = np.zeros(scores.shape, dtype=np.bool_)
        found[rows, columns] = True
        expected = by_sorting(scores, history, count) | by_sorting(scores[:, ::-1], history, count)
        np.testing.assert_array_equal(found, expected)
        assert (np.diff(rows * width + columns) > 0).all()
        owned = (history[rows] == columns[:, None]).any(axis=1)
        np.testing.assert_array_equal(new, ~owned)


def test_candidates_are_put_above_all_others() -> None:
    """The worst candidate scores -2, so the best of the others -3."""
    scores = np.array([[5, 9, 7, 1], [0, 0, 0, 1]], dtype=np.float32)
    rows, columns = np.array([0, 0, 1]), np.array([0, 3, 2])
    put_above(scores, (scores.max(axis=1), rows, columns), np.array([3, -2, 4], dtype=np.float32))
    np.testing.assert_array_equal(scores, [[3, -3, -5, -2], [2, 2, 4, 3]])
