"""Gamma-Gamma: the published fit, known truth, and values between the customer's and the mean."""

from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.customers.lifetime import cdnow
from tests.training.customers.lifetime.worlds import Float64, numeric_gradient
from training.customers.lifetime import gamma_gamma
from training.customers.lifetime.gamma_gamma import GammaGamma
from training.customers.lifetime.maximum_likelihood import NotConverged

TRUTH: Final = GammaGamma(p=4.0, q=3.5, gamma=25.0)
logs = st.floats(-4.5, 4.5)


def _world(truth: GammaGamma, *, customers: int, seed: int) -> tuple[Float64, Float64, Float64]:
    """Draw orders' numbers, their mean values, and each customer's true mean value."""
    rng = np.random.default_rng(seed)
    n = rng.geometric(0.4, customers).astype(np.float64)
    rate = rng.gamma(truth.q, 1 / truth.gamma, customers)
    return n, rng.gamma(truth.p * n) / rate / n, truth.p / rate


@pytest.mark.bench
def test_the_published_parameters_of_cdnow(bench_data: Path) -> None:
    data = cdnow.read(bench_data, last="1997-09-30", now="1997-09-30", sample=True)
    again = data.x > 0
    model = GammaGamma.fit(data.x[again], data.mean_value[again])
    assert [model.p, model.q, model.gamma] == pytest.approx([6.25, 3.74, 15.44], rel=0.003)


def test_the_gradient() -> None:
    n, values, at = np.array([1.0, 2, 50]), np.array([3.0, 0.01, 400]), np.array([2.0, 1.4, 9.0])
    _, gradients = gamma_gamma._log_likelihood(at, n, values)
    by_hand = numeric_gradient(lambda theta: gamma_gamma._log_likelihood(theta, n, values)[0], at)
    np.testing.assert_allclose(gradients, by_hand, rtol=1e-6, atol=1e-7)


def test_the_density_has_a_mass_of_one() -> None:
    values = np.exp(np.linspace(-12, 15, 4001))
    for n in (1.0, 7.0):
        density = np.exp(TRUTH.log_likelihood(np.full(4001, n), values))
        assert np.trapezoid(density, values) == pytest.approx(1, abs=1e-4)


def test_a_fit_does_not_depend_on_the_currency_or_on_equal_rows() -> None:
    n, values, _ = _world(TRUTH, customers=2000, seed=1)
    euros = GammaGamma.fit(n, values)
    cents = GammaGamma.fit(n, values * 100, weights=np.full(2000, 3.0))
    assert cents.population_mean == pytest.approx(euros.population_mean * 100, rel=1e-3)
    assert cents.p == pytest.approx(euros.p, rel=1e-3)
    ratio = np.array(euros.log_standard_errors) / cents.log_standard_errors
    np.testing.assert_allclose(ratio, np.sqrt(3), rtol=1e-3)


def test_expected_values_are_right_on_average() -> None:
    n, values, truth = _world(TRUTH, customers=200_000, seed=2)
    expected = TRUTH.expected_value(n, values)
    for group in (n == 1, n > 3, values > 60, (n == 2) & (values < 20)):
        assert expected[group].mean() == pytest.approx(truth[group].mean(), rel=0.02)


def _covered(worlds: int, customers: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return in how many worlds the interval of each parameter has its truth."""
    covered = np.zeros(3, dtype=np.int64)
    for seed in range(worlds):
        n, values, _ = _world(TRUTH, customers=customers, seed=seed)
        intervals = GammaGamma.fit(n, values).intervals()
        bounds = [intervals[name] for name in GammaGamma.names]
        truth = [TRUTH.p, TRUTH.q, TRUTH.gamma]
        covered += [low < t < high for (low, high), t in zip(bounds, truth, strict=True)]
    return covered


def test_intervals_hold_the_truth_in_a_few_worlds() -> None:
    assert _covered(10, 1000).min() >= 8


@pytest.mark.slow
def test_intervals_hold_the_truth_in_nine_worlds_of_ten() -> None:
    covered = _covered(100, 1000)
    assert covered.min() >= 90
    assert covered.max() < 100


def test_a_customer_without_a_value_gets_the_mean() -> None:
    expected = TRUTH.expected_value([0, 0, 3, 3], [np.nan, 500.0, np.nan, 0.0])
    np.testing.assert_array_equal(expected, TRUTH.population_mean)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(logs, st.floats(1.001, 90), logs, st.floats(-9, 9), st.integers(1, 10**6))
def test_expected_values_lie_between(
    p: float, q: float, gamma: float, log_value: float, n: int
) -> None:
    model = GammaGamma(p=np.exp(p), q=q, gamma=np.exp(gamma))
    value, mean = np.exp(log_value), model.population_mean
    few, many = model.expected_value([n, 10 * n], [value, value])
    low, high = sorted([value, mean])
    assert low * (1 - 1e-9) <= few <= high * (1 + 1e-9)
    assert abs(many - value) <= abs(few - value) + 1e-9 * high
    assert np.isfinite(model.log_likelihood([n], [value])).all()


def test_bad_values_are_refused() -> None:
    with pytest.raises(ValueError, match="only for q above 1"):
        GammaGamma(p=1, q=1, gamma=1)
    for n, value in (([0], [5.0]), ([1], [0.0]), ([1], [np.nan])):
        with pytest.raises(ValueError, match="with an order only"):
            GammaGamma.fit(n, value)
    with pytest.raises(ValueError, match="one length"):
        GammaGamma.fit([1, 2], [5.0])
    with pytest.raises(ValueError, match="at least 0"):
        TRUTH.expected_value([-1], [5.0])


def test_customers_without_a_mean_are_told() -> None:
    rng = np.random.default_rng(0)
    values = rng.gamma(3, size=3000) / rng.gamma(0.6, size=3000)  # q is 0.6
    with pytest.raises(NotConverged, match="does not exist"):
        GammaGamma.fit(np.ones(3000), values)
    with pytest.raises(NotConverged, match="no customer has an order"):
        GammaGamma.fit([], [])
