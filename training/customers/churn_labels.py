"""The examples of churn models: customers at a time, and whether they stayed away."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from features.model_inputs import CUSTOMER_INPUTS
from training.data.inputs import FloatArray, IntArray
from training.errors import NotEnoughData

if TYPE_CHECKING:
    from training.data.training_data import Ids, TrainingData

ACTIVE_DAYS: Final = 365
"""Only customers with an order in this many days before a time get a prediction then."""


INPUTS: Final = tuple(name for name in CUSTOMER_INPUTS if not name.startswith("season_"))
"""The inputs of churn models. Without the season: models memorise it from one past year, and the
level becomes wrong (Online Retail II at 2010-12-01 and 2011-03-01: Brier .33 and .28 with it, .23
and .19 without it, with the same order of customers)."""
_ACTIVE: Final = pd.Timedelta(days=ACTIVE_DAYS)
_COLUMNS: Final = [CUSTOMER_INPUTS.index(name) for name in INPUTS]


@dataclass(frozen=True, kw_only=True)
class Examples:
    """N customers at snapshot times, all times stacked, oldest first."""

    inputs: FloatArray  # (N, F), columns INPUTS
    churned: FloatArray  # (N,) 1 where no order came within the horizon


def select(activity: FloatArray) -> FloatArray:
    """Return the columns INPUTS of `activity` (B, len(CUSTOMER_INPUTS))."""
    return activity[:, _COLUMNS]


def refuse_one_kind(churned: FloatArray, data: "TrainingData", *, horizon_days: int) -> None:
    """Raise NotEnoughData if the labels `churned` (B,) are all 0, all 1, or none."""
    if len(np.unique(churned)) == 2:
        return
    if not len(churned):
        cause = f"no customer ordered in the {ACTIVE_DAYS} days before the last {horizon_days}"
    elif churned[0]:
        cause = f"no customer ordered again within {horizon_days} days"
    else:
        cause = f"every customer ordered again within {horizon_days} days"
    raise NotEnoughData(
        f"{cause}: a churn model needs customers who came back and customers who did not; "
        f"{data.extent}"
    )


class ChurnLabels:
    """The orders of known customers before `data.as_of`, by time."""

    def __init__(self, data: "TrainingData") -> None:
        orders = data.orders(data.start, data.as_of)
        self.as_of = data.as_of
        self._times = pd.DatetimeIndex(orders["event_timestamp"])
        self._recorded = pd.DatetimeIndex(orders["recorded_timestamp"])
        self._codes, self._ids = pd.factorize(orders["customer_id"].astype(object), sort=True)

    def active(self, at: pd.Timestamp) -> "Ids":
        """Return the sorted ids of the customers with an order in the ACTIVE_DAYS before `at`.

        Only orders known at `at` count: those recorded before it.
        """
        ids: Ids = self._ids.to_numpy(object)[self._active(at)]
        return ids

    def churned(self, at: pd.Timestamp, *, horizon_days: int) -> FloatArray:
        """Return (B,) 1.0 for each customer of `active(at)` without an order in the horizon.

        Raises ValueError if the horizon [at, at + horizon_days) reaches past `as_of`.
        """
        end = at + pd.Timedelta(days=horizon_days)
        if end > self.as_of:
            raise ValueError(f"at + {horizon_days} days = {end}: these data end at {self.as_of}")
        came = np.isin(self._active(at), self._codes[self._between(at, end)])
        return (~came).astype(np.float32)

    def _active(self, at: pd.Timestamp) -> IntArray:
        rows = self._between(at - _ACTIVE, at)
        return np.unique(self._codes[rows][self._recorded[rows] < at])

    def _between(self, start: pd.Timestamp, end: pd.Timestamp) -> slice:
        low, high = self._times.searchsorted([start, end])
        return slice(low, high)


_EXAMPLES: Final["WeakKeyDictionary[TrainingData, dict[int, Examples]]"] = WeakKeyDictionary()
"""By data and horizon: a model and its baselines share the same examples."""


def examples(data: "TrainingData", *, horizon_days: int) -> Examples:
    """Return all customers of every snapshot whose horizon ends by `data.as_of`.

    They are made once per `data` object. Raises NotEnoughData if there are none, or if all have the
    same label.
    """
    cached = _EXAMPLES.setdefault(data, {})
    if horizon_days not in cached:
        cached[horizon_days] = _make_examples(data, horizon_days=horizon_days)
    return cached[horizon_days]


def _make_examples(data: "TrainingData", *, horizon_days: int) -> Examples:
    horizon = pd.Timedelta(days=horizon_days)
    orders = ChurnLabels(data)
    customers = {
        at: ids for at in data.times if at + horizon <= data.as_of and len(ids := orders.active(at))
    }
    labels = [orders.churned(at, horizon_days=horizon_days) for at in customers]
    if not labels:
        raise NotEnoughData(
            f"there is nothing to train on, a known customer's order and then {horizon_days} days "
            f"are needed: {data.extent}"
        )
    refuse_one_kind(np.concatenate(labels), data, horizon_days=horizon_days)
    activity = data.activity_at(customers)
    return Examples(
        inputs=select(np.concatenate([activity[at] for at in customers])),
        churned=np.concatenate(labels),
    )
