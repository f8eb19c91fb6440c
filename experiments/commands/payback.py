"""`python -m experiments payback`: how many years until an investment has come back."""

import math
from typing import TYPE_CHECKING, Annotated

import typer

from configs.cli import HOME, Home, user_errors

if TYPE_CHECKING:
    from experiments.payback import Gain, Payback
    from experiments.statistics import Interval


def payback(
    *,
    investment: Annotated[float, typer.Option(help="What was or would be spent.")],
    yearly_gain: Annotated[
        float | None, typer.Option(help="What it earns or saves in a year.")
    ] = None,
    yearly_gain_low: Annotated[
        float | None, typer.Option(help="Low end of its interval; may be below 0.")
    ] = None,
    yearly_gain_high: Annotated[float | None, typer.Option(help="Its high end.")] = None,
    experiment: Annotated[
        str | None, typer.Option(help="A finished experiment, instead of --yearly-gain.")
    ] = None,
    variant: Annotated[
        str | None, typer.Option(help="Its treatment; needed where it has several.")
    ] = None,
    customers: Annotated[
        float | None, typer.Option(help="Customer windows a year, with --experiment.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="Gross margin, a share of revenue, with --experiment.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    home: Home = HOME,
) -> None:
    """Show how many years it takes until an investment has come back, with the interval.

    It is investment / yearly gain, without discounting; "never" where the gain may be 0 or less.
    With --experiment the yearly gain is its effect on revenue a customer x --customers x --margin,
    where --customers counts a customer once for each of the experiment's windows in a year, and the
    interval is the always-valid one. Example: python -m experiments payback --investment 500000
    --yearly-gain 100000
    """
    with user_errors():
        from experiments.definition import ExperimentError
        from experiments.payback import gain_of_experiment
        from experiments.payback import payback as compute

        if (yearly_gain is None) == (experiment is None):
            raise ExperimentError("give either --yearly-gain or --experiment")
        if experiment is None:
            gain = _given(yearly_gain, yearly_gain_low, yearly_gain_high)
        else:
            from features.workspace import Workspace

            if customers is None or margin is None:
                raise ExperimentError("--experiment needs --customers and --margin")
            ws = Workspace.open(home)
            gain = gain_of_experiment(
                ws, experiment, customers=customers, margin=margin, variant=variant
            )
        found = compute(investment, gain)
        if as_json:
            import json
            from dataclasses import asdict

            from experiments.report import plain

            print(json.dumps(plain(asdict(found))))
        else:
            print(_text(found))


def _given(value: float | None, low: float | None, high: float | None) -> "Gain":
    from experiments.definition import ExperimentError
    from experiments.payback import Gain
    from experiments.statistics import Interval

    if (low is None) != (high is None):
        raise ExperimentError("--yearly-gain-low and --yearly-gain-high: give both, or neither")
    interval = None if low is None or high is None else Interval(low, high)
    return Gain(value=math.nan if value is None else value, interval=interval)


def _text(found: "Payback") -> str:
    """Return the answer in a sentence or two."""
    gain = found.gain
    text = f"{found.investment:,.0f} at {gain.value:,.0f} a year{_range(gain.interval, ',.0f')}: "
    if math.isinf(found.years):
        text += "never paid back"
    else:
        text += f"paid back in {found.years:.1f} years"
    if found.interval is None:
        return f"{text}; without an interval of the gain, nothing says how sure that is"
    return f"{text}{_range(found.interval, '.1f')}"


def _range(interval: "Interval | None", form: str) -> str:
    if interval is None:
        return ""
    low, high = (_number(end, form) for end in interval)
    return f" ({low} .. {high})"


def _number(value: float, form: str) -> str:
    if math.isinf(value):
        return "never" if form == ".1f" else "unknown"
    return f"{value:{form}}"
