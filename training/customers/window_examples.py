"""The examples of the family `customers`: active customers at many times, and what they did."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from scipy.special import logit

from training.customers.churn_labels import refuse_one_kind
from training.customers.orders import CustomerOrders, Numbers, Outcomes
from training.customers.season import APART_DAYS, LEAST_DAYS, Target, shift
from training.data.inputs import FloatArray, IntArray
from training.data.windows import spaced
from training.errors import NotEnoughData

if TYPE_CHECKING:
    from training.data.training_data import TrainingData


@dataclass(frozen=True, kw_only=True)
class WindowExamples:
    """N customers at W times, all times stacked, oldest first."""

    orders: CustomerOrders
    times: list[pd.Timestamp]  # W
    activity: FloatArray  # (N, F), columns CUSTOMER_INPUTS
    outcomes: Outcomes  # (N,)
    window: IntArray  # (N,) the place of the example's time in `times`
    horizon_days: int

    def levels(self, target: Target) -> Numbers:
        """Return each window's own level (W,): the log-odds of churn, or the logarithm of the
        mean."""
        values = getattr(self.outcomes, target)
        count = np.bincount(self.window)
        mean = np.bincount(self.window, weights=values) / count
        if target == "churned":
            return np.asarray(logit(np.clip(mean, 0.5 / count, 1 - 0.5 / count)))
        return np.asarray(np.log(np.maximum(mean, 1e-6)))

    def shifted(self, raw: Numbers, target: Target) -> Numbers:
        """Return `raw` (N,) plus what makes each window's expected total that of its outcomes."""
        values, result = getattr(self.outcomes, target), raw.copy()
        for number in range(len(self.times)):
            rows = self.window == number
            result[rows] += shift(raw[rows], float(values[rows].sum()), target)
        return result


_EXAMPLES: Final["WeakKeyDictionary[TrainingData, dict[int, WindowExamples]]"] = WeakKeyDictionary()
"""By data and horizon: the models that are compared share the same examples."""


def window_examples(data: "TrainingData", *, horizon_days: int) -> WindowExamples:
    """Return the active customers of fortnightly snapshots whose horizon ends by `data.as_of`.

    They are made once per `data` object. Raises NotEnoughData if there are none, or if all stayed
    away or came back.
    """
    cached = _EXAMPLES.setdefault(data, {})
    if horizon_days not in cached:
        cached[horizon_days] = _make(data, horizon_days=horizon_days)
    return cached[horizon_days]


def _make(data: "TrainingData", *, horizon_days: int) -> WindowExamples:
    orders, horizon = CustomerOrders(data), pd.Timedelta(days=horizon_days)
    first = orders.start + pd.Timedelta(days=LEAST_DAYS)
    found = spaced(data.times, days=APART_DAYS, first=first, last=data.as_of - horizon)
    times = [at for at in found if len(orders.active_places(at))]
    if not times:
        raise NotEnoughData(
            f"there is nothing to train on, {LEAST_DAYS} days of orders and then {horizon_days} "
            f"days are needed: {data.extent}"
        )
    seen = [orders.outcomes(at, horizon_days=horizon_days) for at in times]
    outcomes = Outcomes(
        **{name: np.concatenate([getattr(part, name) for part in seen]) for name in _FIELDS}
    )
    refuse_one_kind(outcomes.churned, data, horizon_days=horizon_days)
    activity = data.activity_at({at: orders.active(at) for at in times})
    return WindowExamples(
        orders=orders,
        times=times,
        activity=np.concatenate([activity[at] for at in times]),
        outcomes=outcomes,
        window=np.repeat(np.arange(len(times)), [len(part.orders) for part in seen]),
        horizon_days=horizon_days,
    )


_FIELDS: Final = ("orders", "spend", "days")
