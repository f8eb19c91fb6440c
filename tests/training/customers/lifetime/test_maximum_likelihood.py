"""The search finds maxima, and says so where there is none."""

import numpy as np
import pytest

from training.customers.lifetime.maximum_likelihood import Float64, NotConverged, maximise


def _bump(theta: Float64) -> tuple[float, Float64]:
    """The log density of a curved ridge: its top is at (1, 1), its Hessian there known."""
    x, y = theta
    gap = y - x * x
    value = -((1 - x) ** 2) - 5 * gap * gap
    return value, np.array([2 * (1 - x) + 20 * gap * x, -10 * gap])


def test_the_top_and_its_standard_errors() -> None:
    found = maximise(_bump, starts=[(-2, 3), (0, 0)], names=("x", "y"), customers=7)
    np.testing.assert_allclose(found.log_parameters, 1, atol=1e-6)
    inverse = np.linalg.inv([[42.0, -20.0], [-20.0, 10.0]])
    np.testing.assert_allclose(found.log_standard_errors, np.sqrt(np.diag(inverse)), rtol=1e-5)


def test_the_best_of_several_tops() -> None:
    def two(theta: Float64) -> tuple[float, Float64]:  # tops near -2 and, higher, 2
        x = theta[0]
        return -((x * x - 4) ** 2) / 8 + x, np.array([-x * (x * x - 4) / 2 + 1])

    for starts in ([(-1.7,), (1,)], [(1,), (-1.7,)]):
        assert maximise(two, starts=starts, names=("x",), customers=1).log_parameters[0] > 2


def test_a_pilot_only_finds_the_way() -> None:
    def far(theta: Float64) -> tuple[float, Float64]:  # its top is where `_bump` is a valley
        gap = theta - np.array([0.0, 4.0])
        return -float(gap @ gap), -2 * gap

    found = maximise(_bump, starts=[(0, 0)], names=("x", "y"), customers=1, pilot=far)
    np.testing.assert_allclose(found.log_parameters, 1, atol=1e-6)


def test_a_penalty_pulls_towards_one() -> None:
    def at_two(theta: Float64) -> tuple[float, Float64]:
        return -3 * float((theta - 2) @ (theta - 2)), -6 * (theta - 2)

    found = maximise(at_two, starts=[(0,)], names=("x",), customers=50, penalty=1.0)
    assert found.log_parameters[0] == pytest.approx(1.5)
    assert found.log_standard_errors[0] == pytest.approx(np.sqrt(1 / 8), rel=1e-4)
    with pytest.raises(ValueError, match="penalty is -1"):
        maximise(at_two, starts=[(0,)], names=("x",), customers=50, penalty=-1)


def test_a_likelihood_that_rises_for_ever_is_refused() -> None:
    def rising(theta: Float64) -> tuple[float, Float64]:
        return float(theta[0]) - float(theta[1] ** 2), np.array([1.0, -2 * theta[1]])

    with pytest.raises(NotConverged, match=r"parameter up has no finite .* penalty=0.1"):
        maximise(rising, starts=[(0, 0)], names=("up", "y"), customers=1)
    found = maximise(rising, starts=[(0, 0)], names=("up", "y"), customers=1, penalty=0.1)
    assert found.log_parameters[0] == pytest.approx(5)


@pytest.mark.parametrize("curvature", [0.0, 1e-3])
def test_a_flat_likelihood_is_refused(curvature: float) -> None:
    def flat(theta: Float64) -> tuple[float, Float64]:
        value = -curvature * theta[0] ** 2 - theta[1] ** 2
        return float(value), np.array([-2 * curvature * theta[0], -2 * theta[1]])

    with pytest.raises(NotConverged, match="is flat"):
        maximise(flat, starts=[(0, 0)], names=("x", "y"), customers=1)
