"""What the models of order counts share: how they are fitted, and their intervals."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from training.customers.lifetime.histories import Histories, fit_histories
from training.customers.lifetime.maximum_likelihood import (
    Float64,
    intervals,
    refuse_bad_parameters,
)


@dataclass(frozen=True, kw_only=True)
class OrderModel(ABC):
    """Positive parameters, and what they say of customers.

    All methods take arrays (B,): `x` orders after the first, `t_x` the time from the first order to
    the last one (0 where x is 0), `T` the time from the first order to now. Any unit of time: the
    parameters `times` and horizons have that unit.
    """

    names: ClassVar[tuple[str, ...]]
    """Of the parameters, in order."""
    starts: ClassVar[tuple[tuple[float, ...], ...]]
    """Logarithms of the parameters at which the search begins, times in mean `T`."""
    times: ClassVar[frozenset[str]]
    """The parameters that are times."""
    log_standard_errors: tuple[float, ...] = ()
    """Of the logarithms of the parameters; empty unless fitted."""

    def __post_init__(self) -> None:
        """Raise ValueError if a parameter isn't positive."""
        refuse_bad_parameters(**dict(zip(self.names, self.parameters, strict=True)))

    @property
    def parameters(self) -> Float64:
        """The parameters (P,), in the order of `names`."""
        return np.array([getattr(self, name) for name in self.names], dtype=np.float64)

    @classmethod
    def fit(
        cls,
        x: npt.ArrayLike,
        t_x: npt.ArrayLike,
        T: npt.ArrayLike,
        *,
        weights: npt.ArrayLike | None = None,
        penalty: float = 0.0,
    ) -> Self:
        """Return the parameters of the highest likelihood. Raises NotConverged.

        `weights` (B,) counts the customers of each row. `penalty` is for few customers: see
        `maximise`, times being measured in mean `T`.
        """
        rows, unit = Histories.collapse(x, t_x, T, weights).in_mean_times()
        found = fit_histories(
            cls._log_likelihood, rows, starts=cls.starts, names=cls.names, penalty=penalty
        )
        values = {
            name: float(value) * (unit if name in cls.times else 1.0)
            for name, value in zip(cls.names, np.exp(found.log_parameters), strict=True)
        }
        return cls(**values, log_standard_errors=tuple(found.log_standard_errors.tolist()))

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Return the 95% interval of each parameter. ValueError if they were not fitted."""
        return intervals(self.names, self.parameters.tolist(), self.log_standard_errors)

    def log_likelihood(self, x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike) -> Float64:
        """Return the log-likelihood (B,) of each history."""
        rows = Histories.collapse(x, t_x, T)
        return self._log_likelihood(self.parameters, rows)[0][rows.inverse]

    def alive(self, x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike) -> Float64:
        """Return the probability (B,) that the customer has not stopped by now."""
        rows = Histories.collapse(x, t_x, T)
        return self._alive(rows)[rows.inverse]

    @abstractmethod
    def expected_orders(
        self, horizon: float, x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike
    ) -> Float64:
        """Return the expected number of orders (B,) in (T, T + horizon]."""

    @abstractmethod
    def no_order(
        self, horizon: float, x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike
    ) -> Float64:
        """Return the probability (B,) of no order in (T, T + horizon]."""

    @staticmethod
    @abstractmethod
    def _log_likelihood(parameters: Float64, rows: Histories) -> tuple[Float64, Float64]:
        """Return the logs (N,) of the likelihoods, and their derivatives (P, N)."""

    @abstractmethod
    def _alive(self, rows: Histories) -> Float64:
        """Return the probability (N,) that the customer has not stopped."""
