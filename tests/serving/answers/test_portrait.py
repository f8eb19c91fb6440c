"""The figures of a portrait, by hand; and the stays of a state by customer."""

import pandas as pd
import pytest

from configs.duck import connect
from features.customer_features import HISTORY_LENGTH
from features.customer_history import Purchase
from features.times import DAY_US
from serving.answers.portrait import rhythm, trends
from serving.state.segment_index import SegmentIndex, Stay
from training.segments.definitions import BUILT_IN, Definition
from training.segments.filters import Compare
from training.segments.lifecycle import STATES
from training.segments.membership import record
from training.segments.rfm import GROUP_NAMES
from training.segments.states import State
from training.segments.words import in_words

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2024-01-01T00:00:00Z")


def bought(*days: float, value: float = 1.0) -> list[Purchase]:
    """Return a purchase on each of `days` since 1970, newest first."""
    return [(int(day * DAY_US), "tea", value) for day in sorted(days, reverse=True)]


@pytest.mark.parametrize(("now", "overdue"), [(41.5, False), (42.0, True)])
def test_overdue_is_beyond_the_median_and_its_spread(now: float, overdue: bool) -> None:
    # Gaps of 10, 10 and 11 days: quartiles 10 and 10.5.
    found = rhythm(bought(0, 10, 20, 31), None, now_us=int(now * DAY_US))
    assert found is not None
    assert (found.median_days, found.spread_days) == (10, 0.5)
    assert (found.days_since_last_order, found.overdue) == (now - 31, overdue)


def test_a_rhythm_of_few_orders() -> None:
    assert rhythm([], None, now_us=DAY_US) is None
    fee = rhythm([], DAY_US, now_us=3 * DAY_US)
    assert fee is not None
    assert (fee.median_days, fee.days_since_last_order) == (None, 2)
    together = rhythm(bought(1, 1, 3), None, now_us=9 * DAY_US)  # two products of one order
    assert together is not None
    assert (together.median_days, together.spread_days, together.overdue) == (2, None, None)


def test_trends_compare_two_windows_of_90_days() -> None:
    days = (19.9, 20, 109.9, 110, 199)  # [20, 110) and [110, 200]
    found = trends(bought(*days, value=2), now_us=200 * DAY_US)
    orders, spend = found.orders, found.spend
    assert (orders.last_90_days, orders.previous_90_days, orders.change) == (2, 2, 0)
    assert (spend.last_90_days, spend.previous_90_days, spend.change) == (4, 4, 0)


def test_trends_know_what_a_full_history_no_longer_holds() -> None:
    recent = bought(*(150 + place / 100 for place in range(HISTORY_LENGTH)))
    cut_off = trends(recent, now_us=200 * DAY_US)
    assert (cut_off.orders.last_90_days, cut_off.orders.previous_90_days) == (None, None)
    older = bought(100, *(150 + place / 100 for place in range(HISTORY_LENGTH - 1)))
    half = trends(older, now_us=200 * DAY_US)
    assert (half.orders.last_90_days, half.orders.previous_90_days) == (HISTORY_LENGTH - 1, None)
    assert half.orders.change is None
    whole = trends(older[1:], now_us=200 * DAY_US)  # one purchase less: nothing was cut off
    assert whole.orders.previous_90_days == 1


def test_stays_are_those_of_the_customer_alone() -> None:
    con = connect()
    big = {"big": Compare("spend", "number", ">", 1.0)}
    for day, spenders in enumerate([["茶", "b"], ["b"], ["b", "茶", "\U0001f375", "B"]]):
        frame = pd.DataFrame({"customer_id": spenders, "spend": 2.0})
        con.register("frame", frame)
        con.execute(
            "CREATE OR REPLACE TABLE customers AS SELECT *, ['x'] AS channels_365d FROM frame"
        )
        record(con, {**big, "gone": big["big"]}, at=START + day * DAY)
    definition = Definition(version=1, filter="spend > 1", defined_timestamp=START.to_pydatetime())
    index = SegmentIndex(
        State(generation="g", as_of=START + 2 * DAY, definitions={"big": definition}, con=con)
    )
    first, second, third = (int((START + day * DAY).value // 1000) for day in range(3))
    assert index.stays("b") == [Stay(segment="big", entered_us=first, left_us=None)]
    assert index.stays("茶") == [
        Stay(segment="big", entered_us=first, left_us=second),
        Stay(segment="big", entered_us=third, left_us=None),
    ]
    for late in ("B", "\U0001f375"):
        assert index.stays(late) == [Stay(segment="big", entered_us=third, left_us=None)]
    assert (index.stays("a"), index.stays("~"), index.channels("a")) == ([], [], [])
    assert index.channels("茶") == ["x"]


def test_every_group_has_words() -> None:
    for name in (*GROUP_NAMES, *STATES):
        assert in_words(name, language="en")
        assert in_words(name, language="zh").isascii() is False
    assert len(BUILT_IN) == len(GROUP_NAMES) + len(STATES)
