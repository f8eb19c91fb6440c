"""What every model reads: queries (customers at a time) and products (a catalogue at a time).

Built from feature rows by the same functions in training, scoring and serving.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.customer_features import HISTORY_LISTS
from features.customer_row import Row
from features.model_inputs import (
    CUSTOMER_INPUTS,
    PRODUCT_INPUTS,
    customer_inputs,
    customer_inputs_of,
    product_inputs,
)
from features.times import DAY_US

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Products:
    """The catalogue at one time: C products, in the order of their ids."""

    product_ids: npt.NDArray[np.object_]  # (C,)
    at: np.datetime64  # UTC, microseconds: the snapshot's time
    features: FloatArray  # (C, F), columns as `features.model_inputs.PRODUCT_INPUTS`
    titles: list[str]  # C texts, "" where unknown
    categories: list[str]

    def __len__(self) -> int:
        return len(self.product_ids)

    @cached_property
    def places(self) -> dict[str, int]:
        """A product's index by its id."""
        return {product_id: place for place, product_id in enumerate(self.product_ids)}

    def input(self, name: str) -> FloatArray:
        """Return the input `name` of PRODUCT_INPUTS, a view (C,)."""
        return self.features[:, PRODUCT_INPUTS.index(name)]

    def among(self, product_ids: Sequence[str]) -> IntArray:
        """Return (C,) the index of each product in `product_ids`; -1 where it is missing."""
        index_of = {product_id: place for place, product_id in enumerate(product_ids)}
        return np.array([index_of.get(name, -1) for name in self.product_ids], dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Queries:
    """B customers, each at a time; history in indices of a `Products`."""

    customer_ids: npt.NDArray[np.object_]  # (B,)
    at: npt.NDArray[np.datetime64]  # (B,) UTC, microseconds
    activity: FloatArray  # (B, F), columns as `features.model_inputs.CUSTOMER_INPUTS`
    history: IntArray  # (B, L) index of the product, newest first; -1 where padded or unknown
    history_days: FloatArray  # (B, L) days from the purchase to `at`
    history_values: FloatArray  # (B, L) value of its last line, in the shop's currency
    derived: dict[object, Any] = field(init=False, default_factory=dict, compare=False, repr=False)
    """Results that several models compute from these queries, stored by the first of them."""

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
    lists = [
        (list(names), times, values) if _is_list(names) else ([], (), ())
        for names, times, values in zip(*(frame[name] for name in HISTORY_LISTS), strict=True)
    ]
    return _queries(
        frame["customer_id"].to_numpy(object), customer_inputs(frame, at), lists, products, at
    )


def encode_rows(
    rows: Sequence[Row], customer_ids: Sequence[str], products: Products, at: pd.Timestamp
) -> Queries:
    """Return the result of `encode_queries` from B online rows; `{}` is a row without features."""
    lists = [
        ([], (), ()) if row.get(HISTORY_LISTS[0]) is None else [row[name] for name in HISTORY_LISTS]
        for row in rows
    ]
    activity = [customer_inputs_of(row, at) for row in rows]
    return _queries(
        np.array(customer_ids, dtype=object),
        np.concatenate(activity) if activity else np.empty((0, len(CUSTOMER_INPUTS)), np.float32),
        lists,
        products,
        at,
    )


def _queries(
    customer_ids: npt.NDArray[np.object_],
    activity: FloatArray,
    lists: Sequence[Sequence[Any]],
    products: Products,
    at: pd.Timestamp,
) -> Queries:
    """Return B queries from their history `lists`: products, times (microseconds), values."""
    longest = max([len(names) for names, _, _ in lists], default=0)
    shape = (len(lists), max(1, longest))
    history = np.full(shape, -1, dtype=np.int64)
    days = np.zeros(shape, dtype=np.float32)
    values = np.zeros(shape, dtype=np.float32)
    moment, places = to_datetime64(at), products.places
    now = int(moment.view("i8"))
    for row, (names, times, amounts) in enumerate(lists):
        count = len(names)
        if count:
            history[row, :count] = np.fromiter(map(places.get, names, repeat(-1)), np.int64, count)
            days[row, :count] = np.maximum((now - np.asarray(times)) / DAY_US, 0)
            values[row, :count] = amounts
    return Queries(
        customer_ids=customer_ids,
        at=np.full(len(customer_ids), moment),
        activity=activity,
        history=history,
        history_days=days,
        history_values=values,
    )


def to_datetime64(at: pd.Timestamp) -> np.datetime64:
    """Return the UTC time `at` as numpy stores it: without a zone, in microseconds."""
    return at.as_unit("us").asm8


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple | np.ndarray)
