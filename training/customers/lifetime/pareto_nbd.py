"""Pareto/NBD: customers order at random until they stop, at a time that nobody sees.

Schmittlein, Morrison and Colombo (1987), Counting Your Customers, Management Science 33(1);
likelihood as in Fader and Hardie (2005), A Note on Deriving the Pareto/NBD Model.
"""

from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, exprel, gammaln

from training.customers.lifetime.histories import (
    Histories,
    refuse_bad_horizon,
)
from training.customers.lifetime.maximum_likelihood import Float64
from training.customers.lifetime.order_model import OrderModel

_NODES: Final = 24
_DROP: Final = 45.0  # a probability counts as 0 below exp(-45)
_ROWS: Final = 2048  # computed at once, so that they fit the processor's cache


@dataclass(frozen=True, kw_only=True)
class ParetoNbd(OrderModel):
    """Order rates are gamma(r, alpha), and rates of stopping gamma(s, beta).

    >>> model = ParetoNbd(r=0.553, alpha=10.578, s=0.606, beta=11.669)  # CDNOW, in weeks
    >>> model.alive([2, 0], [30.43, 0], [38.86, 38.86]).round(3).tolist()
    [0.869, 0.295]
    """

    names: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")
    starts: ClassVar[tuple[tuple[float, ...], ...]] = (
        (0, 0, 0, 0),
        (-1, -1, -1, -1),
        (0, -1, -1, 1),
    )
    times: ClassVar[frozenset[str]] = frozenset({"alpha", "beta"})

    r: float
    alpha: float
    s: float
    beta: float

    def expected_orders(
        self, horizon: float, x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike
    ) -> Float64:
        """Return the expected number of orders (B,) in (T, T + horizon].

        The order rate expected of a customer who is alive, (r + x) / (alpha + T), times the time
        within the horizon in which that customer is expected to stay.
        """
        refuse_bad_horizon(horizon)
        rows = Histories.collapse(x, t_x, T)
        log_ratio = np.log1p(horizon / (self.beta + rows.T))
        # the integral of ((beta + T) / (beta + T + t)) ** s; `exprel` has no hole at s = 1
        stay = (self.beta + rows.T) * log_ratio * exprel((1 - self.s) * log_ratio)
        rate = (self.r + rows.x) / (self.alpha + rows.T)
        return (self._alive(rows) * rate * stay)[rows.inverse]

    def no_order(
        self, horizon: float, x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike
    ) -> Float64:
        """Return the probability (B,) of no order in (T, T + horizon].

        1 less the probability of being alive and ordering before stopping. Given alive, the order
        rate is gamma(r + x, alpha + T) and the rate of stopping gamma(s, beta + T).
        """
        refuse_bad_horizon(horizon)
        rows = Histories.collapse(x, t_x, T)
        k, alpha, beta = self.r + rows.x, self.alpha + rows.T, self.beta + rows.T
        order = np.empty(len(k))
        for low in range(0, len(k), _ROWS):
            part = slice(low, low + _ROWS)
            until = np.full(len(k[part]), horizon)
            order[part] = _Race.run(k[part], alpha[part], self.s, beta[part], until).order
        return (1 - self._alive(rows) * order)[rows.inverse]

    @staticmethod
    def _log_likelihood(parameters: Float64, rows: Histories) -> tuple[Float64, Float64]:
        return _log_likelihood(parameters, rows)

    def _alive(self, rows: Histories) -> Float64:
        alive = np.empty(len(rows.x))
        for low in range(0, len(alive), _ROWS):
            part = slice(low, low + _ROWS)
            t_x, T = rows.t_x[part], rows.T[part]
            k = self.r + rows.x[part]
            race = _Race.run(k, self.alpha + t_x, self.s, self.beta + t_x, T - t_x)
            alive[part] = race.neither / (race.neither + race.stop)
        return alive


@dataclass(frozen=True, kw_only=True)
class _Race:
    """What comes first within a time, an order or the stop, each at a gamma-distributed rate."""

    neither: Float64  # (N,) probability that neither comes
    order: Float64  # (N,) probability that an order comes first
    stop: Float64  # (N,) probability that the stop comes first
    times: Float64  # (N, nodes)
    by_alpha: Float64  # (N, nodes) log(1 + times / alpha)
    by_beta: Float64  # (N, nodes) log(1 + times / beta)
    stops: Float64  # (N, nodes) the distribution over `times` of a stop that comes first

    @classmethod
    def run(cls, k: Float64, alpha: Float64, s: float, beta: Float64, until: Float64) -> Self:
        """Order rate gamma(k, alpha), rate of stopping gamma(s, beta), within `until`, all (N,).

        Neither comes before y with probability (1 + y / alpha) ** -k * (1 + y / beta) ** -s, the
        hazards are k / (alpha + y) and s / (beta + y). Their shares are averaged by Gauss-Legendre
        quadrature in the log of 1 + y / scale: no hypergeometric function, no difference of near
        numbers, and no way out of [0, 1].
        """
        scale = 1 / ((k + 1) / alpha + (s + 1) / beta)
        # beyond the end neither is left
        end = np.minimum(until, alpha * np.expm1(np.minimum(_DROP / k, 500)))
        end = np.minimum(end, beta * np.expm1(min(_DROP / s, 500)))
        points, masses = _LEGENDRE
        log_times = np.log1p(end / scale)[:, None] * points
        times = scale[:, None] * np.expm1(log_times)
        by_alpha = np.log1p(times / alpha[:, None])
        by_beta = np.log1p(times / beta[:, None])
        left = masses * np.exp(log_times - k[:, None] * by_alpha - s * by_beta)
        stops = left * (s / (beta[:, None] + times))
        orders = (left * (k[:, None] / (alpha[:, None] + times))).sum(axis=1)
        stopped = stops.sum(axis=1)
        log_neither = -k * np.log1p(until / alpha) - s * np.log1p(until / beta)
        either = -np.expm1(log_neither)
        return cls(
            neither=np.exp(log_neither),
            order=either * (orders / (orders + stopped)),
            stop=either * (stopped / (orders + stopped)),
            times=times,
            by_alpha=by_alpha,
            by_beta=by_beta,
            stops=stops / stopped[:, None],
        )


def _legendre() -> tuple[Float64, Float64]:
    points, masses = np.polynomial.legendre.leggauss(_NODES)
    return (points + 1) / 2, masses / 2


_LEGENDRE: Final = _legendre()


def _log_likelihood(parameters: Float64, rows: Histories) -> tuple[Float64, Float64]:
    """Return the log-likelihoods (N,) and their derivatives (4, N) by r, alpha, s and beta."""
    parts = [
        _log_likelihood_part(parameters, rows, slice(low, low + _ROWS))
        for low in range(0, max(len(rows.x), 1), _ROWS)
    ]
    values = np.concatenate([part[0] for part in parts])
    return values, np.concatenate([part[1] for part in parts], axis=1)


def _log_likelihood_part(
    parameters: Float64, rows: Histories, part: slice
) -> tuple[Float64, Float64]:
    r, alpha, s, beta = parameters.tolist()
    k = r + rows.x[part]
    a_last, b_last = alpha + rows.t_x[part], beta + rows.t_x[part]
    a_now, b_now = alpha + rows.T[part], beta + rows.T[part]
    race = _Race.run(k, a_last, s, b_last, rows.T[part] - rows.t_x[part])
    silent = race.neither + race.stop  # no order since the last one
    values: Float64 = (
        gammaln(k) - gammaln(r) + r * np.log(alpha) - k * np.log(a_last)
        + s * (np.log(beta) - np.log(b_last)) + np.log(silent)
    )  # fmt: skip
    alive, stopped = race.neither / silent, race.stop / silent

    def average(of: Float64) -> Float64:
        """Over the times of the stop, if it came."""
        mean: Float64 = np.einsum("ij,ij->i", race.stops, of)
        return mean

    log_a = np.log(a_last) + stopped * average(race.by_alpha) + alive * np.log(a_now / a_last)
    log_b = np.log(b_last) + stopped * average(race.by_beta) + alive * np.log(b_now / b_last)
    per_a = alive / a_now + stopped * average(1 / (a_last[:, None] + race.times))
    per_b = alive * s / b_now + stopped * (s + 1) * average(1 / (b_last[:, None] + race.times))
    gradients = np.array(
        [
            digamma(k) - digamma(r) + np.log(alpha) - log_a,
            r / alpha - k * per_a,
            np.log(beta) + stopped / s - log_b,
            s / beta - per_b,
        ]
    )
    return values, gradients
