"""The closed loop in process: what the analysis finds against what is true."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from experiments.definition import Experiment
from experiments.outcomes import METRICS
from experiments.simulation import (
    ClosedLoop,
    SlatesFor,
    assigned,
    shown,
    simulate,
    single_visits,
    true_means,
)
from features.simulator import World, WorldConfig

K = 10
Codes = npt.NDArray[Any]


@cache
def world() -> World:
    """A shop of 1,200 customers whose tastes differ."""
    return World(WorldConfig(customers=1_200, products=120, days=120, seed=3))


@cache
def popular() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The products that most customers would buy, best first."""
    chances = world().chances(world().customers.customer_ids, world().end)
    return np.argsort(-chances.mean(axis=0), kind="stable")[:K]


def lists(variant: str, visits: pd.DataFrame) -> pd.DataFrame:
    """Show `popular` products to everyone, or those each customer likes best (`liked`)."""
    ids = visits["customer_id"].to_numpy(object)
    if variant == "liked":
        return listed(visits, by_taste(ids)[:, :K])
    return listed(visits, np.broadcast_to(popular(), (len(ids), K)))


def far_apart(variant: str, visits: pd.DataFrame) -> pd.DataFrame:
    """Show each customer what it likes best (`liked`), or what it likes least."""
    tastes = by_taste(visits["customer_id"].to_numpy(object))
    return listed(visits, tastes[:, :K] if variant == "liked" else tastes[:, -K:])


def by_taste(customer_ids: Codes) -> Codes:
    """Return the products by each customer's taste, best first."""
    affinity = world().affinity(customer_ids, world().products.product_ids)
    return np.argsort(-affinity, axis=1, kind="stable")


def listed(visits: pd.DataFrame, top: Codes) -> pd.DataFrame:
    """Return the slates that show `top`, K products a visit."""
    rows = visits.loc[visits.index.repeat(K), ["customer_id", "time"]].reset_index(drop=True)
    return rows.assign(
        position=np.tile(np.arange(1, K + 1), len(visits)),
        product_id=world().products.product_ids[top.ravel()],
    )


def same(_: str, visits: pd.DataFrame) -> pd.DataFrame:
    """Show everyone what is popular, whatever the variant."""
    return lists("popular", visits)


def experiment(seed: int) -> Experiment:
    return Experiment.model_validate(
        {
            "key": "loop",
            "salt": f"loop-{seed}",
            "variants": {"popular": {"model": "popularity"}, "liked": {"model": "champion"}},
            "control": "popular",
            "window_days": 7,
            "planned_units": 800,
        }
    )


def run(seed: int, slates_for: SlatesFor) -> ClosedLoop:
    rng = np.random.default_rng(seed)
    visits = single_visits(world(), start=world().end, days=14, customers=800, rng=rng)
    return simulate(world(), experiment(seed), visits, slates_for, rng=rng)


def test_each_customer_comes_once_on_a_day_of_the_window() -> None:
    rng = np.random.default_rng(1)
    visits = single_visits(world(), start=world().end, days=5, customers=100, rng=rng)
    assert len(visits) == visits["customer_id"].nunique() == 100
    days = (visits["time"] - world().end) / pd.Timedelta(days=1)
    assert set(days) == {0, 1, 2, 3, 4}
    again = single_visits(
        world(), start=world().end, days=5, customers=100, rng=np.random.default_rng(1)
    )
    pd.testing.assert_frame_equal(visits, again)


def test_everyone_is_shown_the_list_of_their_variant() -> None:
    rng = np.random.default_rng(2)
    visits = single_visits(world(), start=world().end, days=3, customers=60, rng=rng)
    part = assigned(experiment(2), visits)
    slates = {name: lists(name, part) for name in ("popular", "liked")}
    seen = shown(part, slates)
    for name, frame in slates.items():
        mine = set(part.loc[part["variant"] == name, "customer_id"])
        rows = seen[seen["customer_id"].isin(mine)].drop_duplicates(["customer_id", "product_id"])
        assert len(rows) == K * len(mine)
        expected = frame[frame["customer_id"].isin(mine)]
        assert len(rows.merge(expected)) == len(rows)


def test_the_truth_is_what_many_responses_average_to() -> None:
    """The mean of 60 draws of everyone's answer to both lists comes close to `true_means`."""
    rng = np.random.default_rng(4)
    visits = single_visits(world(), start=world().end, days=1, customers=150, rng=rng)
    slates = {name: lists(name, visits) for name in ("popular", "liked")}
    means = true_means(world(), slates)
    truth = {metric: means["liked"][metric] - means["popular"][metric] for metric in METRICS}
    drawn: dict[str, list[float]] = {name: [] for name in slates}
    buyers: dict[str, list[float]] = {name: [] for name in slates}
    for _ in range(60):
        for name, frame in slates.items():
            lines = world().respond(frame, rng)
            drawn[name].append(float((lines["quantity"] * lines["unit_price"]).sum()) / len(visits))
            buyers[name].append(lines["customer_id"].nunique() / len(visits))
    for metric, found in (("revenue", drawn), ("conversion", buyers)):
        difference = np.array(found["liked"]) - np.array(found["popular"])
        error = difference.std() / np.sqrt(len(difference))
        assert abs(difference.mean() - truth[metric]) < 4 * error < abs(truth[metric])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_loop_finds_a_true_lift(seed: int) -> None:
    found = run(seed, far_apart)
    assert sum(found.analysis.units.values()) == sum(found.analysis.sample_ratio.exposed.values())
    assert found.analysis.sample_ratio.ok
    assert found.analysis.waiting == found.analysis.crossed == 0
    assert min(found.truth["liked"][metric] for metric in METRICS) > 0
    assert set(found.covered["liked"]) == set(METRICS)
    conversion, revenue = found.analysis.effects
    assert conversion.effect_size_always.low > 0
    assert revenue.effect_size_ci.low > 0


def test_the_truth_of_equal_lists_is_nothing() -> None:
    assert run(0, same).truth == {"liked": {"conversion": 0.0, "revenue": 0.0}}


@pytest.mark.slow
def test_forty_seeds_cover_the_truth_and_seldom_alarm() -> None:
    covered = dict.fromkeys(METRICS, 0)
    alarms = dict.fromkeys(METRICS, 0)
    always = dict.fromkeys(METRICS, 0)
    for seed in range(40):
        found = run(seed, lists)
        for metric in METRICS:
            covered[metric] += found.covered["liked"][metric]
        for effect in run(seed, same).analysis.effects:
            alarms[effect.metric] += not effect.effect_size_ci.holds(0)
            always[effect.metric] += not effect.effect_size_always.holds(0)
    print(f"covered {covered}, A/A alarms {alarms}, always-valid alarms {always} of 40")
    assert min(covered.values()) >= 35
    assert max(alarms.values()) <= 5
    assert max(always.values()) <= 2
