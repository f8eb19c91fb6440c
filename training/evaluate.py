"""A recommender beside its baselines on the last windows before a cut: rolling origin.

Every model learns from what was known before a window and answers in it; where it counts epochs,
their number is chosen there too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from configs.code import digest_of, git_commit
from configs.loader import Config
from features.workspace import Workspace
from training.data.windows import WINDOW_DAYS
from training.evaluation.intervals import Comparison, Sample, compare
from training.evaluation.job import Job, prepare
from training.evaluation.kept_lists import kept_lists
from training.evaluation.results import Baselines, Evaluation, EvaluationWindow
from training.evaluation.segments import SegmentList, window_of
from training.models import MODELS, config_class, spec
from training.registry.tracking import tracked
from training.reports.evaluation_report import log_report
from training.run import SILENT, Device, Progress


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """A window and every model's figures in it, by customer."""

    origin: EvaluationWindow
    samples: dict[str, dict[SegmentList, Sample]]


def evaluate(
    ws: Workspace,
    model: str,
    *,
    as_of: pd.Timestamp,
    config: Config | None = None,
    seed: int = 0,
    device: Device = "auto",
    windows: int = 1,
    baselines: Baselines = "default",
    progress: Progress = SILENT,
) -> Evaluation:
    """Measure recommender `model` on the last `windows` windows of 28 days before `as_of` (UTC).

    `config` is by default the model's own; baselines have theirs. Figures and report are logged as
    one MLflow run. Raises UnknownModel for what is no recommender, NotEnoughData or WorkspaceError
    where a window has nothing to learn from or to measure.
    """
    names = (model, *_baselines(model, baselines))

    def job_of(number: int) -> Job:
        end = as_of - number * pd.Timedelta(days=WINDOW_DAYS)
        return prepare(ws, model, as_of=end, config=config, seed=seed, progress=progress)

    newest = job_of(0)
    key = digest_of(newest.key, windows, names)
    tags = {"kind": "evaluation", **newest.tags}
    with tracked(ws, key=key, name=f"evaluate {model}", tags=tags) as (tracking, run_id):
        measured: list[_Measured] = []
        for number in range(windows):
            job = job_of(number) if number else newest
            done = (number * len(names), windows * len(names))
            measured.insert(0, _measure(job, names, device=device, progress=progress, done=done))
        found = Evaluation(
            model=model,
            config=newest.config,
            seed=seed,
            as_of=newest.as_of,
            timezone=ws.timezone,
            git_commit=git_commit(),
            asked=baselines,
            baselines=names[1:],
            windows=tuple(one.origin for one in measured),
            parts=measured[0].origin.parts
            if windows == 1
            else _compare([one.samples for one in measured], seed=seed),
            run_id=run_id,
        )
        log_report(tracking, found)
    return found


def _baselines(model: str, asked: Baselines) -> tuple[str, ...]:
    """Return the names of the models that `model` stands beside."""
    own = spec(model, registered="recommender")
    known = [name for name, entry in MODELS.items() if entry.registered == "recommender"]
    named = known if asked == "all" else own.baselines
    return tuple(name for name in named if name != model)


def _measure(
    job: Job, names: Sequence[str], *, device: Device, progress: Progress, done: tuple[int, int]
) -> _Measured:
    """Let every model answer in the last window of `job`, its own model by its config.

    `done` are the answers so far and all that are asked.
    """
    window = window_of(job.full, at=job.past.as_of, days=WINDOW_DAYS)
    samples, found = {}, {}
    for place, name in enumerate(names, start=1):
        config = job.config if name == job.model else config_class(name)()
        work = replace(job, model=name, config=config)
        lists, found[name] = kept_lists(work, window, device=device, on_epoch=progress.on_epoch)
        samples[name] = window.samples(lists)
        progress.on_model(done[0] + place, done[1])
    return _Measured(
        samples=samples,
        origin=EvaluationWindow(
            start=job.past.as_of,
            end=job.as_of,
            data_digest=job.data_digest,
            customers=len(window.judge.queries),
            newcomers=len(window.newcomers),
            epochs={name: one.epochs for name, one in found.items() if one.history},
            history=found[job.model].history,
            parts=_compare([samples], seed=job.seed),
        ),
    )


def _compare(
    windows: Sequence[dict[str, dict[SegmentList, Sample]]], *, seed: int
) -> dict[SegmentList, Comparison]:
    """Return each part's models side by side; `windows` hold the parts of each model."""
    first = next(iter(windows[0].values()))
    return {
        part: compare(
            [{name: parts[part] for name, parts in models.items()} for models in windows],
            seed=seed,
        )
        for part in first
    }
