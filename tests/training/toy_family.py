"""A family for the tests of families: how often customers order in 30 days."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tests.training.toy_model import orders_after
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


def visits_judge(
    data: "TrainingData", *, at: pd.Timestamp, days: int
) -> Callable[[Predictor], dict[str, float]]:
    """Return the function of a model's mean absolute error in [at, at + days), negated."""
    known, counts = orders_after(data, at, days=days)
    queries = data.queries(at, known)

    def judge(model: Predictor) -> dict[str, float]:
        error = float(np.abs(model.predict(queries) - counts.to_numpy()).mean())
        return {"negative_error": -error, "mean_orders": float(counts.mean())}

    return judge


def expected_orders(model: Predictor, batch: Batch) -> pd.DataFrame:
    """Return customer_id, expected_orders."""
    values = model.predict(batch.queries)
    return pd.DataFrame({"customer_id": batch.queries.customer_ids, "expected_orders": values})
