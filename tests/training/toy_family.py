"""A family for the tests of families: how often customers order in 30 days."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tests.training.toy_model import orders_after
from training.data.inputs import Queries
from training.evaluation.last_window import Measured
from training.families import Family, Prediction, Scores
from training.interfaces import Batch, Predictor
from training.models import ModelSpec

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

FAMILY = Family(
    name="visits",
    default_model="visits",
    feature_service="churn_v1",
    objective="negative_error",
    compared_by="minus the absolute error",
    judge="tests.training.toy_family:visits_judge",
    batch="tests.training.toy_family:expected_orders",
    window_days=None,
    predictions={
        "visits": Prediction(
            summary="How often a customer will order",
            numbers="numbers of orders",
            lowest=0,
            highest=1_000,
            unknown="mean_orders",
        )
    },
    scores=Scores(
        help="Write customer_id, expected_orders.",
        active_days=None,
        horizon_days=30,
        horizon_help="Days in which orders count.",
    ),
)
MODEL = ModelSpec(
    registered="visits",
    where="tests.training.toy_model:Visits",
    config="tests.training.toy_model:VisitsConfig",
)


@dataclass(frozen=True)
class VisitsJudge:
    queries: Queries
    counts: pd.Series

    def measure(self, model: Predictor) -> Measured:
        errors = np.abs(model.predict(self.queries) - self.counts.to_numpy())
        metrics = {
            "negative_error": -float(errors.mean()),
            "mean_orders": float(self.counts.mean()),
        }
        return Measured(metrics=metrics, by_customer=-errors)


def visits_judge(data: "TrainingData", *, at: pd.Timestamp, days: int) -> VisitsJudge:
    """Return the judge of the absolute errors in [at, at + days), negated."""
    known, counts = orders_after(data, at, days=days)
    return VisitsJudge(data.queries(at, known), counts)


def expected_orders(model: Predictor, batch: Batch) -> pd.DataFrame:
    """Return customer_id, expected_orders."""
    values = model.predict(batch.queries)
    return pd.DataFrame({"customer_id": batch.queries.customer_ids, "expected_orders": values})
