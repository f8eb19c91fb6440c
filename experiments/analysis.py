"""The analysis of an experiment: the sample ratio first, then every effect."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.definition import Experiment
from experiments.outcomes import COVARIATE, METRICS, Outcomes, outcomes
from experiments.statistics import Effect, SampleRatio, compare, cuped, sample_ratio


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The analysis of an experiment at one time."""

    key: str
    as_of: pd.Timestamp
    sample_ratio: SampleRatio
    units: dict[str, int]
    """By variant, the number of units whose window is over; the effects are computed from them."""
    means: dict[str, dict[str, float]]
    """Plain means by variant and metric."""
    waiting: int
    crossed: int
    effects: tuple[Effect, ...]
    """Each treatment and metric; empty until every variant has two units."""


def analyze(
    experiment: Experiment,
    exposures: pd.DataFrame,
    order_lines: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
) -> Analysis:
    """Compare every treatment with the control at `as_of` (UTC)."""
    results = outcomes(experiment, exposures, order_lines, as_of=as_of)
    by_variant = results.units.groupby("variant")
    units = {name: len(by_variant.indices.get(name, ())) for name in sorted(experiment.variants)}
    means = {
        name: {metric: float(frame[metric].mean()) for metric in METRICS}
        for name, frame in by_variant
    }
    return Analysis(
        key=experiment.key,
        as_of=as_of,
        sample_ratio=sample_ratio(
            results.exposed, {name: arm.weight for name, arm in experiment.variants.items()}
        ),
        units=units,
        means={str(name): values for name, values in means.items()},
        waiting=results.waiting,
        crossed=results.crossed,
        effects=_effects(experiment, results) if min(units.values()) > 1 else (),
    )


def _effects(experiment: Experiment, results: Outcomes) -> tuple[Effect, ...]:
    effects = []
    covariate = results.units[COVARIATE].to_numpy(dtype=np.float64)
    variants = results.units["variant"].to_numpy()
    for metric in METRICS:
        plain = results.units[metric].to_numpy(dtype=np.float64)
        for name in sorted(set(experiment.variants) - {experiment.control}):
            both = (variants == name) | (variants == experiment.control)
            value, removed = cuped(plain[both], covariate[both])
            treated = variants[both] == name
            effects.append(
                compare(
                    value[~treated],
                    value[treated],
                    metric=metric,
                    variant=name,
                    alpha=experiment.alpha,
                    planned_units=experiment.planned_units,
                    variance_removed=removed,
                )
            )
    return tuple(effects)


def timeline(
    experiment: Experiment,
    exposures: pd.DataFrame,
    order_lines: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    looks: int = 60,
) -> list[Analysis]:
    """Repeat the analysis at up to `looks` evenly spaced times, the last at `as_of`."""
    exposed_at = exposures.loc[exposures["experiment"] == experiment.key, "exposed_timestamp"]
    first = exposed_at.min() + pd.Timedelta(days=experiment.window_days)
    if exposed_at.empty or first >= as_of:
        return []
    times = pd.date_range(first, as_of, periods=looks + 1, unit="us")[1:]
    return [analyze(experiment, exposures, order_lines, as_of=time) for time in times]
