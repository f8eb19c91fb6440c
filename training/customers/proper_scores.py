"""Proper scores of customer predictions: best, on average, for the true probabilities and means."""

from typing import Final

import numpy as np

from training.customers.orders import Numbers, Outcomes
from training.interfaces import CustomerPredictions

SPEND_POWER: Final = 1.5
"""Of the Tweedie deviance of spend: between a count (1) and an amount (2)."""
_LEAST: Final = 1e-9


def log_loss(labels: Numbers, probabilities: Numbers) -> float:
    """Return the mean negative log-likelihood of the 0/1 `labels` (B,), in nats.

    >>> round(log_loss(np.array([1.0, 0.0]), np.array([0.5, 0.5])), 4)
    0.6931
    """
    p = np.clip(probabilities, _LEAST, 1 - _LEAST)
    return float(-(labels * np.log(p) + (1 - labels) * np.log1p(-p)).mean())


def tweedie_deviance(values: Numbers, means: Numbers, *, power: float) -> float:
    """Return the mean deviance of `values` (B,) from their expected `means`; 1 <= power < 2.

    1 is the Poisson deviance (Jorgensen, 1987). Lower is better; a mean is taken as 1e-9 at least.

    >>> tweedie_deviance(np.array([2.0, 0.0]), np.array([2.0, 1.0]), power=1)
    1.0
    """
    mean = np.maximum(means, _LEAST)
    if power == 1:
        logs = np.where(values > 0, values * np.log(np.where(values > 0, values, 1) / mean), 0)
        return float(2 * (logs - values + mean).mean())
    one, two = 1 - power, 2 - power
    parts = values**two / (one * two) - values * mean**one / one + mean**two / two
    return float(2 * parts.mean())


def proper_scores(outcomes: Outcomes, made: CustomerPredictions) -> dict[str, float]:
    """Return the proper score of each target, as a share of that of the customers' mean.

    Below 1 is better than predicting for everyone what happened on average.
    """
    churned, orders, spend = outcomes.churned, outcomes.orders, outcomes.spend

    def mean(values: Numbers) -> Numbers:
        return np.full(len(values), values.mean())

    def deviance(values: Numbers, means: Numbers, power: float) -> float:
        return tweedie_deviance(values, means, power=power)

    return {
        "churn_log_loss": log_loss(churned, made.churn) / log_loss(churned, mean(churned)),
        "orders_deviance": deviance(orders, made.orders, 1) / deviance(orders, mean(orders), 1),
        "spend_deviance": deviance(spend, made.spend, SPEND_POWER)
        / deviance(spend, mean(spend), SPEND_POWER),
    }
