"""BG/NBD: customers order at random, and may stop for good right after any order.

Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2).
"""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, expit, gammaln

from training.customers.lifetime.histories import (
    Histories,
    refuse_bad_horizon,
)
from training.customers.lifetime.maximum_likelihood import Float64
from training.customers.lifetime.order_model import OrderModel

_NODES: Final = 160
_TAIL: Final = 23.0  # beyond it a logistic function is exponential, to exp(-23)
_DROP: Final = 40.0  # a density counts as 0 where it is below exp(-40) of its peak
_ROWS: Final = 1024  # computed at once, so that they fit the processor's cache


@dataclass(frozen=True, kw_only=True)
class BgNbd(OrderModel):
    """Order rates are gamma(r, alpha), and chances to stop after an order beta(a, b).

    >>> model = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)  # CDNOW, in weeks
    >>> model.expected_orders(39.0, [2], [30.43], [38.86]).round(3).tolist()
    [1.226]
    >>> model.alive([2, 0], [30.43, 0], [38.86, 38.86]).round(3).tolist()
    [0.727, 1.0]
    """

    names: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b")
    starts: ClassVar[tuple[tuple[float, ...], ...]] = ((-1, -1, 0, 0), (0, 0, -1, 1), (1, 0, 0, 1))
    times: ClassVar[frozenset[str]] = frozenset({"alpha"})

    r: float
    alpha: float
    a: float
    b: float

    def expected_orders(
        self, horizon: float, x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike
    ) -> Float64:
        """Return the expected number of orders (B,) in (T, T + horizon].

        The paper's equation 10 is a hypergeometric function, which is inexact for long histories
        and has no value at a = 1. Given that the customer is alive, the order rate is
        gamma(r + x, alpha + T) and the chance p to stop is beta(a, b + x), and the expectation is
        that of (1 - exp(-rate * p * horizon)) / p. Over the rate it is exact, over p a sum.
        """
        refuse_bad_horizon(horizon)
        rows = Histories.collapse(x, t_x, T)
        shape = self.r + rows.x
        ratio = horizon / (self.alpha + rows.T)
        orders, place = np.unique(rows.x, return_inverse=True)
        largest = np.zeros(len(orders))
        np.maximum.at(largest, place, shape * ratio)
        p, mass = _beta_nodes(self.a, self.b + orders, largest)
        expected = np.empty(len(shape))
        for low in range(0, len(shape), _ROWS):
            part = slice(low, low + _ROWS)
            nodes = p[place[part]]
            log_survival = -shape[part, None] * np.log1p(nodes * ratio[part, None])
            expected[part] = (mass[place[part]] * -np.expm1(log_survival) / nodes).sum(axis=1)
        return (self._alive(rows) * expected)[rows.inverse]

    def no_order(
        self, horizon: float, x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike
    ) -> Float64:
        """Return the probability (B,) of no order in (T, T + horizon].

        Nobody stops between orders in this model, so a customer who is alive keeps the order rate
        until the next one: no order comes with probability ((alpha + T) / (alpha + T + horizon))
        to the power r + x.
        """
        refuse_bad_horizon(horizon)
        rows = Histories.collapse(x, t_x, T)
        log_none = -(self.r + rows.x) * np.log1p(horizon / (self.alpha + rows.T))
        return (1 + self._alive(rows) * np.expm1(log_none))[rows.inverse]

    @staticmethod
    def _log_likelihood(parameters: Float64, rows: Histories) -> tuple[Float64, Float64]:
        return _log_likelihood(parameters, rows)

    def _alive(self, rows: Histories) -> Float64:
        alive: Float64 = expit(-_log_odds_stopped(self.r, self.alpha, self.a, self.b, rows))
        return alive


def _log_odds_stopped(r: float, alpha: float, a: float, b: float, rows: Histories) -> Float64:
    """Return the log odds (N,) that the customer stopped at the last order; -inf where x is 0."""
    waited = np.log1p((rows.T - rows.t_x) / (alpha + rows.t_x))
    # b + x - 1 can be 0 only where x is 0, where it does not count
    odds = np.log(a) - np.log(np.where(rows.x > 0, b + rows.x - 1, 1)) + (r + rows.x) * waited
    return np.where(rows.x > 0, odds, -np.inf)


def _log_likelihood(parameters: Float64, rows: Histories) -> tuple[Float64, Float64]:
    """Return the log-likelihoods (N,) and their derivatives (4, N) by r, alpha, a and b."""
    r, alpha, a, b = parameters.tolist()
    x, k, last, now = rows.x, r + rows.x, alpha + rows.t_x, alpha + rows.T
    odds = _log_odds_stopped(r, alpha, a, b, rows)
    values: Float64 = (
        gammaln(k) - gammaln(r) + r * np.log(alpha) - k * np.log(now)
        + gammaln(a + b) - gammaln(b) + gammaln(b + x) - gammaln(a + b + x)
        + np.logaddexp(0, odds)
    )  # fmt: skip
    stopped = expit(odds)
    both = digamma(a + b) - digamma(a + b + x)
    previous = np.where(x > 0, b + x - 1, 1)
    gradients = np.array(
        [
            digamma(k) - digamma(r) + np.log(alpha) - np.log(now) + stopped * np.log(now / last),
            r / alpha - k * ((1 - stopped) / now + stopped / last),
            both + stopped / a,
            both + digamma(b + x) - digamma(b) - stopped / previous,
        ]
    )
    return values, gradients


def _beta_nodes(a: float, b: Float64, largest: Float64) -> tuple[Float64, Float64]:
    """Return nodes (N, nodes) in (0, 1) and their masses under beta(a, b), b (N,).

    They are for functions of p that change at p = 1 / `largest` (N,) or above: equal steps of the
    log odds u of p, where the density is analytic and a sum with equal steps converges fast. Where
    the density falls slowly the ends stand for a whole exponential tail, a geometric series.
    """
    peak = np.log(a) - np.log(b)
    width = _DROP * (1 / a + 1 / b)
    width += np.sqrt(2 * width)
    low = np.maximum(peak - width, -_TAIL - np.log(np.maximum(1, np.maximum(largest, a + b))))
    high = np.minimum(peak + width, _TAIL + np.log(np.maximum(1, a + b)))
    step = (high - low) / (_NODES - 1)
    u = low[:, None] + step[:, None] * np.arange(_NODES)
    log_mass = -a * np.logaddexp(0, -u) - b[:, None] * np.logaddexp(0, u)
    log_mass[:, 0] -= np.log(-np.expm1(-a * step))
    log_mass[:, -1] -= np.log(-np.expm1(-b * step))
    mass = np.exp(log_mass - log_mass.max(axis=1, keepdims=True))
    return expit(u), mass / mass.sum(axis=1, keepdims=True)
