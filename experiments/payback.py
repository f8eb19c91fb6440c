"""How long an investment takes to come back, from a yearly gain with its interval.

The simple payback period: investment / yearly gain, in years. Nothing is discounted, and the gain
is taken to be the same every year. The gain's interval becomes the interval of the years, with the
ends exchanged, since the years fall as the gain rises; where a gain may be 0 or a loss, the
investment may never come back, and that end is infinite.
"""

import math
from dataclasses import dataclass

from experiments.analysis import Analysis
from experiments.definition import Experiment, ExperimentError
from experiments.lifecycle import status
from experiments.readout import analyze_workspace
from experiments.statistics import Effect, Interval
from features.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Gain:
    """The gain of a year, in money; `interval` is None where nobody knows one."""

    value: float
    interval: Interval | None = None

    def __post_init__(self) -> None:
        """Raise ExperimentError if a number is missing, or the value is not in its interval."""
        if not math.isfinite(self.value):
            raise ExperimentError(f"yearly gain = {self.value}: a number")
        if self.interval is None:
            return
        if any(map(math.isnan, self.interval)) or not self.interval.holds(self.value):
            raise ExperimentError(
                f"yearly gain = {self.value:g}: it lies in its interval, not outside "
                f"{self.interval.low:g} .. {self.interval.high:g}"
            )


@dataclass(frozen=True, kw_only=True)
class Payback:
    """The years until an investment has come back; infinite: never."""

    investment: float
    gain: Gain
    years: float
    interval: Interval | None
    """Of the years, at the level of the gain's interval; None without one."""


def payback(investment: float, gain: Gain) -> Payback:
    """Return when `investment` has come back. Raises ExperimentError unless it is positive.

    >>> payback(500_000, Gain(value=100_000)).years
    5.0
    >>> payback(500_000, Gain(value=100_000, interval=Interval(-20_000, 250_000))).interval
    Interval(low=2.0, high=inf)
    >>> payback(500_000, Gain(value=0)).years
    inf
    """
    if not 0 < investment < math.inf:
        raise ExperimentError(f"investment = {investment}: it must be positive and finite")
    interval = None
    if gain.interval is not None:
        low, high = gain.interval
        interval = Interval(_years(investment, high), _years(investment, low))
    return Payback(
        investment=investment, gain=gain, years=_years(investment, gain.value), interval=interval
    )


def _years(investment: float, gain: float) -> float:
    return investment / gain if gain > 0 else math.inf


def gain_of_effect(effect: Effect, *, customers: float, margin: float) -> Gain:
    """Return the yearly gain of an effect on revenue a customer.

    It is effect * customers * margin. `customers` is how many customer windows a year has: who
    would get the treatment in three windows of a year counts three times. The interval is the
    always-valid one. Raises ExperimentError unless `customers` is positive and `margin` in (0, 1].
    """
    if not 0 < customers < math.inf:
        raise ExperimentError(f"customers a year = {customers}: it must be positive and finite")
    if not 0 < margin <= 1:
        raise ExperimentError(f"margin = {margin}: a share above 0, at most 1")
    low, high = effect.effect_size_always
    scale = customers * margin
    return Gain(value=effect.effect_size * scale, interval=Interval(low * scale, high * scale))


def gain_of_experiment(
    ws: Workspace, key: str, *, customers: float, margin: float, variant: str | None = None
) -> Gain:
    """Return the yearly gain of `variant` over the control of the finished experiment `key`.

    `variant` may be None where there is one treatment. Analyzes the experiment at the workspace's
    now. Raises ExperimentError if it has not ended, its sample ratio is broken, or a unit's window
    is not over; else as `gain_of_effect`.
    """
    state = status(ws, key)
    if state.ended is None:
        raise ExperimentError(
            f"experiment {key!r} is {state.status}: stop it first, since the effect of a running "
            "experiment still changes"
        )
    analysis = analyze_workspace(ws, key)
    if not analysis.sample_ratio.ok:
        raise ExperimentError(
            f"experiment {key!r} has a broken sample ratio (p = {analysis.sample_ratio.pvalue:.2g})"
            ": its effects are worthless"
        )
    if analysis.waiting or not analysis.effects:
        raise ExperimentError(
            f"experiment {key!r}: {analysis.waiting} customers wait for the end of their "
            f"{state.experiment.window_days:g} days, {sum(analysis.units.values())} are done; "
            "ask again when all are"
        )
    effect = _revenue(state.experiment, analysis, variant)
    return gain_of_effect(effect, customers=customers, margin=margin)


def _revenue(experiment: Experiment, analysis: Analysis, variant: str | None) -> Effect:
    treatments = sorted(set(experiment.variants) - {experiment.control})
    if variant is None and len(treatments) > 1:
        raise ExperimentError(f"variant = None: name one of {', '.join(treatments)}")
    name = treatments[0] if variant is None else variant
    for effect in analysis.effects:
        if (effect.variant, effect.metric) == (name, "revenue"):
            return effect
    raise ExperimentError(
        f"variant = {name!r}: experiment {experiment.key!r} compares {', '.join(treatments)} "
        f"with {experiment.control}"
    )
