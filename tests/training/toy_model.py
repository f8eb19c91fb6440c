"""A predictor for the tests of families: the same number of orders for everyone."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import pandas as pd
import pydantic

from configs.json_files import read_json, write_json
from configs.loader import Config
from training.data.inputs import FloatArray, Queries
from training.run import Run

if TYPE_CHECKING:
    from training.data.training_data import Ids, TrainingData

FILE = "visits.json"


class VisitsConfig(Config):
    """The horizon of the mean."""

    horizon_days: int = pydantic.Field(30, ge=1, description="days in which orders count")


class Visits:
    """The mean number of a customer's orders in the horizon."""

    name: ClassVar[str] = "visits"

    def __init__(self, mean: float, *, horizon_days: int) -> None:
        self.mean = mean
        self.horizon_days = horizon_days

    @classmethod
    def fit(cls, data: "TrainingData", *, config: VisitsConfig, seed: int, run: Run) -> Self:
        """Fit the mean on the last horizon before `data.as_of`."""
        at = data.as_of - pd.Timedelta(days=config.horizon_days)
        _, counts = orders_after(data, at, days=config.horizon_days)
        return cls(float(counts.mean()), horizon_days=config.horizon_days)

    def predict(self, queries: Queries) -> FloatArray:
        """Return the mean for each customer (B,)."""
        return np.full(len(queries), self.mean, dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write the mean."""
        write_json(folder / FILE, {"mean": self.mean, "horizon_days": self.horizon_days})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the mean."""
        return cls(**read_json(folder / FILE))


def orders_after(
    data: "TrainingData", at: pd.Timestamp, *, days: int
) -> "tuple[Ids, pd.Series[int]]":
    """Return the customers known at `at`, and how often each of them ordered in the `days` after.

    The window [at, at + days) must end by `data.as_of`.
    """
    known = data.customers(at)
    orders = data.orders(at, at + pd.Timedelta(days=days))
    return known, orders["customer_id"].value_counts().reindex(known, fill_value=0)
