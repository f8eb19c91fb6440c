"""Purchases as a sparse matrix of customers by products, for training."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from training.errors import NotEnoughData

if TYPE_CHECKING:
    from training.data.training_data import TrainingData


@dataclass(frozen=True, kw_only=True)
class Interactions:
    """Purchases of U customers by P products: one entry per pair that occurred."""

    product_ids: list[str]  # P, sorted
    matrix: csr_array  # (U, P) float32


def interactions(data: "TrainingData", *, half_life_days: float | None = None) -> Interactions:
    """Return all purchases before `data.as_of`: 1 per pair, or the decayed weight of its newest.

    Raises NotEnoughData where no known customer bought anything.
    """
    bought = data.purchases(data.start, data.as_of)
    if bought.empty:
        raise NotEnoughData(
            f"there is nothing to train on, purchases of known customers are needed: {data.extent}"
        )
    newest = bought.groupby(["customer_id", "product_id"], as_index=False)["event_timestamp"].max()
    rows, _ = pd.factorize(newest["customer_id"])
    columns, product_ids = pd.factorize(newest["product_id"], sort=True)
    values = np.ones(len(newest))
    if half_life_days is not None:
        days = (data.as_of - newest["event_timestamp"]).dt.total_seconds() / 86_400
        values = 0.5 ** (days.to_numpy() / half_life_days)
    matrix = csr_array((values.astype(np.float32), (rows, columns)))
    return Interactions(product_ids=product_ids.tolist(), matrix=matrix)
