"""Compute model inputs at a time from stored feature rows: shared by training and serving.

Rows hold counts and timestamps; here counts become logarithms and timestamps become ages. Each
model standardises its inputs itself.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from configs.compiled import compiled
from features.customer_features import ACTIVITY_COUNTS, CUSTOMER_FEATURES
from features.customer_row import Row
from features.product_features import SALES_AGGREGATIONS
from features.times import DAY_US

FloatArray = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]

NEVER_DAYS: Final = 3650.0
"""The age, in days, of an event that never happened."""
SINGLE_GAP_DAYS: Final = 365.0
"""The days between orders of a customer with fewer than two."""

# Timestamp -> its age, in days, if it is null.
_AGES: Final = {"first_order_timestamp": 0.0, "last_order_timestamp": NEVER_DAYS}
_LOGGED: Final = tuple(f.name for f in CUSTOMER_FEATURES if f.measure.transform == "log1p")
_PLACES: Final = tuple(ACTIVITY_COUNTS.index(name) for name in _LOGGED)
_ORDERS, _SPEND, _QUARTER, _YEAR = (
    ACTIVITY_COUNTS.index(name)
    for name in ("orders_total", "spend_total", "orders_90d", "orders_365d")
)
_SALES: Final = tuple(f.name for f in SALES_AGGREGATIONS if f.measure.transform == "log1p")
CUSTOMER_INPUTS: Final = (
    *(f"log_{name}" for name in _LOGGED),
    "has_orders",
    "log_recency_days",
    "log_tenure_days",
    "log_gap_days",  # mean days between orders
    "log_recency_per_gap",
    "log_order_value",
    "orders_trend",  # 90 days compared with the year's rate
    "season_sin",
    "season_cos",
    "season_sin_2",
    "season_cos_2",
)
# The places of customer inputs by name: compiled code takes them as constants.
_HAS_ORDERS: Final = CUSTOMER_INPUTS.index("has_orders")
_LOG_RECENCY: Final = CUSTOMER_INPUTS.index("log_recency_days")
_LOG_TENURE: Final = CUSTOMER_INPUTS.index("log_tenure_days")
_LOG_GAP: Final = CUSTOMER_INPUTS.index("log_gap_days")
_LOG_RECENCY_PER_GAP: Final = CUSTOMER_INPUTS.index("log_recency_per_gap")
_LOG_ORDER_VALUE: Final = CUSTOMER_INPUTS.index("log_order_value")
_TREND: Final = CUSTOMER_INPUTS.index("orders_trend")
_SEASON: Final = CUSTOMER_INPUTS.index("season_sin")  # and the three after it
PRODUCT_INPUTS: Final = (
    *(f"log_{name}" for name in _SALES),
    "log_age_days",
    "log_days_since_sale",
    "log_price",
    "log_price_change",  # the last price compared with the mean of 90 days
    "return_rate",
    "trend_7d",  # buyers compared with the rate of 28 days
    "trend_28d",  # buyers compared with the rate of 90 days
    "trend_last_year",  # buyers of 28 days and of the coming 28 days a year ago
)


def customer_inputs(frame: pd.DataFrame, at: pd.Timestamp) -> FloatArray:
    """Return (B, F) inputs, columns CUSTOMER_INPUTS, of B rows of customer features at `at` (UTC).

    An unknown customer has an all-null row: counts 0, recency NEVER_DAYS. No input is NaN.
    """
    counts = np.stack([_count(frame, name) for name in ACTIVITY_COUNTS], axis=1)
    ages = [_age_days(frame, name, at, missing=missing) for name, missing in _AGES.items()]
    inputs = np.empty((len(frame), len(CUSTOMER_INPUTS)), dtype=np.float32)
    _write_activity(counts, np.stack(ages, axis=1), _season(at), inputs)
    return inputs


def customer_inputs_of(row: Row, at: pd.Timestamp) -> FloatArray:
    """Return the (1, F) `customer_inputs` of one online row; `{}` is an unknown customer."""
    counts = np.array([[row.get(name) or 0.0 for name in ACTIVITY_COUNTS]])
    now = at.value // 1000
    ages = [
        missing if (time := row.get(name)) is None else max((now - time) / DAY_US, 0.0)
        for name, missing in _AGES.items()
    ]
    inputs = np.empty((1, len(CUSTOMER_INPUTS)), dtype=np.float32)
    _write_activity(counts, np.array([ages]), _season(at), inputs)
    return inputs


@compiled
def _write_activity(counts: Numbers, ages: Numbers, season: Numbers, out: FloatArray) -> None:
    """Write CUSTOMER_INPUTS into `out` (B, F).

    `counts` (B, ACTIVITY_COUNTS) are not negative; `ages` (B, 2) are the days since the first and
    the last order.
    """
    for row in range(len(counts)):
        customer, tenure, recency = counts[row], ages[row, 0], ages[row, 1]
        orders, gap = customer[_ORDERS], SINGLE_GAP_DAYS
        if orders > 1:
            gap = max((tenure - recency) / (orders - 1), 0.0)
        for number in range(len(_PLACES)):
            out[row, number] = np.log1p(customer[_PLACES[number]])
        out[row, _HAS_ORDERS] = orders > 0
        out[row, _LOG_RECENCY] = np.log1p(recency)
        out[row, _LOG_TENURE] = np.log1p(tenure)
        out[row, _LOG_GAP] = np.log1p(gap)
        out[row, _LOG_RECENCY_PER_GAP] = np.log1p(recency / max(gap, 1.0))
        out[row, _LOG_ORDER_VALUE] = np.log1p(customer[_SPEND] / max(orders, 1.0))
        out[row, _TREND] = np.log1p(customer[_QUARTER]) - np.log1p(customer[_YEAR] * 90 / 365)
        out[row, _SEASON:] = season


def _season(at: pd.Timestamp) -> Numbers:
    """Return the day of the year as sine and cosine, for one and two cycles a year."""
    angle = 2 * np.pi * (at.dayofyear - 1) / 365.25
    return np.array([math.sin(angle), math.cos(angle), math.sin(2 * angle), math.cos(2 * angle)])


def product_inputs(frame: pd.DataFrame, at: pd.Timestamp) -> FloatArray:
    """Return (C, F) inputs, columns PRODUCT_INPUTS, of C rows of product features at `at` (UTC).

    A product never sold has age 0, last sale NEVER_DAYS ago, and log price 0. No input is NaN.
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
    column = pd.to_datetime(frame[name], utc=True, cache=False)  # a cache of repeats costs more
    times = column.dt.tz_localize(None).to_numpy("datetime64[us]")
    now = at.tz_convert("UTC").tz_localize(None).to_datetime64()
    days = (now - times).astype("timedelta64[us]").astype(np.float64) / DAY_US
    return np.where(np.isnat(times), missing, np.maximum(days, 0.0))
