"""CAC and CLV by hand: whole months, whole windows, true new customers."""

import math
from typing import Any

import pandas as pd
import pytest

from tests.features.shop import time
from tests.training.figures.orders import orders
from training.figures.acquisition import acquisition

ROWS = [
    ("old", "2023-10-01", 5.0),
    ("ann", "2024-01-05", 10.0),
    ("ann", "2024-02-03", 20.0),  # on the 29th day
    ("ann", "2024-02-05", 40.0),  # on the 31st day: after the window
    ("bob", "2024-01-31", 30.0),
    ("cid", "2024-03-20", 50.0),
]


def found(costs: list[tuple[str, Any, float]], as_of: str, **changes: Any) -> pd.DataFrame:
    known = orders(ROWS, channel="web")
    frame = pd.DataFrame(costs, columns=["month", "channel", "cost"])
    settings = {"margin": 0.5, "days": 30, "new_after_days": 90, "seed": 0, **changes}
    at = time(as_of)
    known = known[known["event_timestamp"] < at]
    return acquisition(known, frame, as_of=at, timezone="UTC", **settings).set_index("month")


PLAIN = [("2024-01", pd.NA, 8.0), ("2024-02", pd.NA, 6.0), ("2024-03", pd.NA, 7.0)]


def test_three_months_by_hand() -> None:
    """January: 2 new for 8, who spent 30 each in 30 days. February had none."""
    frame = found(PLAIN, "2024-05-01")
    assert frame["new_customers"].to_dict() == {
        "2024-01": 2, "2024-02": 0, "2024-03": 1, "total": 3
    }  # fmt: skip
    assert frame["cac"].tolist()[0:3:2] == [4, 7]
    assert math.isnan(frame["cac"].iloc[1])
    assert frame["clv"].tolist()[0:3:2] == [15, 25]
    assert frame["clv_to_cac"].iloc[0] == 15 / 4
    total = frame.loc["total"]
    assert (total["cost"], total["cac"]) == (21, 7)
    assert total["clv"] == pytest.approx(55 / 3)
    assert total["clv_to_cac_low"] <= total["clv_to_cac"] <= total["clv_to_cac_high"]


def test_a_value_whose_days_are_not_over_is_open_not_low() -> None:
    frame = found(PLAIN, "2024-04-30")
    assert frame["clv"].isna().tolist() == [False, True, True, False]
    assert frame.loc["2024-03", "cac"] == 7
    total = frame.loc["total"]
    assert (total["new_customers"], total["cost"], total["clv"]) == (2, 14, 15)


def test_a_month_that_is_not_over_is_not_shown() -> None:
    assert found(PLAIN, "2024-03-31 23:59").index.tolist() == ["2024-01", "2024-02", "total"]


def test_the_first_orders_of_the_files_may_be_those_of_older_customers() -> None:
    early = [("2023-10", pd.NA, 8.0)]
    frame = found(early, "2024-05-01")
    assert frame.loc["2023-10", "new_customers"] == 1
    assert frame[["cac", "clv", "clv_to_cac"]].isna().all(axis=None)
    known = found([("2024-01", pd.NA, 8.0)], "2024-05-01", new_after_days=92)
    assert known.loc["2024-01", "cac"] == 4
    assert math.isnan(found(PLAIN, "2024-05-01", new_after_days=93)["cac"].iloc[0])


def test_costs_of_a_channel_are_divided_by_its_customers() -> None:
    frame = found([("2024-01", "web", 8.0), ("2024-01", "shop", 2.0)], "2024-05-01")
    assert frame["new_customers"].tolist() == [2, 0, 2]
    assert frame["cac"].iloc[0] == 4
    assert math.isnan(frame["cac"].iloc[1])
    assert frame.loc["total", "cac"] == 5


def test_customers_who_cost_nothing_have_no_ratio() -> None:
    frame = found([("2024-01", pd.NA, 0.0)], "2024-05-01")
    assert frame.loc["2024-01", "cac"] == 0
    assert math.isnan(frame["clv_to_cac"].iloc[0])
