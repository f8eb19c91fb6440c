"""Intervals: as scipy computes them, by hand, and at their edges."""

import math

import numpy as np
import pytest
import scipy.stats

from training.figures.rates import difference_of_shares, mean, wilson


@pytest.mark.parametrize(("count", "of"), [(0, 1), (0, 7), (3, 10), (7, 7), (450, 1000)])
def test_wilson_is_that_of_scipy(count: int, of: int) -> None:
    share, low, high = wilson(count, of)
    expected = scipy.stats.binomtest(count, of).proportion_ci(method="wilson")
    assert share == count / of
    assert (float(low), float(high)) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_share_of_nobody_is_unknown() -> None:
    assert all(math.isnan(end) for ends in wilson([0], [0]) for end in ends)
    found = difference_of_shares(0, 0, 0)
    assert all(math.isnan(end) for end in (found.value, found.low, found.high))


def test_nps_of_promoters_alone_is_not_certain() -> None:
    found = difference_of_shares(10, 0, 10)
    assert found.value == 1
    assert found.low == pytest.approx(10 / 12 - 1.96 * math.sqrt((1 - (10 / 12) ** 2) / 12), 1e-3)
    assert found.high == 1
    assert found.low < 0.6


def test_intervals_of_a_difference_hold_about_95_percent() -> None:
    rng = np.random.default_rng(4)
    draws = rng.multinomial(60, [0.5, 0.3, 0.2], size=2_000)
    held = [
        found.low <= 0.5 - 0.2 <= found.high
        for found in (difference_of_shares(int(up), int(down), 60) for up, _, down in draws)
    ]
    assert 0.93 < np.mean(held) < 0.97


def test_a_mean_of_one_has_no_interval() -> None:
    found = mean(np.array([3.0]), seed=0)
    assert found.value == 3
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert math.isnan(mean(np.array([]), seed=0).value)


def test_a_bootstrap_agrees_with_the_normal_interval() -> None:
    values = np.random.default_rng(1).normal(10, 2, 400)
    found = mean(values, seed=3)
    half = 1.96 * values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(
        (values.mean() - half, values.mean() + half), 2e-2
    )
    assert found == mean(values, seed=3)
