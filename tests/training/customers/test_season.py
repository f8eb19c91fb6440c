"""The level of the coming window, the days to the next order, and the proper scores."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics import mean_tweedie_deviance

from features.offline import OfflineFeatures
from tests.features.shop import line, lines, workspace
from tests.training.shop import DAYS, Shop
from training.customers.next_order import NextOrder, interval
from training.customers.orders import CustomerOrders
from training.customers.proper_scores import log_losses, tweedie_deviances
from training.customers.season import TARGETS, Target, season_levels, shift
from training.customers.window_examples import window_examples
from training.data.training_data import TrainingData

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("total", [0.0, 3.7, 100.0])
def test_a_shift_makes_the_expected_total(total: float) -> None:
    raw = RNG.normal(size=100)
    added = shift(raw, total, "churned")
    assert expit(raw + added).sum() == pytest.approx(min(max(total, 0.5), 99.5))
    if total:
        assert np.exp(raw + shift(raw, total, "spend")).sum() == pytest.approx(total)


def test_outcomes_are_those_of_a_count_by_hand(shop: Shop) -> None:
    at, orders = shop.past.as_of, CustomerOrders(shop.full)
    made = orders.outcomes(at, horizon_days=28)
    lines = shop.tables["order_lines"].assign(
        value=lambda t: t["quantity"] * t["unit_price"],
        day=lambda t: (t["event_timestamp"] - at) / DAYS,
    )
    counted = lines[
        lines["line_type"].isin(["sale", "fee"])
        & (lines["value"] > 0)
        & (lines["day"] >= 0)
        & (lines["day"] < 28)
    ]
    for place, customer in enumerate(orders.active(at)):
        own = counted[counted["customer_id"] == customer]
        assert made.orders[place] == own["order_id"].nunique()
        assert made.spend[place] == pytest.approx(own["value"].sum())
        assert made.days[place] == pytest.approx(own["day"].min() if len(own) else np.inf)


@pytest.mark.parametrize("target", TARGETS)
def test_the_level_is_that_of_the_reference_window(shop: Shop, target: Target) -> None:
    """Without a year of data, the last window is the reference; the totals are of its size."""
    seen = window_examples(shop.past, horizon_days=28)
    levels = season_levels(seen.orders, shop.past.as_of, horizon_days=28)
    last = seen.window == len(seen.times) - 1
    then = getattr(seen.outcomes, target)[last].sum()
    assert levels.totals[target] == pytest.approx(then, rel=0.35)
    assert len(levels.customers) == len(np.unique(levels.customers)) > 50


def test_the_level_follows_the_season_of_last_year(tmp_path: Path) -> None:
    orders = _seasonal_orders(tmp_path)
    at = pd.Timestamp("2024-12-01T00:00Z")
    actual = orders.outcomes(at, horizon_days=28)
    levels = season_levels(orders, at, horizon_days=28)
    for target, total in levels.totals.items():
        truth = getattr(actual, target)[levels.customers].sum()
        assert total == pytest.approx(truth, rel=0.15)
    assert actual.orders.sum() > 3 * orders.outcomes(at - 28 * DAYS, horizon_days=28).orders.sum()


def _seasonal_orders(home: Path) -> CustomerOrders:
    """Return the orders of 600 customers in two years, five times as many in each December."""
    rng, rows = np.random.default_rng(1), []
    days = pd.date_range("2023-01-01", "2024-12-31", tz="UTC")
    rate = np.where(days.month == 12, 0.1, 0.02) * rng.gamma(2, 0.5, size=(600, 1))
    for number, (customer, day) in enumerate(np.argwhere(rng.random(rate.shape) < rate)):
        when = days[day] + rng.random() * DAYS
        price = round(float(rng.lognormal(3, 0.5)), 2)
        rows.append(line(f"o{number}", f"c{customer}", "p1", str(when), price=price))
    ws = workspace(home, lines(*rows))
    data = TrainingData(ws, OfflineFeatures(ws), as_of=pd.Timestamp("2025-01-01T00:00Z"))
    return CustomerOrders(data)


def test_nine_of_ten_order_in_their_interval() -> None:
    rng = np.random.default_rng(2)
    rate = rng.gamma(1, 0.02, size=20_000)
    days = rng.exponential(1 / rate)
    days[days >= 90] = np.inf
    churn = np.exp(-rate * 90)
    half = len(rate) // 2
    made = NextOrder.fit(churn[:half], days[:half], horizon_days=90)
    median, low, high = made.days(churn[half:])
    at = np.minimum(days[half:], 90)
    assert ((low <= at) & (at <= np.minimum(high, 90))).mean() == pytest.approx(0.9, abs=0.015)
    assert ((days[half:] <= median)[median < 90]).mean() == pytest.approx(0.5, abs=0.03)
    assert np.isinf(high[churn[half:] > 0.5]).all()


def test_an_interval_follows_its_curve() -> None:
    edges = np.array([0.0, 10.0, 90.0])
    never, soon = np.ones(3), np.array([1.0, 0.02, 0.01])
    median, low, high = interval(edges, np.stack([never, soon], axis=1))
    assert (median[0], low[0], high[0]) == (np.inf, 90, np.inf)
    assert 0 < low[1] < median[1] < high[1] < 10


def test_proper_scores_are_those_of_scikit_learn() -> None:
    labels, probabilities = RNG.integers(0, 2, size=50).astype(float), RNG.uniform(size=50)
    expected = sklearn_log_loss(labels, probabilities)
    assert log_losses(labels, probabilities).mean() == pytest.approx(expected)
    values, means = RNG.poisson(1.5, size=50).astype(float), RNG.gamma(2, size=50)
    for power in (1, 1.5):
        expected = mean_tweedie_deviance(values, means, power=power)
        found = tweedie_deviances(values, means, power=power).mean()
        assert found == pytest.approx(expected)
