"""Metrics of customer models: of probabilities, counts, amounts and intervals of time."""

import numpy as np

from training.customers.orders import Numbers, Outcomes
from training.customers.proper_scores import proper_scores
from training.evaluation.churn_metrics import churn_metrics
from training.interfaces import COVERAGE, CustomerPredictions


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
        "mean_orders": float(outcomes.orders.mean()),
        "orders_gini": normalised_gini(outcomes.orders, made.orders),
        "orders_total": _share(made.orders, outcomes.orders),
        "mean_spend": float(outcomes.spend.mean()),
        "spend_gini": normalised_gini(outcomes.spend, made.spend),
        "spend_total": _share(made.spend, outcomes.spend),
        "next_order_coverage": float(((low <= days) & (days <= high)).mean()),
        "next_order_interval_score": interval_score(days, low, high, horizon_days=horizon_days),
    }


def _share(predicted: Numbers, actual: Numbers) -> float:
    total = actual.sum()
    return float(predicted.sum() / total) if total > 0 else float("nan")
