"""What a churn model must beat: time since the last order, and a logistic regression."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt
import pydantic

from configs.json_files import read_json, write_json
from configs.loader import Config
from training.customers.churn_labels import examples, select
from training.customers.inputs import INPUTS
from training.data.inputs import FloatArray, Queries
from training.errors import BundleError
from training.run import Run

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

FILE: Final = "logistic.json"
RECENCY: Final = "log_recency_days"


class LogisticRegressionConfig(Config):
    """How the logistic regression is fitted."""

    horizon_days: int = pydantic.Field(90, ge=1, description="days without an order that count")
    penalty: float = pydantic.Field(1.0, gt=0, description="weight of the squared coefficients")


class RecencyConfig(Config):
    """How recency is turned into a probability."""

    horizon_days: int = pydantic.Field(90, ge=1, description="days without an order that count")


class LogisticRegression:
    """Probability of churn, its log-odds linear in every customer input (Cox, 1958)."""

    name: ClassVar[str] = "logistic_regression"
    inputs: ClassVar[tuple[str, ...]] = INPUTS

    def __init__(self, coefficients: npt.NDArray[np.float64], *, horizon_days: int) -> None:
        self._coefficients = coefficients  # of `inputs`, then the intercept
        self.horizon_days = horizon_days

    @classmethod
    def fit(
        cls,
        data: "TrainingData",
        *,
        config: LogisticRegressionConfig | RecencyConfig,
        seed: int,
        run: Run,
    ) -> Self:
        """Fit on every snapshot whose horizon ends by `data.as_of`."""
        from sklearn.linear_model import LogisticRegression as Solver

        from training.networks.standardise import mean_and_scale

        labelled = examples(data, horizon_days=config.horizon_days)
        x = labelled.inputs[:, _columns(cls.inputs)].astype(np.float64)
        mean, scale = mean_and_scale(x)
        solver = Solver(C=1 / getattr(config, "penalty", 1.0), max_iter=1000)
        solver.fit((x - mean) / scale, labelled.churned)
        weights = solver.coef_[0] / scale
        return cls(
            np.append(weights, solver.intercept_[0] - weights @ mean),
            horizon_days=config.horizon_days,
        )

    def predict(self, queries: Queries) -> FloatArray:
        """Return the probability (B,) of no order within `horizon_days` after `queries.at`."""
        x = select(queries.activity)[:, _columns(self.inputs)].astype(np.float64)
        logits = x @ self._coefficients[:-1] + self._coefficients[-1]
        probabilities: FloatArray = (1 / (1 + np.exp(-logits))).astype(np.float32)
        return probabilities

    def save(self, folder: Path) -> None:
        """Write the coefficients by input into the existing, empty `folder`."""
        *weights, intercept = self._coefficients.tolist()
        content = {
            "horizon_days": self.horizon_days,
            "intercept": intercept,
            "coefficients": dict(zip(self.inputs, weights, strict=True)),
        }
        write_json(folder / FILE, content)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. BundleError if it was fitted on other inputs than this code's."""
        content = read_json(folder / FILE)
        if set(content["coefficients"]) != set(cls.inputs):
            raise BundleError(f"{folder}: this model reads other customer inputs; fit it again")
        weights = [content["coefficients"][name] for name in cls.inputs]
        return cls(np.array([*weights, content["intercept"]]), horizon_days=content["horizon_days"])


class Recency(LogisticRegression):
    """Probability of churn from the time since the last order alone: it ranks as recency does."""

    name: ClassVar[str] = "recency"
    inputs: ClassVar[tuple[str, ...]] = (RECENCY,)


def _columns(names: tuple[str, ...]) -> list[int]:
    return [INPUTS.index(name) for name in names]
