"""Cohorts by hand: whole months only, in the shop's time zone."""

import pandas as pd
import pytest

from tests.features.shop import time
from tests.training.figures.orders import orders
from training.figures.cohorts import cohorts
from training.figures.rates import wilson

ROWS = [
    ("ann", "2024-01-05", 1.0),
    ("ann", "2024-01-20", 1.0),
    ("ann", "2024-03-01", 1.0),
    ("bob", "2024-01-31 23:30", 1.0),
    ("bob", "2024-02-10", 1.0),
    ("bob", "2024-02-11", 1.0),
    ("cid", "2024-02-01", 1.0),
    ("dan", "2024-03-15", 1.0),
]


def shares(as_of: str, timezone: str = "UTC") -> dict[tuple[str, int], tuple[int, int, int]]:
    frame = cohorts(orders(ROWS), as_of=time(as_of), timezone=timezone)
    columns = ["cohort", "month", "customers", "ordered", "repeated"]
    return {(c, m): (n, k, r) for c, m, n, k, r in frame[columns].itertuples(index=False)}


def test_three_cohorts_by_hand() -> None:
    assert shares("2024-04-01") == {
        ("2024-01", 0): (2, 2, 1),
        ("2024-01", 1): (2, 1, 2),
        ("2024-01", 2): (2, 1, 2),
        ("2024-02", 0): (1, 1, 0),
        ("2024-02", 1): (1, 0, 0),
        ("2024-03", 0): (1, 1, 0),
    }


def test_a_month_that_is_not_over_is_not_shown() -> None:
    late = shares("2024-03-31 23:59:59")
    assert late == {key: value for key, value in shares("2024-04-01").items()
                    if key not in {("2024-01", 2), ("2024-02", 1), ("2024-03", 0)}}  # fmt: skip


def test_months_are_those_of_the_shop() -> None:
    """In Berlin, bob's first order is in February, and April begins two hours earlier."""
    found = shares("2024-03-31 22:00", "Europe/Berlin")
    assert found["2024-01", 0] == (1, 1, 1)
    assert found["2024-02", 0] == (2, 2, 1)
    assert ("2024-03", 0) in found
    assert ("2024-03", 0) not in shares("2024-03-31 21:59", "Europe/Berlin")


def test_shares_have_wilson_intervals() -> None:
    frame = cohorts(orders(ROWS), as_of=time("2024-04-01"), timezone="UTC")
    row = frame.iloc[1]
    found = (row["retention"], row["retention_low"], row["retention_high"])
    assert found == pytest.approx([float(end) for end in wilson(1, 2)])
    assert (row["repeat_rate"], row["repeat_rate_high"]) == (1, 1)


def test_before_a_month_is_over_there_is_no_cohort() -> None:
    frame = cohorts(orders(ROWS[:1]), as_of=time("2024-01-20"), timezone="UTC")
    assert frame.empty
    assert isinstance(frame, pd.DataFrame)
    assert "retention_low" in frame
