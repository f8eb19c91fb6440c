"""The orders of known customers: who is active at a time, and what each of them did afterwards."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.times import DAY_US, microseconds
from training.data.inputs import FloatArray, IntArray
from training.errors import NotEnoughData

if TYPE_CHECKING:
    from training.data.training_data import Ids, TrainingData

ACTIVE_DAYS: Final = 365
"""Only customers with an order in this many days before a time get a prediction then."""
_ACTIVE: Final = pd.Timedelta(days=ACTIVE_DAYS)
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What B customers did in a horizon [at, at + days)."""

    orders: Numbers  # (B,) number of orders
    spend: Numbers  # (B,) their value, in the shop's currency
    days: Numbers  # (B,) from `at` to the first of them; infinite without one

    @property
    def churned(self) -> Numbers:
        """1 where no order came (B,)."""
        stayed_away: Numbers = (self.orders == 0).astype(np.float64)
        return stayed_away


@dataclass(frozen=True, kw_only=True)
class Recent:
    """What B customers ordered in the last `window` days before a time, and nothing older."""

    customers: IntArray  # (B,) places in the ids of the CustomerOrders
    inputs: Numbers  # (B, F)


class CustomerOrders:
    """The orders of known customers before `data.as_of`, by time."""

    def __init__(self, data: "TrainingData") -> None:
        orders = data.orders(data.start, data.as_of)
        self.as_of, self.start = data.as_of, data.start
        self._times, self._recorded = (
            orders[name].dt.tz_localize(None).to_numpy("datetime64[us]").view(np.int64)
            for name in ("event_timestamp", "recorded_timestamp")
        )
        self._values = orders["value"].to_numpy(np.float64)
        self._codes, self._ids = pd.factorize(orders["customer_id"].astype(object), sort=True)

    def active(self, at: pd.Timestamp) -> "Ids":
        """Return the sorted ids of the customers with an order in the ACTIVE_DAYS before `at`.

        Only orders known at `at` count: those recorded before it.
        """
        ids: Ids = self._ids.to_numpy(object)[self.active_places(at)]
        return ids

    def active_places(self, at: pd.Timestamp) -> IntArray:
        """Return the places of `active(at)` among all customers with orders."""
        rows = self._between(at - _ACTIVE, at)
        return np.unique(self._codes[rows][self._recorded[rows] < microseconds(at)])

    def churned(self, at: pd.Timestamp, *, horizon_days: int) -> FloatArray:
        """Return (B,) 1.0 for each customer of `active(at)` without an order in the horizon.

        Raises ValueError if the horizon [at, at + horizon_days) reaches past `as_of`.
        """
        return self.outcomes(at, horizon_days=horizon_days).churned.astype(np.float32)

    def outcomes(self, at: pd.Timestamp, *, horizon_days: float) -> Outcomes:
        """Return what the customers of `active(at)` did in [at, at + horizon_days).

        Raises ValueError if that reaches past `as_of`.
        """
        end = at + pd.Timedelta(days=horizon_days)
        if end > self.as_of:
            raise ValueError(f"at + {horizon_days} days = {end}: these data end at {self.as_of}")
        rows, size = self._between(at, end), len(self._ids)
        codes, places = self._codes[rows], self.active_places(at)
        first = np.full(size, np.inf)
        np.minimum.at(first, codes, (self._times[rows] - microseconds(at)) / DAY_US)
        return Outcomes(
            orders=np.bincount(codes, minlength=size)[places].astype(np.float64),
            spend=_sums(codes, self._values[rows], size)[places],
            days=first[places],
        )

    def recent(self, at: pd.Timestamp, *, window_days: float) -> Recent:
        """Return the customers with an order in [at - window_days, at) known at `at`."""
        rows = self._between(at - pd.Timedelta(days=window_days), at)
        known = self._recorded[rows] < microseconds(at)
        codes = self._codes[rows][known]
        days = (microseconds(at) - self._times[rows][known]) / DAY_US
        places, codes = np.unique(codes, return_inverse=True)
        size = len(places)
        count = np.bincount(codes, minlength=size)
        last, first = np.full(size, np.inf), np.zeros(size)
        np.minimum.at(last, codes, days)
        np.maximum.at(first, codes, days)
        spend = _sums(codes, self._values[rows][known], size)
        month, quarter = (np.bincount(codes[days <= n], minlength=size) for n in (30, 90))
        columns = [
            *(np.log1p(part) for part in (month, quarter, count, spend, last, first - last)),
            *(month > 0, count == 1, last / window_days),
            *(np.clip((last - edge) / 60, 0, 1) for edge in range(60, int(window_days), 60)),
        ]
        return Recent(customers=places, inputs=np.stack(columns, axis=1).astype(np.float64))

    def _between(self, start: pd.Timestamp, end: pd.Timestamp) -> slice:
        low, high = self._times.searchsorted([microseconds(start), microseconds(end)])
        return slice(low, high)


def active_customers(data: "TrainingData") -> "Ids":
    """Return the customers who are active at `data.as_of`. Raises NotEnoughData if nobody is."""
    customers = CustomerOrders(data).active(data.as_of)
    if not len(customers):
        raise NotEnoughData(f"no customer has ordered: {data.extent}")
    return customers


def _sums(codes: IntArray, values: Numbers, size: int) -> Numbers:
    return np.bincount(codes, weights=values, minlength=size).astype(np.float64)
