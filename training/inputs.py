"""What every model reads: queries (customers at a time) and products (a catalogue at a time).

Built from feature rows by the same functions in training, scoring and serving.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from configs.errors import UserError
from features.ages import customer_inputs, product_inputs

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


class NotEnoughData(UserError, ValueError):
    """There is nothing to learn from; the message says what is missing."""


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

    @cached_property
    def places(self) -> "pd.Index[str]":
        """Finds a product's index by its id."""
        return pd.Index(self.product_ids, dtype=object)


@dataclass(frozen=True, kw_only=True)
class Queries:
    """B customers, each at a time; history in indices of a `Products`."""

    customer_ids: npt.NDArray[np.object_]  # (B,)
    at: npt.NDArray[np.datetime64]  # (B,) UTC, microseconds
    activity: FloatArray  # (B, F), columns as `features.ages.CUSTOMER_INPUTS`
    history: IntArray  # (B, L) index of the product, newest first; -1 where padded or unknown
    history_days: FloatArray  # (B, L) days from the purchase to `at`
    history_values: FloatArray  # (B, L) value of its last line, in the shop's currency

    def __len__(self) -> int:
        return len(self.customer_ids)

    def __getitem__(self, rows: Any) -> "Queries":
        return Queries(
            customer_ids=self.customer_ids[rows],
            at=self.at[rows],
            activity=self.activity[rows],
            history=self.history[rows],
            history_days=self.history_days[rows],
            history_values=self.history_values[rows],
        )


def encode_products(frame: pd.DataFrame, at: pd.Timestamp) -> Products:
    """Return the catalogue `frame` (C rows of product features, as stored) as it is at `at`."""
    frame = frame.sort_values("product_id", kind="stable")
    return Products(
        product_ids=frame["product_id"].to_numpy(object),
        at=to_datetime64(at),
        features=product_inputs(frame, at),
        titles=frame["title"].fillna("").astype(str).tolist(),
        categories=frame["category"].fillna("").astype(str).tolist(),
    )


def encode_queries(
    frame: pd.DataFrame, products: Products, at: pd.Timestamp | None = None
) -> Queries:
    """Return the customers `frame` (B rows of customer features, as stored) as they are at `at`.

    `at` (UTC) is by default the time of `products`. A customer without features has an all-null
    row and becomes an empty history. L is the longest history of the frame, at least 1.
    """
    at = pd.Timestamp(products.at, tz="UTC") if at is None else at
    bought = [list(row) if _is_list(row) else [] for row in frame["recent_products"]]
    lengths = np.array([len(row) for row in bought], dtype=np.int64)
    filled = np.arange(max(1, lengths.max(initial=0))) < lengths[:, None]
    history = np.full(filled.shape, -1, dtype=np.int64)
    days = np.zeros(filled.shape, dtype=np.float32)
    values = np.zeros(filled.shape, dtype=np.float32)
    if lengths.any():
        times = np.concatenate(
            [np.asarray(row, dtype=np.int64) for row in frame["recent_timestamps"][lengths > 0]]
        )
        names = [product_id for row in bought for product_id in row]
        history[filled] = products.places.get_indexer(pd.Index(names, dtype=object))
        moment = to_datetime64(at).astype(np.int64)
        days[filled] = np.maximum((moment - times) / 86_400e6, 0)
        values[filled] = np.concatenate(list(frame["recent_values"][lengths > 0]))
    return Queries(
        customer_ids=frame["customer_id"].to_numpy(object),
        at=np.full(len(frame), to_datetime64(at)),
        activity=customer_inputs(frame, at),
        history=history,
        history_days=days,
        history_values=values,
    )


def to_datetime64(at: pd.Timestamp) -> np.datetime64:
    """Return the UTC time `at` as numpy holds it: without a zone, in microseconds."""
    return at.tz_convert("UTC").tz_localize(None).as_unit("us").to_datetime64()


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple | np.ndarray)
