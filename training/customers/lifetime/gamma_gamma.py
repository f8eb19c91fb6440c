"""Gamma-Gamma: how much a customer's orders are worth on average.

Fader, Hardie and Lee (2005), RFM and CLV, Journal of Marketing Research 42(4); the likelihood as in
Fader and Hardie (2013), The Gamma-Gamma Model of Monetary Value.
"""

from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, gammaln

from training.customers.lifetime.maximum_likelihood import (
    Float64,
    NotConverged,
    intervals,
    maximise,
    refuse_bad_parameters,
)

_STARTS: Final = ((1, 1, 1), (0, 1, 0), (2, 0.5, -1))


@dataclass(frozen=True, kw_only=True)
class GammaGamma:
    """An order's value is gamma(p, nu), where nu is gamma(q, gamma) over customers.

    Values do not depend on how often the customer orders. `gamma` has the unit of values.

    >>> model = GammaGamma(p=6.25, q=3.74, gamma=15.44)  # CDNOW, in dollars
    >>> round(model.population_mean, 2)
    35.22
    >>> model.expected_value([0, 1, 100], [0, 100, 100]).round(1).tolist()
    [35.2, 80.3, 99.7]
    """

    names: ClassVar[tuple[str, ...]] = ("p", "q", "gamma")

    p: float
    q: float
    gamma: float
    log_standard_errors: tuple[float, ...] = ()
    """Of the logs of the three parameters; empty unless fitted."""

    def __post_init__(self) -> None:
        """Raise ValueError if a parameter isn't positive, or no mean exists."""
        refuse_bad_parameters(p=self.p, q=self.q, gamma=self.gamma)
        if not self.q > 1:
            raise ValueError(f"q is {self.q}: the mean value exists only for q above 1")

    @classmethod
    def fit(
        cls,
        frequency: npt.ArrayLike,
        mean_value: npt.ArrayLike,
        *,
        weights: npt.ArrayLike | None = None,
        penalty: float = 0.0,
    ) -> Self:
        """Return the parameters of the highest likelihood. Raises NotConverged.

        `frequency` (B,) counts a customer's orders with a known value, at least 1; `mean_value`
        (B,) is their mean, above 0; `weights` (B,) counts the customers of each row. `penalty` is
        for few customers: see `maximise`, gamma being measured in mean values.
        """
        n, values = np.asarray(frequency, np.float64), np.asarray(mean_value, np.float64)
        count = np.ones(n.shape) if weights is None else np.asarray(weights, np.float64)
        if n.ndim != 1 or not n.shape == values.shape == count.shape:
            raise ValueError("frequency, mean_value and weights must be arrays of one length")
        if not ((n >= 1) & (values > 0) & (count >= 0)).all():
            raise ValueError("fit customers with an order only: frequency >= 1 and mean_value > 0")
        if not np.isfinite([n, values, count]).all():
            raise ValueError("frequency, mean_value and weights must be finite numbers")
        if not count.sum() > 0:
            raise NotConverged("no customer has an order with a value: give customers who do")
        unit = float((count * values).sum() / count.sum())

        def objective(theta: Float64) -> tuple[float, Float64]:
            logs, gradients = _log_likelihood(np.exp(theta), n, values / unit)
            return float(count @ logs), (gradients @ count) * np.exp(theta)

        found = maximise(
            objective,
            starts=_STARTS,
            names=cls.names,
            customers=float(count.sum()),
            penalty=penalty,
        )
        p, q, gamma = np.exp(found.log_parameters).tolist()
        if not q > 1:
            raise NotConverged(
                f"the mean value of these customers does not exist (q is {q:.3g}, not above 1): a "
                "few values are enormous; check them, or use the mean of each customer"
            )
        errors = tuple(found.log_standard_errors.tolist())
        return cls(p=p, q=q, gamma=gamma * unit, log_standard_errors=errors)

    @property
    def population_mean(self) -> float:
        """The mean value of an order over all customers, each counted once."""
        return self.gamma * self.p / (self.q - 1)

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Return the 95% interval of each parameter. ValueError if they were not fitted."""
        return intervals(self.names, [self.p, self.q, self.gamma], self.log_standard_errors)

    def log_likelihood(self, frequency: npt.ArrayLike, mean_value: npt.ArrayLike) -> Float64:
        """Return the log of the density (B,) of `mean_value`, above 0, of `frequency` orders."""
        n, values = np.asarray(frequency, np.float64), np.asarray(mean_value, np.float64)
        return _log_likelihood(np.array([self.p, self.q, self.gamma]), n, values)[0]

    def expected_value(self, frequency: npt.ArrayLike, mean_value: npt.ArrayLike) -> Float64:
        """Return the mean value (B,) expected of each customer's orders.

        Between the population's mean and the customer's, nearer to the latter the more orders were
        seen. The population's mean where `frequency` is 0 or `mean_value` isn't a positive number.
        """
        n, values = np.asarray(frequency, np.float64), np.asarray(mean_value, np.float64)
        if not ((n >= 0) & (n < np.inf)).all():
            raise ValueError("frequency must be finite and at least 0")
        known = (n > 0) & (values > 0) & (values < np.inf)
        trust = np.where(known, self.p * n / (self.p * n + self.q - 1), 0.0)
        mean = self.population_mean
        expected: Float64 = mean + trust * (np.where(known, values, mean) - mean)
        return expected


def _log_likelihood(parameters: Float64, n: Float64, values: Float64) -> tuple[Float64, Float64]:
    """Return the log densities (B,) and their derivatives (3, B) by p, q and gamma."""
    p, q, gamma = parameters.tolist()
    shape, total = p * n, n * values
    log_share = np.log(total) - np.log(gamma + total)
    logs: Float64 = (
        gammaln(shape + q) - gammaln(shape) - gammaln(q) - np.log(values)
        + shape * log_share + q * (np.log(gamma) - np.log(gamma + total))
    )  # fmt: skip
    both = digamma(shape + q)
    gradients = np.array(
        [
            n * (both - digamma(shape) + log_share),
            both - digamma(q) + np.log(gamma) - np.log(gamma + total),
            q / gamma - (shape + q) / (gamma + total),
        ]
    )
    return logs, gradients
