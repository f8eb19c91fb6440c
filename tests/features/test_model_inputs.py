"""Model inputs by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.customer_features import ACTIVITY_COUNTS, ACTIVITY_TIMES
from features.model_inputs import CUSTOMER_INPUTS, PRODUCT_INPUTS, customer_inputs, product_inputs
from features.product_features import SALES_COUNTS, SALES_TIMES
from tests.features.shop import time

AT = time("2011-01-01")
NOBODY = dict.fromkeys((*ACTIVITY_COUNTS, *ACTIVITY_TIMES))
NOTHING = dict.fromkeys((*SALES_COUNTS, *SALES_TIMES))


def customer(at: pd.Timestamp = AT, **row: object) -> dict[str, float]:
    made = customer_inputs(pd.DataFrame([NOBODY | row]), at)
    assert made.shape == (1, len(CUSTOMER_INPUTS))
    return dict(zip(CUSTOMER_INPUTS, made[0].tolist(), strict=True))


def product(**row: object) -> dict[str, float]:
    made = product_inputs(pd.DataFrame([NOTHING | row]), AT)
    assert made.shape == (1, len(PRODUCT_INPUTS))
    return dict(zip(PRODUCT_INPUTS, made[0].tolist(), strict=True))


def near(value: float) -> Any:
    return pytest.approx(value, rel=1e-6, abs=1e-7)


def test_a_customer_by_hand() -> None:
    made = customer(
        orders_30d=1,
        orders_90d=3,
        orders_365d=3,
        orders_total=5,
        orders_90d_last_year=2,
        spend_total=100.0,
        first_order_timestamp=AT - pd.Timedelta(days=50),
        last_order_timestamp=AT - pd.Timedelta(days=10),
    )
    assert made["log_orders_30d"] == near(np.log(2))
    assert made["log_orders_90d_last_year"] == near(np.log(3))
    assert made["log_spend_30d"] == 0.0
    assert made["has_orders"] == 1.0
    assert made["log_recency_days"] == near(np.log(11))
    assert made["log_tenure_days"] == near(np.log(51))
    assert made["log_gap_days"] == near(np.log(11))  # 40 days between 5 orders
    assert made["log_recency_per_gap"] == near(np.log(2))
    assert made["log_order_value"] == near(np.log(21))
    assert made["orders_trend"] == near(np.log(4) - np.log(1 + 3 * 90 / 365))


def test_one_order_has_no_gap() -> None:
    first = AT - pd.Timedelta(hours=12)
    made = customer(orders_total=1, first_order_timestamp=first, last_order_timestamp=first)
    assert made["log_recency_days"] == near(np.log(1.5))
    assert made["log_gap_days"] == near(np.log(366))
    assert made["log_recency_per_gap"] == near(np.log(1 + 0.5 / 365))


def test_nobody_has_zeros_and_a_long_absence() -> None:
    made = customer()
    given = {name: value for name, value in made.items() if value != 0.0}
    assert given == {
        "log_recency_days": near(np.log(3651)),
        "log_gap_days": near(np.log(366)),
        "log_recency_per_gap": near(np.log(11)),
        "season_cos": 1.0,
        "season_cos_2": 1.0,
    }


def test_season_is_the_day_of_the_year() -> None:
    made = customer(time("2011-04-02"))  # day 92: 91 days after the first
    angle = 2 * np.pi * 91 / 365.25
    assert made["season_sin"] == near(np.sin(angle))
    assert made["season_cos"] == near(np.cos(angle))
    assert made["season_sin_2"] == near(np.sin(2 * angle))


def test_what_happens_after_at_has_age_zero() -> None:
    later = AT + pd.Timedelta(days=3)
    made = customer(orders_total=2, first_order_timestamp=later, last_order_timestamp=later)
    assert made["log_recency_days"] == made["log_tenure_days"] == 0.0


def test_a_product_by_hand() -> None:
    made = product(
        units_7d=6.0,
        buyers_7d=3,
        buyers_28d=4,
        buyers_90d=9,
        buyers_28d_last_year=1,
        unit_price=2.0,
        unit_price_90d=4.0,
        return_rate_365d=0.25,
        first_sale_timestamp=AT - pd.Timedelta(days=99),
        last_sale_timestamp=AT - pd.Timedelta(days=1),
    )
    assert made["log_units_7d"] == near(np.log(7))
    assert made["log_buyers_28d_last_year"] == near(np.log(2))
    assert made["log_age_days"] == near(np.log(100))
    assert made["log_days_since_sale"] == near(np.log(2))
    assert made["log_price"] == near(np.log(2))
    assert made["log_price_change"] == near(-np.log(2))
    assert made["return_rate"] == 0.25
    assert made["trend_7d"] == near(np.log(4) - np.log(2))
    assert made["trend_28d"] == near(np.log(5) - np.log(1 + 9 * 28 / 90))
    assert made["trend_last_year"] == near(np.log(2) - np.log(5))


def test_a_product_never_sold_is_new_and_unpriced() -> None:
    given = {name: value for name, value in product().items() if value != 0.0}
    assert given == {"log_days_since_sale": near(np.log(3651))}


def test_more_returned_than_sold_is_all_returned() -> None:
    assert product(return_rate_365d=3.0)["return_rate"] == 1.0


def test_rows_of_frames_and_of_dicts_are_the_same() -> None:
    """A row with nulls of any kind (a frame's NaN and NaT, an online row's None) is one row."""
    frame = pd.DataFrame([NOBODY]).astype(
        dict.fromkeys(ACTIVITY_COUNTS, "float64")
        | dict.fromkeys(ACTIVITY_TIMES, "datetime64[us, UTC]")
    )
    np.testing.assert_array_equal(
        customer_inputs(frame, AT), customer_inputs(pd.DataFrame([NOBODY]), AT)
    )


def test_no_rows() -> None:
    assert customer_inputs(pd.DataFrame(columns=list(NOBODY)), AT).shape == (
        0,
        len(CUSTOMER_INPUTS),
    )
    assert product_inputs(pd.DataFrame(columns=list(NOTHING)), AT).shape == (0, len(PRODUCT_INPUTS))
