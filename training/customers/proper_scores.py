"""Proper scores of customer predictions: best, on average, for the true probabilities and means."""

from typing import Final

import numpy as np

from training.customers.orders import Numbers, Outcomes
from training.interfaces import CustomerPredictions

SPEND_POWER: Final = 1.5
"""Of the Tweedie deviance of spend: between a count (1) and an amount (2)."""
_LEAST: Final = 1e-9


def log_losses(labels: Numbers, probabilities: Numbers) -> Numbers:
    """Return the negative log-likelihood of each of the 0/1 `labels` (B,), in nats.

    >>> log_losses(np.array([1.0, 0.0]), np.array([0.5, 0.5])).round(4)
    array([0.6931, 0.6931])
    """
    p = np.clip(probabilities, _LEAST, 1 - _LEAST)
    losses: Numbers = -(labels * np.log(p) + (1 - labels) * np.log1p(-p))
    return losses


def tweedie_deviances(values: Numbers, means: Numbers, *, power: float) -> Numbers:
    """Return the deviance of each of `values` (B,) from its expected value; 1 <= power < 2.

    1 is the Poisson deviance (Jorgensen, 1987). Lower is better; a mean is taken as 1e-9 at least.

    >>> tweedie_deviances(np.array([2.0, 0.0]), np.array([2.0, 1.0]), power=1)
    array([0., 2.])
    """
    mean = np.maximum(means, _LEAST)
    if power == 1:
        logs = np.where(values > 0, values * np.log(np.where(values > 0, values, 1) / mean), 0)
        return np.asarray(2 * (logs - values + mean))
    one, two = 1 - power, 2 - power
    return np.asarray(2 * (values**two / (one * two) - values * mean**one / one + mean**two / two))


def customer_scores(outcomes: Outcomes, made: CustomerPredictions) -> dict[str, Numbers]:
    """Return what each customer (B,) adds to the `proper_scores`, which are the means.

    Their unit is the score of predicting for everyone what happened on average.
    """
    churned, orders, spend = outcomes.churned, outcomes.orders, outcomes.spend

    def mean(values: Numbers) -> Numbers:
        return np.full(len(values), values.mean())

    def deviances(values: Numbers, means: Numbers, power: float) -> Numbers:
        unit = tweedie_deviances(values, mean(values), power=power).mean()
        shares: Numbers = tweedie_deviances(values, means, power=power) / unit
        return shares

    return {
        "churn_log_loss": log_losses(churned, made.churn)
        / log_losses(churned, mean(churned)).mean(),
        "orders_deviance": deviances(orders, made.orders, 1),
        "spend_deviance": deviances(spend, made.spend, SPEND_POWER),
    }


def proper_scores(outcomes: Outcomes, made: CustomerPredictions) -> dict[str, float]:
    """Return the proper score of each target, as a share of that of the customers' mean.

    Below 1 is better than predicting for everyone what happened on average.
    """
    return {name: float(scores.mean()) for name, scores in customer_scores(outcomes, made).items()}
