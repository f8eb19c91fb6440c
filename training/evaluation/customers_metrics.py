"""Metrics of customer models: of probabilities, counts, amounts and intervals of time."""

from typing import Final

import numpy as np

from training.customers.orders import Numbers, Outcomes
from training.evaluation.churn_metrics import churn_metrics
from training.interfaces import COVERAGE, CustomerPredictions

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


def normalised_gini(values: Numbers, scores: Numbers) -> float:
    """Return how well `scores` (B,) order `values`: 1 as the values do, 0 at random.

    NaN where all values are 0. Ties keep the given order.

    >>> normalised_gini(np.array([3.0, 1.0, 0.0]), np.array([9.0, 5.0, 1.0]))
    1.0
    """
    if not values.sum() > 0:
        return float("nan")

    def area(order: Numbers) -> float:
        shares = np.cumsum(values[np.argsort(-order, kind="stable")]) / values.sum()
        return float(shares.mean() - 0.5)

    return area(scores) / area(values)


def interval_score(days: Numbers, low: Numbers, high: Numbers, *, horizon_days: int) -> float:
    """Return the mean width of intervals (B,) of days plus 20 for each day by which one misses.

    Times beyond the horizon are taken as its end. Gneiting and Raftery (2007); lower is better.
    """
    low, high, at = (np.minimum(part, horizon_days) for part in (low, high, days))
    missed = np.maximum(low - at, 0) + np.maximum(at - high, 0)
    return float((high - low + 2 / (1 - COVERAGE) * missed).mean())


def customers_metrics(
    outcomes: Outcomes, made: CustomerPredictions, *, horizon_days: int
) -> dict[str, float]:
    """Return the figures of the report of a customer model, by name.

    `proper_score` sums up the three: minus the log loss of churn, the Poisson deviance of orders
    and the Tweedie deviance of spend, each as a share of that of the customers' mean.
    """
    low, high = (np.minimum(m, horizon_days) for m in (made.next_order_low, made.next_order_high))
    days = np.minimum(outcomes.days, horizon_days)
    churn = churn_metrics(outcomes.churned, made.churn)
    scores = proper_scores(outcomes, made)
    return {
        **churn,
        **scores,
        "proper_score": -sum(scores.values()),
        "orders_gini": normalised_gini(outcomes.orders, made.orders),
        "orders_total": _share(made.orders, outcomes.orders),
        "spend_gini": normalised_gini(outcomes.spend, made.spend),
        "spend_total": _share(made.spend, outcomes.spend),
        "next_order_coverage": float(((low <= days) & (days <= high)).mean()),
        "next_order_interval_score": interval_score(days, low, high, horizon_days=horizon_days),
    }


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


def _share(predicted: Numbers, actual: Numbers) -> float:
    total = actual.sum()
    return float(predicted.sum() / total) if total > 0 else float("nan")
