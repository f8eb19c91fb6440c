"""The profit of contacts: by hand, never worse than simpler choices, and its edges."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from configs.loader import ConfigError, load_config
from training.value.profit import (
    BadScores,
    ProfitConfig,
    Scored,
    curve,
    plan,
    recency_order,
    value_if_saved,
)

CHURN, SPEND, DAYS = st.floats(0, 0.99), st.floats(0, 1e5), st.floats(0, 365)


def scored_of(rows: list[tuple[float, float, float]]) -> Scored:
    """Return customers of (churn, spend, days), named by their place."""
    columns = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    ids = np.array([f"c{place}" for place in range(len(rows))], dtype=object)
    return Scored(customer_ids=ids, churn=columns[0], spend=columns[1], days=columns[2])


def config_of(**changes: Any) -> ProfitConfig:
    return ProfitConfig(**{"margin": 0.5, "contact_cost": 2, "save_rate": 0.25, **changes})


def shops(most: int) -> Any:
    return st.lists(st.tuples(CHURN, SPEND, DAYS), max_size=most)


configs = st.builds(
    lambda margin, cost, rates: ProfitConfig(
        margin=margin,
        contact_cost=cost,
        save_rate_low=rates[0],
        save_rate=rates[1],
        save_rate_high=rates[2],
    ),
    st.floats(0.01, 1),
    st.floats(0, 1e4),
    st.tuples(*[st.floats(0, 1)] * 3).map(sorted),
)
few = settings(derandomize=True, deadline=None, max_examples=200)


def test_three_customers_by_hand() -> None:
    """At risk: a 0.5 * 80 * 0.5 = 20, b 0.75 * 40 * 0.5 = 15, c 0.2 * 10 * 0.5 = 1."""
    three = scored_of([(0.5, 40, 10), (0.75, 10, 90), (0.2, 8, 200)])
    found = plan(three, config_of(save_rate_low=0.1, save_rate_high=0.5))
    assert value_if_saved(three).tolist() == [80, 40, 10]
    assert found.margin_at_risk.tolist() == [20, 15, 1]
    assert found.gains.tolist() == [20 / 4 - 2, 15 / 4 - 2, 1 / 4 - 2]
    assert found.order.tolist() == [0, 1, 2]
    chosen, everyone = found.chosen, found.everyone
    assert (chosen.contacted, chosen.value) == (2, 35 / 4 - 4)
    assert [chosen.low, chosen.high] == pytest.approx([35 / 10 - 4, 35 / 2 - 4])
    assert (everyone.contacted, everyone.value) == (3, 36 / 4 - 6)
    assert (found.nobody.contacted, found.nobody.value) == (0, 0)
    assert recency_order(three).tolist() == [2, 1, 0]
    assert found.by_recency is not None
    assert found.best_by_recency is not None
    assert (found.by_recency.contacted, found.by_recency.value) == (2, 16 / 4 - 4)
    assert (found.best_by_recency.contacted, found.best_by_recency.value) == (3, 36 / 4 - 6)


@few
@given(shops(most=40), configs)
def test_no_simpler_choice_is_better(
    rows: list[tuple[float, float, float]], config: ProfitConfig
) -> None:
    scored = scored_of(rows)
    found = plan(scored, config)
    slack = 1e-9 * (1 + found.margin_at_risk.sum() + config.contact_cost * len(rows))
    best = found.chosen.value + slack
    assert best >= max(found.everyone.value, found.nobody.value)
    longest_first = recency_order(scored)
    for order in (longest_first, longest_first[::-1]):
        assert best >= curve(found.margin_at_risk[order], config)[1].max()
    assert found.best_by_recency is not None
    assert found.best_by_recency.value <= best
    assert found.chosen.low <= found.chosen.value <= found.chosen.high
    assert found.chosen.value == pytest.approx(found.gains[found.gains > 0].sum(), abs=slack)


@few
@given(shops(most=7), configs)
def test_no_set_at_all_is_better(
    rows: list[tuple[float, float, float]], config: ProfitConfig
) -> None:
    found = plan(scored_of(rows), config)
    places = range(len(rows))
    every = [set_ for size in range(len(rows) + 1) for set_ in combinations(places, size)]
    best = max(float(found.gains[list(set_)].sum()) for set_ in every)
    assert found.chosen.value == pytest.approx(best, abs=1e-6)


def test_without_customers_nothing_is_earned() -> None:
    found = plan(scored_of([]), config_of())
    for profit in (found.chosen, found.everyone, found.nobody, found.best_by_recency):
        assert profit is not None
        assert (profit.contacted, profit.value, profit.low, profit.high) == (0, 0, 0, 0)


def test_a_contact_that_saves_nobody_is_not_made() -> None:
    found = plan(scored_of([(0.5, 40, 1)] * 3), config_of(save_rate=0))
    assert found.chosen.contacted == 0
    assert found.everyone.value == -6
    assert plan(scored_of([(0.5, 40, 1)]), config_of(save_rate=0, contact_cost=0)).chosen == (
        found.nobody
    )


def test_a_free_contact_reaches_everyone_who_may_leave() -> None:
    found = plan(scored_of([(0.5, 40, 1), (0.0, 40, 1), (0.1, 0, 1)]), config_of(contact_cost=0))
    assert (found.chosen.contacted, found.chosen.value) == (1, 5)
    assert found.order[0] == 0


def test_ties_do_not_depend_on_the_order_of_rows() -> None:
    rows = [(0.5, 40.0, 5.0)] * 4
    scored = scored_of(rows)
    turned = Scored(
        customer_ids=scored.customer_ids[::-1],
        churn=scored.churn,
        spend=scored.spend,
        days=scored.days,
    )
    one, other = plan(scored, config_of()).order, plan(turned, config_of()).order
    assert scored.customer_ids[one].tolist() == turned.customer_ids[other].tolist()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((np.nan, 1, 1), r"customer 'c1', churn_probability = nan: a number from 0 to 1"),
        ((1.01, 1, 1), r"churn_probability = 1.01"),
        ((-0.1, 1, 1), r"churn_probability = -0.1"),
        ((0.5, np.nan, 1), r"expected_spend = nan: a number from 0, below 1e12"),
        ((0.5, -1, 1), r"expected_spend = -1"),
        ((0.5, np.inf, 1), r"expected_spend = inf"),
        ((0.5, 1, np.nan), r"days_since_last_order = nan"),
        ((1, 5, 1), r"expected_spend = 5: it is 0 where churn_probability is 1"),
    ],
)
def test_impossible_scores_are_refused(row: tuple[float, float, float], message: str) -> None:
    with pytest.raises(BadScores, match=message):
        scored_of([(0.5, 1, 1), row])


def test_two_small_predictions_make_no_large_value() -> None:
    """Without orders at all with probability 0.997, at most 1.5 usual orders of 40 at a time."""
    churn, spend = np.array([0.997, 0.5, 0.0]), np.array([3.0, 40.0, 90.0])
    ids = np.array(["a", "b", "c"], dtype=object)
    plain = Scored(customer_ids=ids, churn=churn, spend=spend)
    usual = np.array([40.0, 40.0, 40.0])
    bounded = Scored(customer_ids=ids, churn=churn, spend=spend, order_value=usual)
    assert value_if_saved(plain).tolist() == pytest.approx([1000, 80, 90])
    expected = [60 * -np.log(0.997) / 0.003, 80, 90]  # 60.09; the bound of b is 83.2
    assert value_if_saved(bounded).tolist() == pytest.approx(expected)


def test_a_customer_comes_once() -> None:
    one = np.array([0.5, 0.5])
    with pytest.raises(BadScores, match="customer 'a': a customer comes once"):
        Scored(customer_ids=np.array(["a", "a"], dtype=object), churn=one, spend=one)


def test_a_certain_churner_is_never_worth_a_contact() -> None:
    found = plan(scored_of([(1, 0, 1)]), config_of())
    assert (found.gains.tolist(), found.chosen.contacted) == ([-2], 0)


@pytest.mark.parametrize(
    ("override", "rule"),
    [
        ("margin=0", "margin"),
        ("margin=.nan", "margin"),
        ("contact_cost=-1", "contact_cost"),
        ("save_rate=1.1", "save_rate"),
        ("save_rate_low=0.1", "give both, or neither"),
        ("save_rate_low=0.3", "give both"),
    ],
)
def test_impossible_settings_are_refused(override: str, rule: str) -> None:
    values = ["margin=0.5", "contact_cost=1", "save_rate=0.2", override]
    with pytest.raises(ConfigError, match=rule):
        load_config(ProfitConfig, overrides=values)


def test_the_expected_save_rate_lies_in_its_interval() -> None:
    with pytest.raises(ValueError, match="save_rate lies between"):
        config_of(save_rate_low=0.3, save_rate_high=0.4)


@few
@given(arrays.arrays(np.float64, st.integers(0, 20), elements=st.floats(0, 1e4)))
def test_a_curve_is_the_sum_of_its_steps(at_risk: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    found = curve(at_risk, config_of())
    assert found.shape == (3, len(at_risk) + 1)
    assert found[1, 0] == 0
    assert np.diff(found[1]).tolist() == pytest.approx((at_risk * 0.25 - 2).tolist(), abs=1e-6)
