"""The targets of the models that predict: one number for each customer, and its interval."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.customers.orders import Numbers
from training.data.inputs import FloatArray, Queries
from training.families import Prediction
from training.interfaces import CustomerModel, Predictor


def numbers_of(made: Any, prediction: Prediction) -> Numbers:
    """Return the numbers (B,) of `prediction` in `made`, what a model of its family predicted."""
    numbers = made if prediction.field is None else getattr(made, prediction.field)
    return np.asarray(numbers, dtype=np.float64)


def interval_of(made: Any, prediction: Prediction) -> tuple[Numbers, Numbers] | None:
    """Return the low and the high ends (B,) of the numbers' intervals; None if it has none."""
    if prediction.interval is None:
        return None
    low, high = (getattr(made, name) for name in prediction.interval)
    return low, high


@dataclass(frozen=True, kw_only=True)
class Target:
    """One target of a model, as a Predictor: what `reasons` explain."""

    model: Predictor | CustomerModel
    prediction: Prediction

    @property
    def horizon_days(self) -> int:
        """The days that the model predicts."""
        return self.model.horizon_days

    def predict(self, queries: Queries) -> FloatArray:
        """Return the numbers (B,); a time beyond the horizon counts as the horizon's end."""
        numbers = numbers_of(self.model.predict(queries), self.prediction)
        return np.where(np.isposinf(numbers), self.horizon_days, numbers).astype(np.float32)
