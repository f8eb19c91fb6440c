"""Measure a customer model's predictions on a window: churn, orders, spend, next order."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from training.customers.churn_labels import refuse_one_kind
from training.customers.orders import CustomerOrders, Outcomes
from training.customers.proper_scores import customer_scores
from training.data.inputs import Queries
from training.evaluation.customers_metrics import customers_metrics
from training.evaluation.last_window import Measured
from training.interfaces import CustomerModel

if TYPE_CHECKING:
    from training.data.training_data import TrainingData


@dataclass(frozen=True, kw_only=True)
class CustomersJudge:
    """A window: its customers, and what they did in it."""

    queries: Queries
    outcomes: Outcomes
    horizon_days: int

    def measure(self, model: CustomerModel) -> Measured:
        """Return the metrics, and by customer minus the proper score."""
        made = model.predict(self.queries)
        return Measured(
            metrics=customers_metrics(self.outcomes, made, horizon_days=self.horizon_days),
            by_customer=-np.sum([*customer_scores(self.outcomes, made).values()], axis=0),
        )


def customers_judge(data: "TrainingData", *, at: pd.Timestamp, days: int) -> CustomersJudge:
    """Return the judge of the customers of `at`.

    The queries have the time `at`; only the outcomes read [at, at + days), which must lie before
    `data.as_of`. Raises NotEnoughData if there is no customer, or all came back or stayed away.
    """
    orders = CustomerOrders(data)
    outcomes = orders.outcomes(at, horizon_days=days)
    refuse_one_kind(outcomes.churned, data, horizon_days=days)
    queries = data.queries(at, orders.active(at))
    return CustomersJudge(queries=queries, outcomes=outcomes, horizon_days=days)
