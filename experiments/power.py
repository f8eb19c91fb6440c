"""The number of customers that an experiment needs."""

import math
from dataclasses import dataclass

import pandas as pd
import scipy.stats

from experiments.definition import Experiment, ExperimentError
from experiments.outcomes import COVARIATE, METRICS, outcomes
from experiments.statistics import cuped
from features.tables import known_before


@dataclass(frozen=True, kw_only=True)
class Power:
    """The number of units that detects a relative effect on one metric."""

    metric: str
    mean: float
    """The shop's mean without a treatment."""
    std: float
    """Standard deviation after adjustment by the covariate (CUPED)."""
    units: int
    """One treatment and the control together, split by their weights."""


def sample_size(
    *, mean: float, std: float, rel_effect_size: float, alpha: float, power: float, share: float
) -> int:
    """Return how many units in both variants detect `rel_effect_size` with probability `power`.

    The normal approximation for a two-sided test at one look (Fleiss 1981):
    (z + z')^2 std^2 (1 / share + 1 / (1 - share)) / (mean * rel_effect_size)^2, where `share` is
    the treatment's. An always-valid interval needs about 1.5 to 2 times as many at most,
    and may end sooner.

    Raises ExperimentError where `mean` or `rel_effect_size` is not positive, or one of `alpha`,
    `power` and `share` is not between 0 and 1.

    >>> sample_size(mean=10, std=10, rel_effect_size=0.1, alpha=0.05, power=0.8, share=0.5)
    3140
    """
    for name, value in {"mean": mean, "rel_effect_size": rel_effect_size}.items():
        if not 0 < value < math.inf:
            raise ExperimentError(f"{name} = {value}: it must be positive and finite")
    for name, value in {"alpha": alpha, "power": power, "share": share}.items():
        if not 0 < value < 1:
            raise ExperimentError(f"{name} = {value}: it must lie between 0 and 1")
    quantiles = scipy.stats.norm.ppf(1 - alpha / 2) + scipy.stats.norm.ppf(power)
    spread = std**2 * (1 / share + 1 / (1 - share))
    return math.ceil(quantiles**2 * spread / (mean * rel_effect_size) ** 2)


def plan(
    experiment: Experiment,
    order_lines: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    rel_effect_size: float,
    power: float = 0.8,
) -> list[Power]:
    """Plan with the customers of the last 365 days, as if all were exposed one window ago.

    The smallest treatment and the control decide. Raises ExperimentError when nobody bought, or
    returns were worth more than sales.
    """
    start = as_of - pd.Timedelta(days=experiment.window_days)
    order_lines = known_before(order_lines, as_of)
    times = order_lines["event_timestamp"]
    recent = order_lines[(times < start) & (times >= start - pd.Timedelta(days=365))]
    assumed = pd.DataFrame({"unit_id": recent["customer_id"].dropna().unique().astype(object)})
    assumed = assumed.assign(
        experiment=experiment.key, variant=experiment.control, exposed_timestamp=start
    )
    units = outcomes(experiment, assumed, order_lines, as_of=as_of).units
    if not units["conversion"].any():
        raise ExperimentError(
            f"nobody bought in the {experiment.window_days:g} days before {as_of}: name a day "
            "before which the shop was open (--as-of)"
        )
    weights = {name: variant.weight for name, variant in experiment.variants.items()}
    smallest = min(weight for name, weight in weights.items() if name != experiment.control)
    share = smallest / (smallest + weights[experiment.control])
    plans = []
    for metric in METRICS:
        value, _ = cuped(units[metric].to_numpy(), units[COVARIATE].to_numpy())
        mean, std = float(value.mean()), float(value.std())
        if mean <= 0:
            raise ExperimentError(
                f"mean {metric} = {mean:.4g} in the {experiment.window_days:g} days before "
                f"{as_of}: a relative effect needs a positive one; name another day (--as-of)"
            )
        size = sample_size(
            mean=mean,
            std=std,
            rel_effect_size=rel_effect_size,
            alpha=experiment.alpha,
            power=power,
            share=share,
        )
        plans.append(Power(metric=metric, mean=mean, std=std, units=size))
    return plans
