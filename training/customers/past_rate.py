"""The rate of the past year, continued: what every customer model must beat."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np
import pydantic

from configs.json_files import read_json, write_json
from configs.loader import Config
from features.model_inputs import CUSTOMER_INPUTS
from training.customers.next_order import interval
from training.customers.orders import ACTIVE_DAYS, Numbers, active_customers
from training.customers.predictions import consistent
from training.data.inputs import FloatArray, Queries
from training.interfaces import CustomerPredictions
from training.run import Run

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

SETTINGS: Final = "past_rate.json"
_STEPS: Final = 61


class PastRateConfig(Config):
    """What is predicted."""

    horizon_days: int = pydantic.Field(90, ge=1, description="days that are predicted")


class PastRate:
    """Orders and spend go on as in the past year, at random times."""

    name: ClassVar[str] = "past_rate"

    def __init__(self, *, horizon_days: int) -> None:
        self.horizon_days = horizon_days

    @classmethod
    def fit(cls, data: "TrainingData", *, config: PastRateConfig, seed: int, run: Run) -> Self:
        """Learn nothing: the customer's own past is all. Raises NotEnoughData without customers."""
        active_customers(data)
        return cls(horizon_days=config.horizon_days)

    def predict(self, queries: Queries) -> CustomerPredictions:
        """Return predictions (B,) about the `horizon_days` after `queries.at`."""
        share = self.horizon_days / ACTIVE_DAYS
        orders = share * _of(queries.activity, "log_orders_365d")
        edges = np.linspace(0, self.horizon_days, _STEPS)
        waiting = np.exp(-orders * edges[:, None] / self.horizon_days)
        return consistent(
            churn=waiting[-1],
            orders=orders,
            spend=share * _of(queries.activity, "log_spend_365d"),
            next_order=interval(edges, waiting),
        )

    def save(self, folder: Path) -> None:
        """Write the horizon into the existing, empty `folder`."""
        write_json(folder / SETTINGS, {"horizon_days": self.horizon_days})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        return cls(horizon_days=read_json(folder / SETTINGS)["horizon_days"])


def _of(activity: FloatArray, name: str) -> Numbers:
    return np.expm1(activity[:, CUSTOMER_INPUTS.index(name)].astype(np.float64))
