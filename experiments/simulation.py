"""The closed loop: simulated customers shop, and the analysis is compared with the truth.

Each customer gets one list, at the first visit, so that no list depends on what the experiment
itself sold. Then the true average effect on the customers who came is known exactly: the world's
expected outcome of the treatment's list minus that of the control's, averaged.

Over HTTP, a customer shops from this list at every visit until the window ends. Past spend
predicts how often a customer comes: with one visit each it explains 1 to 3% of the variance.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from experiments.analysis import Analysis, analyze
from experiments.assignment import assign
from experiments.definition import Experiment
from experiments.outcomes import METRICS
from features.simulator import World

SlatesFor = Callable[[str, pd.DataFrame], pd.DataFrame]
"""Takes a variant and visits (`customer_id`, `time`); returns the lists that it would show:
`customer_id`, `time`, `position` (1 is best), `product_id`."""


_DAY: Final = pd.Timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class ClosedLoop:
    """The analysis of an experiment on simulated customers, and the true effects."""

    analysis: Analysis
    control: str
    true_means: dict[str, dict[str, float]]
    """Expected outcome per customer, by variant and metric, if all customers were in it."""

    @property
    def truth(self) -> dict[str, dict[str, float]]:
        """The true average effect (treatment - control) by treatment and metric."""
        control = self.true_means[self.control]
        return {
            name: {metric: means[metric] - control[metric] for metric in METRICS}
            for name, means in self.true_means.items()
            if name != self.control
        }

    @property
    def rel_truth(self) -> dict[str, dict[str, float]]:
        """The true relative effect (treatment / control - 1) by treatment and metric."""
        control = self.true_means[self.control]
        return {
            name: {metric: effect / control[metric] for metric, effect in effects.items()}
            for name, effects in self.truth.items()
        }

    @property
    def covered(self) -> dict[str, dict[str, bool]]:
        """Whether the interval for one look holds the truth, by treatment and metric."""
        covered: dict[str, dict[str, bool]] = {name: {} for name in self.truth}
        for effect in self.analysis.effects:
            truth = self.truth[effect.variant][effect.metric]
            covered[effect.variant][effect.metric] = effect.effect_size_ci.holds(truth)
        return covered


def single_visits(
    world: World, *, start: pd.Timestamp, days: int, customers: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the first visits of up to `customers` customers in `days` days from `start` (UTC).

    Columns `customer_id` and `time`, the beginning of the day of the visit, in order of time.
    """
    visits = world.visits(start, days, rng)
    return _first_days(visits, start=start, customers=customers, rng=rng)


def visits_in_window(
    world: World,
    *,
    start: pd.Timestamp,
    days: int,
    customers: int,
    window: pd.Timedelta,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return every visit within `window` of up to `customers` customers.

    These are customers whose first visit falls into the `days` days from `start` (UTC). A
    window begins with the day of the first visit, `exposed_timestamp`. Columns `customer_id`,
    `time` and `exposed_timestamp`, in order of time.
    """
    visits = world.visits(start, days + math.ceil(window / _DAY), rng)
    early = visits[visits["time"] < start + days * _DAY]
    first = _first_days(early, start=start, customers=customers, rng=rng)
    exposed = first.set_index("customer_id")["time"]
    visits = visits.astype({"customer_id": object})
    visits = visits.assign(exposed_timestamp=visits["customer_id"].map(exposed))
    inside = visits["time"] - visits["exposed_timestamp"] < window
    return visits[inside].sort_values(["time", "customer_id"]).reset_index(drop=True)


def _first_days(
    visits: pd.DataFrame, *, start: pd.Timestamp, customers: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the day of the first of `visits` of up to `customers` customers, drawn at random."""
    first = visits.sort_values("time", kind="stable").drop_duplicates("customer_id")
    chosen = first.iloc[rng.permutation(len(first))[:customers]]
    times = start + (chosen["time"] - start) // _DAY * _DAY
    days = pd.DataFrame({"customer_id": chosen["customer_id"].astype(object), "time": times})
    return days.sort_values(["time", "customer_id"]).reset_index(drop=True)


def assigned(experiment: Experiment, visits: pd.DataFrame) -> pd.DataFrame:
    """Return the visits of customers in the experiment, with their `variant`."""
    variants = [assign(experiment, customer) for customer in visits["customer_id"]]
    part = visits.assign(variant=pd.Series(variants, index=visits.index, dtype=object))
    return part[part["variant"].notna()].reset_index(drop=True)


def shown(visits: pd.DataFrame, slates: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return for each visit the slate of its variant."""
    parts = [
        frame[frame["customer_id"].isin(visits.loc[visits["variant"] == name, "customer_id"])]
        for name, frame in slates.items()
    ]
    return pd.concat(parts).sort_values(["time", "customer_id", "position"]).reset_index(drop=True)


def true_means(world: World, slates: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, float]]:
    """Return the expected outcome by variant and metric, a mean over the customers of `slates`.

    All slates hold the same customers, with what each would be shown in that variant.
    """
    means = {
        name: world.expected(frame).drop(columns="customer_id").mean()
        for name, frame in slates.items()
    }
    return {
        name: {metric: float(mean[metric]) for metric in METRICS} for name, mean in means.items()
    }


def simulate(
    world: World,
    experiment: Experiment,
    visits: pd.DataFrame,
    slates_for: SlatesFor,
    *,
    rng: np.random.Generator,
) -> ClosedLoop:
    """Run `experiment` in process over `visits` (one per customer) and analyze it at its end."""
    part = assigned(experiment, visits)
    slates = {name: slates_for(name, part) for name in experiment.variants}
    orders = world.respond(shown(part, slates), rng)
    exposures = part.rename(columns={"customer_id": "unit_id", "time": "exposed_timestamp"})
    window = pd.Timedelta(days=experiment.window_days)
    analysis = analyze(
        experiment,
        exposures.assign(experiment=experiment.key),
        orders,
        as_of=visits["time"].max() + window + pd.Timedelta(days=1),
    )
    return ClosedLoop(
        analysis=analysis, control=experiment.control, true_means=true_means(world, slates)
    )
