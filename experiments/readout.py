"""Analyze an experiment and record the decision, in files beside the experiment's state."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from configs.json_files import write_json
from experiments.analysis import Analysis, analyze, timeline
from experiments.definition import ExperimentError
from experiments.exposures import DATABASE, read
from experiments.lifecycle import status
from experiments.report import as_json, plain, plot
from features.logs.events import all_order_lines
from features.workspace import Workspace


def analyze_workspace(
    ws: Workspace, key: str, *, as_of: pd.Timestamp | None = None, picture: bool = False
) -> Analysis:
    """Analyze experiment `key` at `as_of` (UTC; now by the workspace's clock).

    Exposures at or after its end do not count: a worker may notice the end a moment late.
    Writes `analysis.json`, and `effect.png` if `picture` is set, to `ws.experiments/KEY`.
    """
    state = status(ws, key)
    experiment = state.experiment
    at = ws.now() if as_of is None else as_of
    exposures, lines = read(ws.experiments / DATABASE, key), all_order_lines(ws)
    if state.ended is not None:
        exposures = exposures[exposures["exposed_timestamp"] < state.ended]
    analysis = analyze(experiment, exposures, lines, as_of=at)
    folder = ws.experiments / key
    write_json(folder / "analysis.json", as_json(analysis))
    if picture:
        plot(timeline(experiment, exposures, lines, as_of=at), folder / "effect.png")
    return analysis


def decide(ws: Workspace, key: str, *, variant: str, reason: str) -> dict[str, Any]:
    """Record in `decision.json` that `variant` wins, the reason and the supporting analysis.

    Raises ExperimentError when the sample ratio is broken, there are no effects yet, or a
    decision exists.
    """
    state = status(ws, key)
    file = ws.experiments / key / "decision.json"
    if variant not in state.experiment.variants:
        known: Sequence[str] = sorted(state.experiment.variants)
        raise ExperimentError(f"variant = {variant!r}: experiment {key!r} has {known}")
    if not reason.strip():
        raise ExperimentError("reason = '': state why this variant wins")
    if file.exists():
        raise ExperimentError(f"experiment {key!r} was decided already: see {file}")
    analysis = analyze_workspace(ws, key)
    if not analysis.sample_ratio.ok:
        raise ExperimentError(
            f"experiment {key!r} has a broken sample ratio (p = {analysis.sample_ratio.pvalue:.2g})"
            ": find the cause and run it again under a new key"
        )
    if not analysis.effects:
        raise ExperimentError(f"experiment {key!r} has no effects yet: wait for its window to end")
    decision = {
        "variant": variant,
        "model": state.experiment.variants[variant].model,
        "reason": reason,
        "at": plain(ws.now()),
        "analysis": as_json(analysis),
    }
    write_json(file, decision)
    return decision
