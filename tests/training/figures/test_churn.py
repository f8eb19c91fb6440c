"""The churn rate by hand: whole windows with a whole year before them."""

from tests.features.shop import time
from tests.training.figures.orders import orders
from training.figures.churn import WINDOWS, churn_rates

ROWS = [
    ("old", "2020-01-01", 1.0),
    ("ann", "2022-06-01", 1.0),
    ("ann", "2022-12-20", 1.0),  # in the window
    ("bob", "2022-06-01", 1.0),
    ("cid", "2021-10-02", 1.0),  # 365 days before the window begins
    ("dan", "2021-10-01", 1.0),
    ("eve", "2022-10-02", 1.0),  # the window's first moment: not active before
]


def test_one_window_by_hand() -> None:
    """From 2 October to the last of the year: ann came back, bob and cid did not."""
    frame = churn_rates(orders(ROWS), as_of=time("2022-12-31"), days=90)
    last = frame.iloc[-1]
    assert (last["start"], last["end"]) == (time("2022-10-02"), time("2022-12-31"))
    assert (last["active"], last["churned"], last["churn_rate"]) == (3, 2, 2 / 3)
    assert last["churn_rate_low"] < 2 / 3 < last["churn_rate_high"]
    assert len(frame) == WINDOWS


def test_a_window_needs_a_whole_year_before_it() -> None:
    young = orders([("ann", "2022-01-01", 1.0), ("ann", "2022-12-20", 1.0)])
    assert churn_rates(young, as_of=time("2023-03-31"), days=90).empty
    whole = churn_rates(young, as_of=time("2023-04-01"), days=90)
    assert whole[["active", "churned"]].to_numpy().tolist() == [[1, 1]]
