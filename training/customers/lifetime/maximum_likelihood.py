"""Maximum likelihood in the logs of positive parameters, and intervals from its curvature."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from configs.errors import UserError

Float64 = npt.NDArray[np.float64]
Objective = Callable[[Float64], tuple[float, Float64]]
"""Takes log parameters (P,); returns the log-likelihood and its gradient (P,)."""

LIMIT: Final = 12.0
"""Log parameters, in units where the mean time is 1, are searched in [-LIMIT, LIMIT]."""
_DIFFERENCE: Final = 1e-4  # between log parameters, for second derivatives
_MOST_ERROR: Final = LIMIT / 2  # of a log parameter: its interval spans many powers of ten
_NORMAL_95: Final = 1.959963984540054


class NotConverged(UserError, RuntimeError):
    """The likelihood has no usable maximum; the message says which parameter, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Maximum:
    """Where the likelihood is highest."""

    log_parameters: Float64  # (P,)
    log_standard_errors: Float64  # (P,)


def maximise(
    log_likelihood: Objective,
    *,
    starts: Sequence[Sequence[float]],
    names: Sequence[str],
    customers: float,
    penalty: float = 0.0,
    pilot: Objective | None = None,
) -> Maximum:
    """Find the log parameters (P,) named `names` where `log_likelihood` is highest.

    L-BFGS from each of `starts`, then Newton steps from the best place. `customers` is their
    number, by which the likelihood is divided so that tolerances do not depend on it. `penalty`
    times the sum of squared log parameters is taken from the log-likelihood (of all customers): a
    normal prior on them with variance 1 / (2 * penalty). `pilot` is the log-likelihood of a part of
    the customers, scaled to all: the starts are compared on it, to save time. Raises NotConverged.

    >>> def one_bump(theta):  # the logs of 4 and 0.5
    ...     gap = theta - np.log([4.0, 0.5])
    ...     return -0.5 * float(gap @ gap), -gap
    >>> found = maximise(one_bump, starts=[(0, 0)], names=("m", "n"), customers=1)
    >>> np.exp(found.log_parameters).round(6).tolist()
    [4.0, 0.5]
    >>> found.log_standard_errors.round(6).tolist()
    [1.0, 1.0]
    """

    if not penalty >= 0:
        raise ValueError(f"penalty is {penalty}: it must be at least 0")

    def loss_of(likelihood: Objective) -> Objective:
        def loss(theta: Float64) -> tuple[float, Float64]:
            value, gradient = likelihood(theta)
            value -= penalty * float(theta @ theta)
            return -value / customers, (2 * penalty * theta - gradient) / customers

        return loss

    loss = loss_of(log_likelihood)
    best = _descend(loss_of(pilot or log_likelihood), starts)
    if pilot:
        best = _descend(loss, [np.clip(best, -LIMIT / 2, LIMIT / 2).tolist()])
    _refuse_limits(best, names)
    best, inverse = _newton(loss, best, names)
    errors = np.sqrt(np.diag(inverse) / customers)
    if errors.max() > _MOST_ERROR:
        raise NotConverged(f"the likelihood is flat: {_remedy(best, names)}")
    return Maximum(log_parameters=best, log_standard_errors=errors)


def _descend(loss: Objective, starts: Sequence[Sequence[float]]) -> Float64:
    """Return the lowest place (P,) that L-BFGS reaches from any of `starts`."""
    best, lowest = np.asarray(starts[0], dtype=np.float64), np.inf
    for start in starts:
        result = minimize(
            loss,
            np.asarray(start, dtype=np.float64),
            jac=True,
            method="L-BFGS-B",
            bounds=[(-LIMIT, LIMIT)] * len(start),
            options={"maxiter": 1000, "ftol": 1e-11, "gtol": 1e-5},
        )
        if result.fun < lowest:
            best, lowest = np.asarray(result.x, dtype=np.float64), float(result.fun)
    return best


def _newton(
    loss: Objective, theta: Float64, names: Sequence[str], *, steps: int = 8
) -> tuple[Float64, Float64]:
    """Return the minimum of `loss` near `theta` (P,), and the inverse Hessian (P, P) there."""
    lowest, gradient = loss(theta)
    for _ in range(steps):
        inverse = _inverse(_hessian(loss, theta), theta, names)
        step = np.clip(-inverse @ gradient, -1, 1)
        if gradient @ inverse @ gradient < 1e-12:  # twice the gain that is left
            return theta, inverse
        value, following = loss(theta + step)
        while not value <= lowest + 1e-14 and np.abs(step).max() > 1e-10:
            step /= 2
            value, following = loss(theta + step)
        theta, lowest, gradient = theta + step, value, following
        _refuse_limits(theta, names)
    raise NotConverged(f"the fit still moves after {steps} Newton steps: {_remedy(theta, names)}")


def _hessian(loss: Objective, theta: Float64) -> Float64:
    rows = [
        (loss(theta + shift)[1] - loss(theta - shift)[1]) / (2 * _DIFFERENCE)
        for shift in _DIFFERENCE * np.eye(len(theta))
    ]
    hessian = np.array(rows)
    return (hessian + hessian.T) / 2


def _inverse(hessian: Float64, theta: Float64, names: Sequence[str]) -> Float64:
    """Return the inverse of `hessian` (P, P). NotConverged if it isn't positive definite."""
    if np.isfinite(hessian).all():
        values, vectors = np.linalg.eigh(hessian)
        if values[0] > 1e-11:
            inverse: Float64 = (vectors / values) @ vectors.T
            return inverse
    raise NotConverged(f"the likelihood is flat: {_remedy(theta, names)}")


def _refuse_limits(theta: Float64, names: Sequence[str]) -> None:
    for name, value in zip(names, theta, strict=True):
        if not abs(value) < LIMIT - 1e-3:
            raise NotConverged(f"parameter {name} has no finite maximum: {_remedy(theta, names)}")


def _remedy(theta: Float64, names: Sequence[str]) -> str:
    reached = ", ".join(
        f"{name} {value:.3g}" for name, value in zip(names, np.exp(theta), strict=True)
    )
    return (
        "these customers do not determine the parameters; fit more customers or a longer time, or "
        f"pass penalty=0.1, which holds the parameters near 1 (reached, times in their mean: "
        f"{reached})"
    )


def intervals(
    names: Sequence[str], values: Sequence[float], log_standard_errors: Sequence[float]
) -> dict[str, tuple[float, float]]:
    """Return the 95% interval of each parameter, normal in its log.

    >>> low, high = intervals(["r"], [1.0], [0.5])["r"]
    >>> round(low, 3), round(high, 3)
    (0.375, 2.664)
    """
    if len(log_standard_errors) != len(names):
        raise ValueError("these parameters were not fitted: no interval is known")
    reach = np.exp(_NORMAL_95 * np.asarray(log_standard_errors, dtype=np.float64))
    return {
        name: (float(value / factor), float(value * factor))
        for name, value, factor in zip(names, values, reach, strict=True)
    }


def refuse_bad_parameters(**parameters: float) -> None:
    """Raise ValueError unless every parameter is positive and finite."""
    for name, value in parameters.items():
        if not 0 < value < np.inf:
            raise ValueError(f"{name} is {value}: it must be positive and finite")
