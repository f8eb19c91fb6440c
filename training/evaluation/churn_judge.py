"""Measure a churn model's predictions on a window."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from training.customers.churn_labels import refuse_one_kind
from training.customers.orders import CustomerOrders
from training.customers.proper_scores import log_losses
from training.data.inputs import FloatArray, Queries
from training.evaluation.churn_metrics import churn_metrics
from training.evaluation.last_window import Measured
from training.interfaces import Predictor

if TYPE_CHECKING:
    from training.data.training_data import TrainingData


@dataclass(frozen=True, kw_only=True)
class ChurnJudge:
    """A window: its customers, and 1 for each who stayed away."""

    queries: Queries
    labels: FloatArray

    def measure(self, model: Predictor) -> Measured:
        """Return the metrics, and by customer minus the log loss."""
        churn = model.predict(self.queries)
        return Measured(
            metrics=churn_metrics(self.labels, churn),
            by_customer=-log_losses(self.labels.astype("float64"), churn.astype("float64")),
        )


def predictor_judge(data: "TrainingData", *, at: pd.Timestamp, days: int) -> ChurnJudge:
    """Return the judge of the customers of `at`.

    The queries have the time `at`; only the labels read [at, at + days), which must lie before
    `data.as_of`. Raises NotEnoughData if there is no customer, or all have the same label.
    """
    orders = CustomerOrders(data)
    labels = orders.churned(at, horizon_days=days)
    refuse_one_kind(labels, data, horizon_days=days)
    return ChurnJudge(queries=data.queries(at, orders.active(at)), labels=labels)
