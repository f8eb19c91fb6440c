"""Lifecycle: each customer in exactly one state, by the definition, at every time."""

import re
from itertools import pairwise

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from pydantic import ValidationError

from configs.loader import ConfigError, load_config
from tests.training.segments.random_orders import DAY, T, connected, orders_of, random_orders
from training.segments.lifecycle import STATES, LifecycleConfig, State, lifecycle

CONFIG = LifecycleConfig()
SHORT = LifecycleConfig(new_days=20, won_back_days=45, at_risk_days=60, lapsed_days=100)
MOMENT = pd.Timedelta(microseconds=1)


def conditions(times: list[pd.Timestamp], at: pd.Timestamp, config: LifecycleConfig) -> list[str]:
    """Return the states whose condition, as `rule` words it, holds for orders at `times`."""
    times = sorted(times)
    if not times:
        return ["none"]
    age = at - times[-1]
    lapse = config.lapsed_days * DAY
    returns = [later for earlier, later in pairwise(times) if later - earlier > lapse]
    new = at - times[0] <= config.new_days * DAY
    won_back = any(at - time <= config.won_back_days * DAY for time in returns)
    recent = age <= config.at_risk_days * DAY
    holds = {
        "new": new,
        "won_back": won_back,
        "active": recent and not new and not won_back,
        "at_risk": not recent and age <= lapse,
        "lapsed": age > lapse,
    }
    return [state for state, held in holds.items() if held]


@pytest.mark.parametrize("config", [CONFIG, SHORT])
@pytest.mark.parametrize("at", [T, T - 150 * DAY])
def test_every_customer_as_by_the_definition(config: LifecycleConfig, at: pd.Timestamp) -> None:
    orders = random_orders(2500, seed=11)
    found = lifecycle(connected(orders, timezone="America/New_York"), config, at=at)
    known = orders[(orders.event_timestamp < at) & (orders.recorded_timestamp < at)]
    times = known.groupby("customer_id").event_timestamp.agg(list)
    assert found.customer_id.tolist() == times.index.tolist()
    assert [[state] for state in found.lifecycle] == [
        conditions(of_customer, at, config) for of_customer in times
    ]
    assert found.first_order_timestamp.tolist() == [min(of_customer) for of_customer in times]
    assert found.last_order_timestamp.tolist() == [max(of_customer) for of_customer in times]
    assert set(found.lifecycle) == set(STATES) - {"none"}
    assert found.lifecycle.value_counts().min() >= 5


@pytest.mark.parametrize(
    ("days", "state"),
    [
        ([30], "new"),
        ([31], "active"),
        ([180], "active"),
        ([181], "at_risk"),
        ([365], "at_risk"),
        ([366], "lapsed"),
        ([800, 90], "won_back"),
        ([800, 91], "active"),
        ([455, 90], "active"),  # 365 days between them are no lapse
        ([456, 90], "won_back"),
        ([900, 80, 10], "won_back"),
        ([900, 300, 10], "active"),
        ([900, 200], "at_risk"),
        ([900, 400], "lapsed"),
        ([25, 10], "new"),
    ],
)
def test_states_by_hand(days: list[int], state: State) -> None:
    con = connected(orders_of([("a", T - day * DAY, 1.0) for day in days]))
    assert lifecycle(con, CONFIG, at=T).lifecycle.tolist() == [state]


@pytest.mark.parametrize(
    ("days", "at_border", "beyond"),
    [(30, "new", "active"), (180, "active", "at_risk"), (365, "at_risk", "lapsed")],
)
def test_a_window_holds_its_first_moment(days: int, at_border: State, beyond: State) -> None:
    for time, state in ((T - days * DAY, at_border), (T - days * DAY - MOMENT, beyond)):
        con = connected(orders_of([("a", time, 1.0)]))
        assert lifecycle(con, CONFIG, at=T).lifecycle.tolist() == [state]


def test_an_order_that_was_recorded_before_it_happened_counts_from_its_time() -> None:
    orders = orders_of([("a", T, 1.0)]).assign(recorded_timestamp=T - DAY)
    assert lifecycle(connected(orders), CONFIG, at=T).empty
    assert len(lifecycle(connected(orders), CONFIG, at=T + MOMENT)) == 1


def test_the_order_that_wins_back_came_while_lapsed() -> None:
    con = connected(orders_of([("a", T - 500 * DAY, 1.0), ("a", T - 10 * DAY, 1.0)]))
    at_return = lifecycle(con, CONFIG, at=T - 10 * DAY)
    assert at_return.lifecycle.tolist() == ["lapsed"]
    assert lifecycle(con, CONFIG, at=T).lifecycle.tolist() == ["won_back"]


def test_customers_without_an_order_are_none() -> None:
    con = connected(orders_of([("a", T - DAY, 1.0), ("later", T, 1.0)]))
    con.execute(
        "CREATE TABLE people AS SELECT unnest(['a', 'b', NULL, 'b', 'later']) AS customer_id"
    )
    found = lifecycle(con, CONFIG, at=T, customers="people")
    assert found.customer_id.tolist() == ["a", "b", "later"]
    assert found.lifecycle.tolist() == ["new", "none", "none"]
    assert found.first_order_timestamp.isna().tolist() == [False, True, True]
    con.execute("DELETE FROM people")
    assert lifecycle(con, CONFIG, at=T, customers="people").customer_id.tolist() == ["a"]


def test_what_is_recorded_later_changes_nothing() -> None:
    orders = random_orders(500, seed=12)
    known = orders[(orders.event_timestamp < T) & (orders.recorded_timestamp < T)]
    found = lifecycle(connected(orders), CONFIG, at=T)
    assert_frame_equal(found, lifecycle(connected(known), CONFIG, at=T))


def test_no_orders() -> None:
    found = lifecycle(connected(orders_of([])), CONFIG, at=T)
    assert found.empty
    assert str(found.last_order_timestamp.dtype) == "datetime64[us, UTC]"


def test_the_rule_names_every_state_and_every_number() -> None:
    rule = SHORT.rule()
    assert {line.split(":")[0] for line in rule.splitlines()} == set(STATES)
    assert {int(number) for number in re.findall(r"\d+", rule)} == {20, 45, 60, 100}


@pytest.mark.parametrize(
    "days",
    [
        {"new_days": 181},
        {"won_back_days": 181},
        {"at_risk_days": 365},
        {"lapsed_days": 180},
        {"new_days": 0},
    ],
)
def test_thresholds_for_which_states_overlap_are_refused(days: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        LifecycleConfig(**days)


def test_a_config_is_read_from_overrides() -> None:
    assert load_config(LifecycleConfig, overrides=["new_days=10"]).new_days == 10
    with pytest.raises(ConfigError, match="two states"):
        load_config(LifecycleConfig, overrides=["new_days=200"])
