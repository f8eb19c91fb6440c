"""Measure a churn model's predictions on a window."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from training.customers.churn_labels import refuse_one_kind
from training.customers.orders import CustomerOrders
from training.evaluation.churn_metrics import churn_metrics
from training.interfaces import Predictor

if TYPE_CHECKING:
    from training.data.training_data import TrainingData


def predictor_judge(
    data: "TrainingData", *, at: pd.Timestamp, days: int
) -> Callable[[Predictor], dict[str, float]]:
    """Return the function that computes the metrics of a model for the customers of `at`.

    The queries have the time `at`; only the labels read [at, at + days), which must lie before
    `data.as_of`. Raises NotEnoughData if there is no customer, or all have the same label.
    """
    orders = CustomerOrders(data)
    labels = orders.churned(at, horizon_days=days)
    refuse_one_kind(labels, data, horizon_days=days)
    queries = data.queries(at, orders.active(at))
    return lambda model: churn_metrics(labels, model.predict(queries))
