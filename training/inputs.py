"""What every model reads: queries (customers at a time) and products (a catalogue at a time).

Built from feature rows by the same functions in training, scoring and serving.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Products:
    """The catalogue at one time: C products, in the order of their ids."""

    product_ids: npt.NDArray[np.object_]  # (C,)
    at: np.datetime64  # UTC, microseconds: the snapshot's time
    features: FloatArray  # (C, F), columns as `features.ages.PRODUCT_INPUTS`
    titles: list[str]  # C texts, "" where unknown
    categories: list[str]

    def __len__(self) -> int:
        return len(self.product_ids)


@dataclass(frozen=True, kw_only=True)
class Queries:
    """B customers, each at a time; history in indices of a `Products`."""

    customer_ids: npt.NDArray[np.object_]  # (B,)
    at: npt.NDArray[np.datetime64]  # (B,) UTC, microseconds
    activity: FloatArray  # (B, F), columns as `features.ages.CUSTOMER_INPUTS`
    history: IntArray  # (B, L) index of the product, newest first; -1 where padded or unknown
    history_days: FloatArray  # (B, L) days from the purchase to `at`

    def __len__(self) -> int:
        return len(self.customer_ids)

    def __getitem__(self, rows: Any) -> "Queries":
        return Queries(
            customer_ids=self.customer_ids[rows],
            at=self.at[rows],
            activity=self.activity[rows],
            history=self.history[rows],
            history_days=self.history_days[rows],
        )
