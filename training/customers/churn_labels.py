"""The examples of churn models: customers at a time, and whether they stayed away."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from features.model_inputs import CUSTOMER_INPUTS
from training.customers.inputs import INPUTS
from training.customers.orders import ACTIVE_DAYS, CustomerOrders, Numbers
from training.data.inputs import FloatArray
from training.errors import NotEnoughData

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

_COLUMNS: Final = [CUSTOMER_INPUTS.index(name) for name in INPUTS]


@dataclass(frozen=True, kw_only=True)
class Examples:
    """N customers at snapshot times, all times stacked, oldest first."""

    inputs: FloatArray  # (N, F), columns INPUTS
    churned: FloatArray  # (N,) 1 where no order came within the horizon


def select(activity: FloatArray) -> FloatArray:
    """Return the columns INPUTS of `activity` (B, len(CUSTOMER_INPUTS))."""
    return activity[:, _COLUMNS]


def refuse_one_kind(
    churned: FloatArray | Numbers, data: "TrainingData", *, horizon_days: int
) -> None:
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
    orders = CustomerOrders(data)
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
