"""The output of an analysis: tables and a plot for people, JSON for programs."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table

from experiments.analysis import Analysis
from experiments.definition import Experiment
from experiments.simulation import ClosedLoop
from experiments.statistics import WARM_UP, Interval


def plain(value: Any) -> Any:
    """Return `value` as JSON can hold it: times as RFC 3339, infinite and NaN as null.

    >>> plain({"low": -math.inf, "at": pd.Timestamp("2011-12-09T00:00Z"), "pair": (1, 2.5)})
    {'low': None, 'at': '2011-12-09T00:00:00+00:00', 'pair': [1, 2.5]}
    """
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_json(analysis: Analysis) -> dict[str, Any]:
    """Return `analysis` as a JSON object with the names of its fields."""
    ratio = {"ok": analysis.sample_ratio.ok}
    content: dict[str, Any] = plain(asdict(analysis))
    content["sample_ratio"].update(ratio)
    return content


def show(experiment: Experiment, analysis: Analysis) -> Group:
    """Return the analysis as text: sample ratio first; no effects if it is broken."""
    parts: list[Table | str] = [_ratio_line(analysis)]
    if analysis.crossed:
        parts.append(f"{analysis.crossed:,} units saw two variants and are left out: find out why")
    if analysis.waiting:
        parts.append(
            f"{analysis.waiting:,} units wait for the end of their {experiment.window_days:g} days"
        )
    if not analysis.sample_ratio.ok:
        parts.append("The effects are withheld: a broken split makes them worthless.")
    elif analysis.effects:
        parts += [_means(analysis), *_effects(experiment, analysis)]
        parts.append(_variance_removed(analysis))
        if min(analysis.units.values()) < WARM_UP:
            parts.append(f"always-valid intervals begin at {WARM_UP} units a variant")
    else:
        parts.append("No effects yet: every variant needs two units whose window is over.")
    return Group(*parts)


def _ratio_line(analysis: Analysis) -> str:
    ratio = analysis.sample_ratio
    counts = ", ".join(
        f"{name} {count:,} (expected {ratio.expected[name]:,.0f})"
        for name, count in ratio.exposed.items()
    )
    verdict = "ok" if ratio.ok else "BROKEN: assignment or logging loses units"
    return f"sample ratio: {counts}; p = {ratio.pvalue:.3g}: {verdict}"


def _means(analysis: Analysis) -> Table:
    title = f"{analysis.key} at {analysis.as_of:%Y-%m-%d %H:%M}Z"
    table = _table(title, "variant", ("units", "conversion", "revenue a customer"))
    for name, means in analysis.means.items():
        table.add_row(
            name,
            f"{analysis.units[name]:,}",
            f"{means['conversion']:.2%}",
            f"{means['revenue']:,.3f}",
        )
    return table


def _effects(experiment: Experiment, analysis: Analysis) -> list[Table]:
    level = f"{1 - experiment.alpha:.0%}"
    tables = []
    for variant in dict.fromkeys(effect.variant for effect in analysis.effects):
        table = _table(
            f"{variant} against {experiment.control}",
            "effect",
            ("estimate", f"{level} always valid", f"{level} at one look", "p at one look"),
        )
        for effect in (each for each in analysis.effects if each.variant == variant):
            table.add_row(
                effect.metric,
                f"{effect.effect_size:+.4f}",
                interval(effect.effect_size_always),
                interval(effect.effect_size_ci),
                f"{effect.pvalue:.2g}",
            )
            table.add_row(
                "  relative",
                f"{effect.rel_effect_size:+.1%}",
                interval(effect.rel_effect_size_always, percent=True),
                interval(effect.rel_effect_size_ci, percent=True),
            )
        tables.append(table)
    return tables


def _variance_removed(analysis: Analysis) -> str:
    """Return the share of each metric's variance explained by the covariate, the maximum."""
    shares: dict[str, float] = {}
    for effect in analysis.effects:
        shares[effect.metric] = max(effect.variance_removed, shares.get(effect.metric, 0.0))
    removed = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
    return f"share of the variance that past spend explains (CUPED): {removed}"


def against_truth(experiment: Experiment, loop: ClosedLoop) -> Table:
    """Return estimates and intervals beside the truth of the simulated world."""
    level = f"{1 - experiment.alpha:.0%}"
    table = _table(
        f"{experiment.key} against the truth: {sum(loop.analysis.units.values()):,} customers, "
        f"each for {experiment.window_days:g} days",
        "effect",
        ("truth", "estimate", f"{level} always valid", f"{level} at one look", "holds"),
    )
    for effect in loop.analysis.effects:
        truth = loop.truth[effect.variant][effect.metric]
        rel_truth = loop.rel_truth[effect.variant][effect.metric]
        table.add_row(
            f"{effect.metric}, {effect.variant}" if len(loop.truth) > 1 else effect.metric,
            f"{truth:+.4f}",
            f"{effect.effect_size:+.4f}",
            interval(effect.effect_size_always),
            interval(effect.effect_size_ci),
            _yes_or_no(effect.effect_size_ci.holds(truth)),
        )
        table.add_row(
            "  relative",
            f"{rel_truth:+.1%}",
            f"{effect.rel_effect_size:+.1%}",
            interval(effect.rel_effect_size_always, percent=True),
            interval(effect.rel_effect_size_ci, percent=True),
            _yes_or_no(effect.rel_effect_size_ci.holds(rel_truth)),
        )
    return table


def _yes_or_no(holds: bool) -> str:
    return "yes" if holds else "no"


def _table(title: str, first: str, others: Sequence[str]) -> Table:
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False
    )
    table.add_column(first, no_wrap=True)
    for column in others:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def interval(ends: Interval, *, percent: bool = False) -> str:
    """Return an interval as text.

    >>> interval(Interval(-0.01, 0.25)), interval(Interval(0, 0.5), percent=True)
    ('-0.0100 .. +0.2500', '+0.0% .. +50.0%')
    >>> interval(Interval(-math.inf, math.inf))
    '-'
    """
    if not all(map(math.isfinite, ends)):
        return "-"
    form = "+.1%" if percent else "+.4f"
    return f"{ends.low:{form}} .. {ends.high:{form}}"


def plot(analyses: Sequence[Analysis], file: Path) -> None:
    """Draw every effect over time with both intervals into `file` (PNG)."""
    from matplotlib.figure import Figure

    effects = [(a.as_of.to_pydatetime(), effect) for a in analyses for effect in a.effects]
    names = list(dict.fromkeys((effect.metric, effect.variant) for _, effect in effects))
    figure = Figure(figsize=(9, 3.2 * max(len(names), 1)), layout="constrained")
    for number, (metric, variant) in enumerate(names, start=1):
        axes = figure.add_subplot(len(names), 1, number)
        times, selected = zip(
            *((t, e) for t, e in effects if (e.metric, e.variant) == (metric, variant)),
            strict=True,
        )
        for bounds, label, shade in (
            ([effect.effect_size_always for effect in selected], "always valid", 0.2),
            ([effect.effect_size_ci for effect in selected], "valid at one look", 0.35),
        ):
            ends = pd.DataFrame(bounds).replace([math.inf, -math.inf], math.nan)
            axes.fill_between(
                times, ends["low"], ends["high"], alpha=shade, color="C0", label=label
            )
        axes.plot(times, [effect.effect_size for effect in selected], color="C0")
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_title(f"{metric}: {variant} against control")
        axes.legend(loc="upper right")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=120)
