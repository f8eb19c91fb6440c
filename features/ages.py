"""From stored feature rows to model inputs at a time: the one function of training and serving.

Rows hold counts and timestamps; here counts become logarithms and timestamps ages. Standardising
is the models' own job.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.schema import ACTIVITY_COUNTS, SALES_COUNTS

FloatArray = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]

NEVER_DAYS: Final = 3650.0
"""The age, in days, of what never happened."""
SINGLE_GAP_DAYS: Final = 365.0
"""The days between orders of a customer with fewer than two."""

_SALES: Final = tuple(name for name in SALES_COUNTS if name.startswith(("units_", "buyers_")))
CUSTOMER_INPUTS: Final = (
    *(f"log_{name}" for name in ACTIVITY_COUNTS),
    "has_orders",
    "log_recency_days",
    "log_tenure_days",
    "log_gap_days",  # mean days between orders
    "log_recency_per_gap",
    "log_order_value",
    "orders_trend",  # 90 days against the year's rate
    "season_sin",
    "season_cos",
    "season_sin_2",
    "season_cos_2",
)
PRODUCT_INPUTS: Final = (
    *(f"log_{name}" for name in _SALES),
    "log_age_days",
    "log_days_since_sale",
    "log_price",
    "log_price_change",  # the last price against the mean of 90 days
    "return_rate",
    "trend_7d",  # buyers against the rate of 28 days
    "trend_28d",  # buyers against the rate of 90 days
    "trend_last_year",  # buyers of 28 days against the coming 28 days a year ago
)


def customer_inputs(frame: pd.DataFrame, at: pd.Timestamp) -> FloatArray:
    """Return (B, F) inputs, columns CUSTOMER_INPUTS, of B rows of customer features at `at` (UTC).

    A customer that is not known has an all-null row: counts 0, recency NEVER_DAYS. Without NaN.
    """
    counts = {name: _count(frame, name) for name in ACTIVITY_COUNTS}
    orders = counts["orders_total"]
    recency = _age_days(frame, "last_order_timestamp", at, missing=NEVER_DAYS)
    tenure = _age_days(frame, "first_order_timestamp", at, missing=0.0)
    gap = np.where(orders > 1, (tenure - recency) / np.maximum(orders - 1, 1), SINGLE_GAP_DAYS)
    gap = np.maximum(gap, 0.0)
    season = 2 * np.pi * (at.dayofyear - 1) / 365.25
    columns = [
        *(np.log1p(counts[name]) for name in ACTIVITY_COUNTS),
        (orders > 0).astype(np.float64),
        np.log1p(recency),
        np.log1p(tenure),
        np.log1p(gap),
        np.log1p(recency / np.maximum(gap, 1.0)),
        np.log1p(counts["spend_total"] / np.maximum(orders, 1)),
        np.log1p(counts["orders_90d"]) - np.log1p(counts["orders_365d"] * 90 / 365),
        *(np.full(len(frame), value) for value in _circle(season)),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def product_inputs(frame: pd.DataFrame, at: pd.Timestamp) -> FloatArray:
    """Return (C, F) inputs, columns PRODUCT_INPUTS, of C rows of product features at `at` (UTC).

    A product never sold has age 0, last sale NEVER_DAYS ago, and log price 0. Without NaN.
    """
    counts = {name: _count(frame, name) for name in _SALES}
    price = _count(frame, "unit_price")
    mean_price = _count(frame, "unit_price_90d")
    priced = (price > 0) & (mean_price > 0)
    columns = [
        *(np.log1p(counts[name]) for name in _SALES),
        np.log1p(_age_days(frame, "first_sale_timestamp", at, missing=0.0)),
        np.log1p(_age_days(frame, "last_sale_timestamp", at, missing=NEVER_DAYS)),
        np.log(np.where(price > 0, price, 1.0)),
        np.log(np.where(priced, price, 1.0) / np.where(priced, mean_price, 1.0)),
        np.clip(_count(frame, "return_rate_365d"), 0.0, 1.0),
        np.log1p(counts["buyers_7d"]) - np.log1p(counts["buyers_28d"] * 7 / 28),
        np.log1p(counts["buyers_28d"]) - np.log1p(counts["buyers_90d"] * 28 / 90),
        np.log1p(counts["buyers_28d_last_year"]) - np.log1p(counts["buyers_28d"]),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _count(frame: pd.DataFrame, name: str) -> Numbers:
    """Return column `name` as non-negative floats, null as 0."""
    numbers: Numbers = pd.to_numeric(frame[name]).to_numpy(np.float64, na_value=np.nan)
    return np.maximum(np.nan_to_num(numbers), 0.0)


def _age_days(frame: pd.DataFrame, name: str, at: pd.Timestamp, *, missing: float) -> Numbers:
    """Return the days from the times in column `name` to `at`, at least 0; null as `missing`."""
    column = pd.to_datetime(frame[name], utc=True, cache=False)  # looking for repeats costs more
    times = column.dt.tz_localize(None).to_numpy("datetime64[us]")
    now = at.tz_convert("UTC").tz_localize(None).to_datetime64()
    days = (now - times).astype("timedelta64[us]").astype(np.float64) / 86_400e6
    return np.where(np.isnat(times), missing, np.maximum(days, 0.0))


def _circle(angle: float) -> tuple[float, float, float, float]:
    return np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)
