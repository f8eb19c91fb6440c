"""Compare a recommender with its baselines on the last windows before a cut: rolling origin.

Every model is trained on what was known before a window and measured in it; if it counts epochs,
their number is chosen there too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from configs.code import digest_of, git_commit
from configs.loader import Config
from features.workspace import Workspace
from training.data.windows import WINDOW_DAYS
from training.errors import NotEnoughData
from training.evaluation.intervals import Comparison, Sample, compare
from training.evaluation.job import Job, prepare
from training.evaluation.results import Baselines, Evaluation, EvaluationWindow
from training.evaluation.segments import SegmentList, window_of
from training.evaluation.stored_lists import stored_lists
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

    `config` defaults to the model's own; baselines use theirs. Figures and report are logged as
    one MLflow run. Raises UnknownModel for a name that is no recommender, NotEnoughData or
    WorkspaceError if a window has no data to train on or to measure.
    """
    names = (model, *_baselines(model, baselines))

    def job_of(number: int) -> Job:
        end = as_of - number * pd.Timedelta(days=WINDOW_DAYS)
        return prepare(ws, model, as_of=end, config=config, seed=seed, progress=progress)

    newest = job_of(0)
    _refuse_short(newest, windows)
    key = digest_of(newest.key, windows, names)
    tags = {"kind": "evaluation", **newest.tags}
    with tracked(ws, key=key, name=f"evaluate {model}", tags=tags) as (tracking, run_id):
        measured: list[_Measured] = []
        for number in range(windows):
            job = job_of(number) if number else newest
            done = (number * len(names), windows * len(names))
            measured.insert(0, _measure(job, names, device=device, progress=progress, done=done))
        evaluation = Evaluation(
            model=model,
            config=newest.config,
            seed=seed,
            as_of=newest.as_of,
            timezone=ws.timezone,
            git_commit=git_commit(),
            requested_baselines=baselines,
            baselines=names[1:],
            windows=tuple(result.origin for result in measured),
            parts=measured[0].origin.parts
            if windows == 1
            else _compare([result.samples for result in measured], seed=seed),
            run_id=run_id,
        )
        log_report(tracking, evaluation)
    return evaluation


def _refuse_short(job: Job, windows: int) -> None:
    """Raise NotEnoughData if the data begin within the last `windows` windows of `job`."""
    if job.full.first_known >= job.as_of - windows * pd.Timedelta(days=WINDOW_DAYS):
        raise NotEnoughData(
            f"windows = {windows}: more than {windows * WINDOW_DAYS} days are needed; "
            f"{job.full.extent}"
        )


def _baselines(model: str, requested: Baselines) -> tuple[str, ...]:
    """Return the names of the models that `model` is compared with."""
    model_spec = spec(model, registered="recommender")
    recommenders = [name for name, entry in MODELS.items() if entry.registered == "recommender"]
    selected = recommenders if requested == "all" else model_spec.baselines
    return tuple(name for name in selected if name != model)


def _measure(
    job: Job, names: Sequence[str], *, device: Device, progress: Progress, done: tuple[int, int]
) -> _Measured:
    """Measure every model in the last window of `job`; the job's own model uses its config.

    `done` is the number of models measured so far and in total.
    """
    window = window_of(job.full, at=job.past.as_of, days=WINDOW_DAYS)
    samples, assessed = {}, {}
    for place, name in enumerate(names, start=1):
        config = job.config if name == job.model else config_class(name)()
        work = replace(job, model=name, config=config)
        lists, assessed[name] = stored_lists(
            work, window, device=device, on_epoch=progress.on_epoch
        )
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
            epochs={name: result.epochs for name, result in assessed.items() if result.history},
            history=assessed[job.model].history,
            parts=_compare([samples], seed=job.seed),
        ),
    )


def _compare(
    windows: Sequence[dict[str, dict[SegmentList, Sample]]], *, seed: int
) -> dict[SegmentList, Comparison]:
    """Return the comparison of the models in each part; `windows` hold the parts of each model."""
    first = next(iter(windows[0].values()))
    return {
        part: compare(
            [{name: parts[part] for name, parts in models.items()} for models in windows],
            seed=seed,
        )
        for part in first
    }
