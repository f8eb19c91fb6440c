"""BG/NBD: the published fit, known truth, exact references, and sane numbers everywhere."""

from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.customers.lifetime import cdnow
from tests.training.customers.lifetime.worlds import (
    ODD_ROWS,
    bg_world,
    gap_in_errors,
    numeric_gradient,
)
from training.customers.lifetime import bg_nbd
from training.customers.lifetime.bg_nbd import BgNbd
from training.customers.lifetime.histories import Histories

TRUTH: Final = BgNbd(r=0.6, alpha=30.0, a=0.9, b=3.0)
positive = st.floats(-4.5, 4.5).map(np.exp)
models = st.builds(BgNbd, r=positive, alpha=positive, a=positive, b=positive)


@pytest.mark.bench
def test_the_published_parameters_of_cdnow(bench_data: Path) -> None:
    data = cdnow.read(bench_data, last="1997-09-30", now="1997-09-30", sample=True)
    assert (len(data.x), data.x.sum(), (data.x > 0).sum()) == (2357, 2457, 946)
    weeks = data.x, data.t_x / 7, data.T / 7
    model = BgNbd.fit(*weeks)
    fitted = [model.r, model.alpha, model.a, model.b]
    assert fitted == pytest.approx([0.243, 4.414, 0.793, 2.426], rel=0.003)
    assert model.log_likelihood(*weeks).sum() == pytest.approx(-9582.4, abs=0.05)


@pytest.mark.bench
def test_the_orders_of_cdnows_next_nine_months(bench_data: Path) -> None:
    data = cdnow.read(bench_data, last="1997-09-30", now="1997-10-01", sample=False)
    model = BgNbd.fit(data.x, data.t_x, data.T)
    expected = model.expected_orders(273, data.x, data.t_x, data.T)
    assert expected.sum() / data.later.sum() == pytest.approx(0.844, abs=0.005)


def test_the_gradient() -> None:
    rows = Histories.collapse([0, 1, 3, 40], [0, 5.5, 0.1, 90], [50, 6, 70, 90])
    at = np.array([0.4, 12.0, 0.7, 2.5])
    _, gradients = bg_nbd._log_likelihood(at, rows)
    by_hand = numeric_gradient(lambda theta: bg_nbd._log_likelihood(theta, rows)[0], at)
    np.testing.assert_allclose(gradients, by_hand, rtol=1e-6, atol=1e-8)


def test_a_fit_does_not_depend_on_the_unit_of_time_or_on_equal_rows() -> None:
    world = bg_world(TRUTH, T=np.full(1500, 300.0), horizon=1, seed=1)
    T, t_x = np.ceil(world.T), np.ceil(world.t_x)
    days = BgNbd.fit(world.x, t_x, T)
    weeks = BgNbd.fit(world.x, t_x / 7, T / 7)
    assert weeks.alpha * 7 == pytest.approx(days.alpha, rel=1e-3)
    assert weeks.b == pytest.approx(days.b, rel=1e-3)
    twice = BgNbd.fit(world.x, t_x, T, weights=np.full(1500, 2.0))
    assert twice.a == pytest.approx(days.a, rel=1e-3)
    errors = np.array(days.log_standard_errors) / twice.log_standard_errors
    np.testing.assert_allclose(errors, np.sqrt(2), rtol=1e-3)


def test_predictions_are_right_on_average_for_every_kind_of_customer() -> None:
    T = np.random.default_rng(0).uniform(50, 400, 200_000)
    world = bg_world(TRUTH, T=T, horizon=120, seed=2)
    rows = world.x, world.t_x, world.T
    expected = TRUTH.expected_orders(120, *rows)
    none = TRUTH.no_order(120, *rows)
    waited = (T - world.t_x) / T > 0.5
    for group in (world.x == 0, world.x == 1, (world.x > 1) & waited, (world.x > 1) & ~waited):
        assert group.sum() > 5000
        assert gap_in_errors(expected[group], world.later[group]) < 4
        assert gap_in_errors(none[group], (world.later[group] == 0).astype(float)) < 4


def _covered(worlds: int, customers: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return in how many worlds the interval of each parameter has its truth."""
    covered = np.zeros(4, dtype=np.int64)
    for seed in range(worlds):
        T = np.random.default_rng(seed).uniform(100, 700, customers)
        world = bg_world(TRUTH, T=T, horizon=1, seed=1000 + seed)
        intervals = BgNbd.fit(world.x, world.t_x, world.T).intervals()
        bounds = [intervals[name] for name in BgNbd.names]
        truth = [TRUTH.r, TRUTH.alpha, TRUTH.a, TRUTH.b]
        covered += [low < t < high for (low, high), t in zip(bounds, truth, strict=True)]
    return covered


def test_intervals_hold_the_truth_in_a_few_worlds() -> None:
    assert _covered(10, 1000).min() >= 8


@pytest.mark.slow
def test_intervals_hold_the_truth_in_nine_worlds_of_ten() -> None:
    covered = _covered(100, 1000)
    assert covered.min() >= 90
    assert covered.max() < 100


@pytest.mark.parametrize("a", [0.05, 0.7, 1.0 + 1e-9, 8.0, 300.0])
@pytest.mark.parametrize("b", [0.05, 2.4, 200.0])
def test_expected_orders_is_the_papers_formula(a: float, b: float) -> None:
    """Equation 10, whose terms cancel: 60 digits are enough for any history."""
    mp = pytest.importorskip("mpmath")
    model = BgNbd(r=0.3, alpha=5.0, a=a, b=b)
    for x, t_x, T in ((0, 0, 40), (1, 3, 40), (20, 39, 40), (1000, 40, 40)):
        for horizon in (1e-6, 30, 1e4):
            with mp.workdps(60):
                total, k = mp.mpf(a) + b + x - 1, mp.mpf(model.r) + x
                z = mp.mpf(horizon) / (model.alpha + T + horizon)
                orders = mp.hyp2f1(k, mp.mpf(b) + x, total, z) * (1 - z) ** k
                exact = float(total / (mp.mpf(a) - 1) * (1 - orders))
            got = model.expected_orders(horizon, [x], [t_x], [T]) / model.alive([x], [t_x], [T])
            assert got[0] == pytest.approx(exact, rel=1e-8)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(models, st.floats(-6, 4), st.floats(1, 100))
def test_predictions_are_sane(model: BgNbd, log_horizon: float, longer: float) -> None:
    x, t_x, T = np.array(ODD_ROWS).T
    horizon = 10**log_horizon
    expected, none = (f(horizon, x, t_x, T) for f in (model.expected_orders, model.no_order))
    assert np.isfinite(expected).all()
    assert (expected >= 0).all()
    assert ((none >= 0) & (none <= 1)).all()
    assert (1 - none <= expected * (1 + 1e-9) + 1e-15).all()
    assert (model.no_order(horizon * longer, x, t_x, T) <= none).all()
    assert (model.expected_orders(horizon * longer, x, t_x, T) >= expected * (1 - 1e-7)).all()
    alive = model.alive(x, t_x, T)
    assert ((alive >= 0) & (alive <= 1)).all()
    assert (alive[x == 0] == 1).all()
    assert np.isfinite(model.log_likelihood(x, t_x, T)).all()


def test_bad_values_are_refused() -> None:
    with pytest.raises(ValueError, match="alpha is 0"):
        BgNbd(r=1, alpha=0.0, a=1, b=1)
    with pytest.raises(ValueError, match="horizon is 0"):
        TRUTH.expected_orders(0, [0], [0], [1])
    with pytest.raises(ValueError, match="not fitted"):
        TRUTH.intervals()
