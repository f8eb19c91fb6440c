"""The closed loop: simulated customers shop, and the analysis is held against the truth.

Each customer visits once, so that no list depends on what the experiment itself sold; then the
true average effect on the very customers who came is known exactly: the world's expected outcome
of the treatment's list less that of the control's, averaged.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.analysis import Analysis, analyze
from experiments.assignment import assign
from experiments.definition import Experiment
from experiments.outcomes import METRICS
from features.simulator import World

SlatesFor = Callable[[str, pd.DataFrame], pd.DataFrame]
"""Takes a variant and visits (`customer_id`, `time`); gives what it would show them: `customer_id`,
`time`, `position` (1 is best), `product_id`."""


@dataclass(frozen=True, kw_only=True)
class ClosedLoop:
    """What an experiment on simulated customers found, and what is true."""

    analysis: Analysis
    truth: dict[str, dict[str, float]]
    """The true average effect (treatment - control) by treatment and metric."""

    @property
    def covered(self) -> dict[str, dict[str, bool]]:
        """Whether the interval for one look holds the truth, by treatment and metric."""
        found: dict[str, dict[str, bool]] = {name: {} for name in self.truth}
        for effect in self.analysis.effects:
            truth = self.truth[effect.variant][effect.metric]
            found[effect.variant][effect.metric] = effect.effect_size_ci.holds(truth)
        return found


def single_visits(
    world: World, *, start: pd.Timestamp, days: int, customers: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the first visits of up to `customers` customers in `days` days from `start` (UTC).

    Columns `customer_id` and `time`, the beginning of the day of the visit, in order of time.
    """
    visits = world.visits(start, days, rng).sort_values("time", kind="stable")
    first = visits.drop_duplicates("customer_id")
    chosen = first.iloc[rng.permutation(len(first))[:customers]]
    day = pd.Timedelta(days=1)
    times = start + (chosen["time"] - start) // day * day
    visits = pd.DataFrame({"customer_id": chosen["customer_id"].astype(object), "time": times})
    return visits.sort_values(["time", "customer_id"]).reset_index(drop=True)


def assigned(experiment: Experiment, visits: pd.DataFrame) -> pd.DataFrame:
    """Return the visits of those who take part, with their `variant`."""
    variants = [assign(experiment, customer) for customer in visits["customer_id"]]
    part = visits.assign(variant=pd.Series(variants, index=visits.index, dtype=object))
    return part[part["variant"].notna()].reset_index(drop=True)


def shown(visits: pd.DataFrame, slates: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return for each visit the slate of its variant."""
    mine = [
        frame[frame["customer_id"].isin(visits.loc[visits["variant"] == name, "customer_id"])]
        for name, frame in slates.items()
    ]
    return pd.concat(mine).sort_values(["time", "customer_id", "position"]).reset_index(drop=True)


def true_effects(
    world: World, experiment: Experiment, slates: Mapping[str, pd.DataFrame]
) -> dict[str, dict[str, float]]:
    """Return the true average effect of each treatment on the customers that all `slates` name."""
    means = {
        name: world.expected(frame).drop(columns="customer_id").mean()
        for name, frame in slates.items()
    }
    return {
        name: {
            metric: float(mean[metric] - means[experiment.control][metric]) for metric in METRICS
        }
        for name, mean in means.items()
        if name != experiment.control
    }


def simulate(
    world: World,
    experiment: Experiment,
    visits: pd.DataFrame,
    slates_for: SlatesFor,
    *,
    rng: np.random.Generator,
) -> ClosedLoop:
    """Run `experiment` in process over `visits` (one a customer) and analyze it at its end."""
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
    return ClosedLoop(analysis=analysis, truth=true_effects(world, experiment, slates))
