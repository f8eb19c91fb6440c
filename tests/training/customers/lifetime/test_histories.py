"""Equal histories are put together, odd ones are refused, and hopeless ones named."""

import numpy as np
import numpy.typing as npt
import pytest

from training.customers.lifetime.bg_nbd import BgNbd
from training.customers.lifetime.histories import Histories
from training.customers.lifetime.maximum_likelihood import NotConverged
from training.customers.lifetime.pareto_nbd import ParetoNbd


def test_rows_come_back_in_their_order() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, 500).astype(float)
    T = rng.integers(5, 8, 500).astype(float)
    t_x = np.where(x > 0, rng.integers(1, 5, 500), 0).astype(float)
    weights = rng.random(500)
    rows = Histories.collapse(x, t_x, T, weights)
    given = np.column_stack([x, t_x, T])
    kept = np.column_stack([rows.x, rows.t_x, rows.T])
    np.testing.assert_array_equal(kept[rows.inverse], given)
    assert len(kept) == len(np.unique(given, axis=0))
    for place, row in enumerate(kept):
        same = (given == row).all(axis=1)
        assert rows.weights[place] == pytest.approx(weights[same].sum())


def test_some_rows_stand_for_all() -> None:
    rows = Histories.collapse(np.ones(1000), np.arange(1000), np.full(1000, 1000))
    some = rows.some(300)
    assert len(some.x) == 250
    assert some.weights.sum() == pytest.approx(1000)
    assert some.t_x.mean() == pytest.approx(rows.t_x.mean(), rel=0.01)


def test_no_rows_give_no_predictions() -> None:
    for model in (BgNbd(r=1, alpha=1, a=1, b=1), ParetoNbd(r=1, alpha=1, s=1, beta=1)):
        assert model.expected_orders(9, [], [], []).shape == (0,)
        assert model.no_order(9, [], [], []).shape == (0,)
        assert model.alive([], [], []).shape == (0,)
        assert model.log_likelihood([], [], []).shape == (0,)


@pytest.mark.parametrize(
    ("x", "t_x", "T", "message"),
    [
        ([0.5], [1], [2], "counts orders"),
        ([-1], [1], [2], "counts orders"),
        ([1], [3], [2], "between 0 and T"),
        ([1], [-1], [2], "between 0 and T"),
        ([0], [1], [2], "t_x must be 0"),
        ([1], [np.nan], [2], "finite"),
        ([1, 2], [1], [2], "one length"),
        ([[1]], [[1]], [[2]], "one length"),
    ],
)
def test_impossible_histories_are_refused(
    x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Histories.collapse(x, t_x, T)
    with pytest.raises(ValueError, match="weights at least 0"):
        Histories.collapse([1], [1], [2], [-1])


@pytest.mark.parametrize("model", [BgNbd, ParetoNbd])
def test_customers_who_tell_nothing_are_named(model: type[BgNbd] | type[ParetoNbd]) -> None:
    with pytest.raises(NotConverged, match="no customer ordered after"):
        model.fit([0, 0], [0, 0], [5, 9])
    with pytest.raises(NotConverged, match="no customer ordered after"):
        model.fit([], [], [])
    with pytest.raises(NotConverged, match="no time has passed"):
        model.fit([1, 0], [0, 0], [0, 0])
    one_kind = [4.0] * 300, [90.0] * 300, [100.0] * 300
    with pytest.raises(NotConverged, match=r"penalty=0\.1"):
        model.fit(*one_kind)
    fitted = model.fit(*one_kind, penalty=0.1)
    assert fitted.expected_orders(100, [4], [90], [100])[0] == pytest.approx(4, rel=0.2)
