"""Estimates against fractions done by hand, and against tea-tasting."""

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import tea_tasting

from experiments.statistics import (
    NOWHERE,
    Effect,
    Values,
    always_valid,
    compare,
    cuped,
    sample_ratio,
)


def effect(control: Values, treatment: Values, *, planned_units: int = 10_000) -> Effect:
    return compare(
        control,
        treatment,
        metric="revenue",
        variant="new",
        alpha=0.05,
        planned_units=planned_units,
    )


def shop(seed: int, *, units: int = 3_000, lift: float = 0.1) -> pd.DataFrame:
    """Units with a skewed revenue that past spend explains in part."""
    rng = np.random.default_rng(seed)
    before = rng.gamma(0.7, 30, units)
    variant = rng.integers(0, 2, units)
    buys = rng.random(units) < 0.3
    revenue = buys * (rng.gamma(2, 10, units) + 0.4 * before) * (1 + lift * variant)
    return pd.DataFrame({"variant": variant, "revenue": revenue, "before": before})


def test_a_difference_by_hand() -> None:
    """0/1 outcomes: means 1/4 and 1/2, variances (3/16)(4/3) and (1/4)(4/3) of four units."""
    found = effect(np.array([1.0, 0, 0, 0]), np.array([1.0, 1, 0, 0]))
    variances = [Fraction(3, 16) * Fraction(4, 3), Fraction(1, 4) * Fraction(4, 3)]
    error = math.sqrt(sum(variances) / 4)
    degrees = sum(variances) ** 2 / sum(v**2 / 3 for v in variances)
    assert degrees == Fraction(147, 25)
    assert (found.control, found.treatment) == (0.25, 0.5)
    assert found.effect_size == 0.25
    assert found.rel_effect_size == 1.0
    t = scipy.stats.t(float(degrees))
    assert found.effect_size_ci.high == pytest.approx(0.25 + t.ppf(0.975) * error)
    assert found.pvalue == pytest.approx(2 * t.sf(0.25 / error))


@pytest.mark.parametrize("seed", range(5))
def test_tea_tasting_gives_the_same(seed: int) -> None:
    data = shop(seed)
    split = [data.loc[data["variant"] == side] for side in (0, 1)]
    adjusted, removed = cuped(data["revenue"].to_numpy(), data["before"].to_numpy())
    treated = data["variant"].to_numpy() == 1
    pairs = {
        "plain": effect(*(side["revenue"].to_numpy() for side in split)),
        "cuped": effect(adjusted[~treated], adjusted[treated]),
    }
    oracle = tea_tasting.Experiment(
        plain=tea_tasting.Mean("revenue"),
        cuped=tea_tasting.Mean("revenue", "before"),
        ratio=tea_tasting.SampleRatio(method="norm", correction=False),
    ).analyze(data)
    for name, found in pairs.items():
        for field in ("control", "treatment", "effect_size", "rel_effect_size", "pvalue"):
            assert getattr(found, field) == pytest.approx(getattr(oracle[name], field), rel=1e-9), (
                field
            )
        for field in ("effect_size_ci", "rel_effect_size_ci"):
            expected = tuple(getattr(oracle[name], f"{field}_{end}") for end in ("lower", "upper"))
            assert tuple(getattr(found, field)) == pytest.approx(expected, rel=1e-9)
    counts = {"a": len(split[0]), "b": len(split[1])}
    ratio = sample_ratio(counts, {"a": 1, "b": 1})
    assert ratio.pvalue == pytest.approx(oracle["ratio"].pvalue, rel=1e-9)
    assert 0.02 < removed < 0.5
    width = [pairs[name].effect_size_ci.high - pairs[name].effect_size for name in pairs]
    assert (width[1] / width[0]) ** 2 == pytest.approx(1 - removed, abs=0.02)


def test_cuped_keeps_the_mean_and_takes_what_the_covariate_explains() -> None:
    value, removed = cuped(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0]))
    assert value.tolist() == pytest.approx([2, 2, 2])
    assert removed == pytest.approx(1)


def test_cuped_without_a_covariate_changes_nothing() -> None:
    value = np.array([1.0, 2.0])
    assert cuped(value, np.zeros(2)) == (value, 0.0)


def test_a_broken_split_alarms() -> None:
    assert not sample_ratio({"a": 5_300, "b": 4_700}, {"a": 1, "b": 1}).ok
    assert sample_ratio({"a": 5_050, "b": 4_950}, {"a": 1, "b": 1}).ok
    ratio = sample_ratio({"a": 200, "b": 100}, {"a": 2, "b": 1})
    assert (ratio.expected, ratio.pvalue) == ({"a": 200.0, "b": 100.0}, 1.0)


def test_nothing_is_claimed_without_variance() -> None:
    found = effect(np.zeros(500), np.zeros(500))
    assert found.effect_size_ci == found.effect_size_always == found.rel_effect_size_ci == NOWHERE
    assert math.isnan(found.pvalue)
    assert math.isnan(found.rel_effect_size)


def test_the_always_valid_interval_waits_for_a_hundred_units_a_variant() -> None:
    rng = np.random.default_rng(1)
    assert effect(rng.random(99), rng.random(500)).effect_size_always == NOWHERE
    found = effect(rng.random(100), rng.random(500))
    assert found.effect_size_ci.low > found.effect_size_always.low > -1
    assert found.rel_effect_size_ci.high < found.rel_effect_size_always.high < 10


def test_the_always_valid_interval_is_the_papers_and_tightest_where_planned() -> None:
    """Theorem 2.2 by numbers: alpha 0.05, n 2000, its rho found by brute force."""

    def width(rho2: float) -> float:
        x = 2_000 * rho2
        return math.sqrt(2 * (x + 1) / x * math.log(math.sqrt(x + 1) / 0.05))

    best = scipy.optimize.minimize_scalar(width, bounds=(1e-5, 1e-1), method="bounded")
    assert always_valid(2_000, alpha=0.05, planned_units=2_000) == pytest.approx(best.fun, rel=1e-6)
    early = always_valid(500, alpha=0.05, planned_units=2_000)
    assert early == pytest.approx(
        math.sqrt(
            2 * (500 * best.x + 1) / (500 * best.x) * math.log(math.sqrt(500 * best.x + 1) / 0.05)
        ),
        rel=1e-3,
    )


def test_peeking_breaks_the_fixed_interval_and_not_the_always_valid_one() -> None:
    """200 A/A experiments looked at 20 times each: alarms at any look."""
    rng = np.random.default_rng(7)
    fixed = always = 0
    for _ in range(200):
        values = rng.gamma(0.5, 2, size=(2, 2_000))
        looks = [effect(*values[:, :n], planned_units=2_000) for n in range(100, 2_001, 100)]
        fixed += any(not look.effect_size_ci.holds(0) for look in looks)
        always += any(not look.effect_size_always.holds(0) for look in looks)
    assert fixed > 30
    assert always <= 10
