"""Measure a customer model's predictions on a window: churn, orders, spend, next order."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from training.customers.churn_labels import refuse_one_kind
from training.customers.orders import CustomerOrders
from training.evaluation.customers_metrics import customers_metrics
from training.interfaces import CustomerModel

if TYPE_CHECKING:
    from training.data.training_data import TrainingData


def customers_judge(
    data: "TrainingData", *, at: pd.Timestamp, days: int
) -> Callable[[CustomerModel], dict[str, float]]:
    """Return the function that computes the metrics of a model for the customers of `at`.

    The queries have the time `at`; only the outcomes read [at, at + days), which must lie before
    `data.as_of`. Raises NotEnoughData if there is no customer, or all came back or stayed away.
    """
    orders = CustomerOrders(data)
    outcomes = orders.outcomes(at, horizon_days=days)
    refuse_one_kind(outcomes.churned, data, horizon_days=days)
    queries = data.queries(at, orders.active(at))
    return lambda model: customers_metrics(outcomes, model.predict(queries), horizon_days=days)
