"""Pareto/NBD: the published fit, known truth, exact references, and sane numbers everywhere."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import xlogy

from tests.training.customers.lifetime import cdnow
from tests.training.customers.lifetime.worlds import (
    ODD_ROWS,
    gap_in_errors,
    numeric_gradient,
    pareto_world,
)
from training.customers.lifetime import pareto_nbd
from training.customers.lifetime.histories import Histories
from training.customers.lifetime.pareto_nbd import ParetoNbd

TRUTH: Final = ParetoNbd(r=0.8, alpha=30.0, s=0.9, beta=200.0)
positive = st.floats(-4.5, 4.5).map(np.exp)
models = st.builds(ParetoNbd, r=positive, alpha=positive, s=positive, beta=positive)


@pytest.mark.bench
def test_the_published_parameters_of_cdnow(bench_data: Path) -> None:
    data = cdnow.read(bench_data, last="1997-09-30", now="1997-09-30", sample=True)
    weeks = data.x, data.t_x / 7, data.T / 7
    model = ParetoNbd.fit(*weeks)
    fitted = [model.r, model.alpha, model.s, model.beta]
    assert fitted == pytest.approx([0.553, 10.578, 0.606, 11.669], rel=0.003)
    assert model.log_likelihood(*weeks).sum() == pytest.approx(-9595.0, abs=0.05)


@pytest.mark.bench
def test_the_orders_of_cdnows_next_nine_months(bench_data: Path) -> None:
    data = cdnow.read(bench_data, last="1997-09-30", now="1997-10-01", sample=False)
    model = ParetoNbd.fit(data.x, data.t_x, data.T)
    expected = model.expected_orders(273, data.x, data.t_x, data.T)
    deviance = 2 * (xlogy(data.later, data.later / expected) - data.later + expected).mean()
    assert deviance == pytest.approx(1.651, abs=0.002)
    assert expected.sum() / data.later.sum() == pytest.approx(0.853, abs=0.005)


def test_the_gradient() -> None:
    rows = Histories.collapse([0, 1, 3, 40], [0, 5.5, 0.1, 90], [50, 6, 70, 90])
    for at in ([0.4, 12.0, 0.7, 25.0], [1.5, 80.0, 1.2, 3.0]):
        _, gradients = pareto_nbd._log_likelihood(np.array(at), rows)
        by_hand = numeric_gradient(
            lambda theta: pareto_nbd._log_likelihood(theta, rows)[0], np.array(at)
        )
        np.testing.assert_allclose(gradients, by_hand, rtol=1e-6, atol=1e-8)


def test_a_fit_does_not_depend_on_the_unit_of_time() -> None:
    world = pareto_world(TRUTH, T=np.full(1500, 300.0), horizon=1, seed=1)
    days = ParetoNbd.fit(world.x, world.t_x, world.T)
    weeks = ParetoNbd.fit(world.x, world.t_x / 7, world.T / 7)
    assert weeks.alpha * 7 == pytest.approx(days.alpha, rel=1e-3)
    assert weeks.beta * 7 == pytest.approx(days.beta, rel=1e-3)


def test_predictions_are_right_on_average_for_every_kind_of_customer() -> None:
    T = np.random.default_rng(0).uniform(50, 400, 200_000)
    world = pareto_world(TRUTH, T=T, horizon=120, seed=2)
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
        world = pareto_world(TRUTH, T=T, horizon=1, seed=1000 + seed)
        intervals = ParetoNbd.fit(world.x, world.t_x, world.T).intervals()
        bounds = [intervals[name] for name in ParetoNbd.names]
        truth = [TRUTH.r, TRUTH.alpha, TRUTH.s, TRUTH.beta]
        covered += [low < t < high for (low, high), t in zip(bounds, truth, strict=True)]
    return covered


def test_intervals_hold_the_truth_in_a_few_worlds() -> None:
    assert _covered(10, 1000).min() >= 8


@pytest.mark.slow
def test_intervals_hold_the_truth_in_nine_worlds_of_ten() -> None:
    covered = _covered(100, 1000)
    assert covered.min() >= 90
    assert covered.max() < 100


def _silent(k: Any, alpha: Any, s: Any, beta: Any, *, until: float) -> tuple[Any, Any]:
    """Return the probabilities that neither comes within `until`, and that the stop comes first.

    By the hypergeometric functions of Fader and Hardie's note, in many digits.
    """
    mp = pytest.importorskip("mpmath")
    low, high = (beta, alpha) if alpha >= beta else (alpha, beta)
    shape = s + 1 if alpha >= beta else k

    def term(y: float) -> Any:
        z = (high - low) / (high + y)
        return mp.hyp2f1(k + s, shape, k + s + 1, z) / (high + y) ** (k + s)

    neither = (alpha / (alpha + until)) ** k * (beta / (beta + until)) ** s
    return neither, s / (k + s) * (term(0) - term(until)) * alpha**k * beta**s


@pytest.mark.parametrize(("alpha", "beta"), [(0.1, 900.0), (900.0, 0.1), (50.0, 50.1)])
@pytest.mark.parametrize(("r", "s"), [(0.05, 0.6), (0.6, 0.05), (1.0, 1.0), (20.0, 9.0)])
def test_probabilities_are_the_closed_forms(r: float, s: float, alpha: float, beta: float) -> None:
    mp = pytest.importorskip("mpmath")
    model = ParetoNbd(r=r, alpha=alpha, s=s, beta=beta)
    for x, t_x, T in ((0, 0, 40), (1, 3, 40), (1, 39.999, 40), (20, 39, 3650), (300, 30, 40)):
        with mp.workdps(80):
            k, a, b = mp.mpf(r) + x, mp.mpf(alpha), mp.mpf(beta)
            neither, stop = _silent(k, a + t_x, mp.mpf(s), b + t_x, until=mp.mpf(T) - mp.mpf(t_x))
            rate = mp.rf(mp.mpf(r), x) * (a / (a + t_x)) ** mp.mpf(r) / (a + t_x) ** x
            likelihood = rate * (b / (b + t_x)) ** mp.mpf(s) * (neither + stop)
            alive = neither / (neither + stop)
            assert model.log_likelihood([x], [t_x], [T])[0] == pytest.approx(
                float(mp.log(likelihood)), rel=1e-9, abs=1e-9
            )
            assert model.alive([x], [t_x], [T])[0] == pytest.approx(float(alive), rel=1e-7)
            for horizon in (1e-6, 30, 1e4):
                quiet = sum(_silent(k, a + T, mp.mpf(s), b + T, until=mp.mpf(horizon)))
                order = float(alive * (1 - quiet))
                got = 1 - model.no_order(horizon, [x], [t_x], [T])[0]
                assert got == pytest.approx(order, rel=1e-8, abs=1e-15)


def test_expected_orders_has_no_hole_at_s_of_one() -> None:
    history = [3.0], [20.0], [50.0]
    at = [
        ParetoNbd(r=1, alpha=9, s=s, beta=40).expected_orders(100, *history)[0]
        for s in (1 - 1e-4, 1, 1 + 1e-4)
    ]
    assert at[1] == pytest.approx((at[0] + at[2]) / 2, rel=1e-7)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(models, st.floats(-6, 4), st.floats(1, 100))
def test_predictions_are_sane(model: ParetoNbd, log_horizon: float, longer: float) -> None:
    x, t_x, T = np.array(ODD_ROWS).T
    horizon = 10**log_horizon
    expected, none = (f(horizon, x, t_x, T) for f in (model.expected_orders, model.no_order))
    assert np.isfinite(expected).all()
    assert (expected >= 0).all()
    assert ((none >= 0) & (none <= 1)).all()
    assert (1 - none <= expected * (1 + 1e-9) + 1e-15).all()
    assert (model.no_order(horizon * longer, x, t_x, T) <= none + 1e-6).all()  # quadrature
    assert (model.expected_orders(horizon * longer, x, t_x, T) >= expected * (1 - 1e-12)).all()
    alive = model.alive(x, t_x, T)
    assert ((alive >= 0) & (alive <= 1)).all()
    assert (alive[t_x == T] == 1).all()
    assert np.isfinite(model.log_likelihood(x, t_x, T)).all()


def test_bad_values_are_refused() -> None:
    with pytest.raises(ValueError, match="beta is nan"):
        ParetoNbd(r=1, alpha=1, s=1, beta=np.nan)
    with pytest.raises(ValueError, match="horizon is inf"):
        TRUTH.no_order(np.inf, [0], [0], [1])
    with pytest.raises(ValueError, match="not fitted"):
        TRUTH.intervals()
