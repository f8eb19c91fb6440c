"""Search a model's settings by Optuna over the same assessment that `fit` makes.

The objective is the score on the last window before `as_of`, so the windows after it stay unseen.
An interrupted study resumes: its unfinished trial is marked failed. Each draw depends on the seed
and the finished trials only, so the finished trials equal those of an uninterrupted study.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from configs.durable import replacing
from configs.errors import UserError
from configs.loader import Config
from configs.paths import sqlite_url
from features.workspace import Workspace
from training.evaluation.job import Job, prepare
from training.evaluation.last_window import Metrics, make_judge, measure_last_window, window_days
from training.models import spec
from training.registry.outage import StoreOutage, made_whole, stating_outages, whole_tables
from training.registry.tracking import Tracking, hold_tracking
from training.run import SILENT, Device, Progress, Run
from training.search_spaces import SPACES, WITHOUT_SPACE, Range, Space, changed, setting


class NothingToTune(UserError, ValueError):
    """The model has no settings to search; the message lists those that have."""


@dataclass(frozen=True, kw_only=True)
class TuneResult:
    """The result of a study."""

    study: str
    best: dict[str, Any]
    """The overrides of the best trial, as written to `file`."""
    value: float
    """Its objective on the last window before `as_of`."""
    complete: int
    pruned: int
    file: Path


def tune(
    ws: Workspace,
    model: str,
    *,
    trials: int,
    as_of: pd.Timestamp,
    config: Config | None = None,
    seed: int = 0,
    device: Device = "auto",
    progress: Progress = SILENT,
) -> TuneResult:
    """Run the study of `model` until `trials` are finished (complete or pruned).

    The first trial is `config` (by default the model's own) unchanged; the best overrides of it
    are written to `tuned/MODEL.yaml` in the workspace. Raises NothingToTune.
    """
    import optuna

    if model not in SPACES:
        message = f"model {model!r}: the models with settings to search are {', '.join(SPACES)}"
        reason = WITHOUT_SPACE.get(model)
        raise NothingToTune(message if reason is None else f"{message}; {model} has none: {reason}")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    job = prepare(ws, model, as_of=as_of, config=config, seed=seed, progress=progress)
    key = f"study-{job.key}"
    with hold_tracking(ws, keep=key) as tracking, _studies(ws) as storage:
        study = optuna.create_study(
            storage=storage,
            study_name=f"{model}-{job.key}",
            load_if_exists=True,
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
        )
        for unfinished in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            study.tell(unfinished.number, state=optuna.trial.TrialState.FAIL)
        if _finished(study) < trials:
            tags = {"study": study.study_name}
            with tracking.run(key=key, name=f"tune {model}", tags=tags) as parent:
                _run_trials(study, trials, job, tracking, parent, device=device, progress=progress)
        return _conclude(study, job)


@contextmanager
def _studies(ws: Workspace) -> Iterator[str]:
    """Yield the storage of all studies, as Optuna names it. Raises StoreOutage, also in the block.

    A new file is made whole, so that an empty one was damaged.
    """
    from optuna.exceptions import StorageInternalError
    from optuna.storages import RDBStorage

    file = ws.home / "optuna.db"
    way_on = "restore it from a backup, or remove it: its studies then begin with their first trial"
    if not whole_tables(file, otherwise=way_on) and file.exists():
        raise StoreOutage(f"{file} is empty; {way_on}")
    try:
        with stating_outages(file, otherwise=way_on):
            if not file.exists():
                with made_whole(file) as made:
                    RDBStorage(sqlite_url(made)).engine.dispose()
            yield sqlite_url(file)
    except StorageInternalError as error:  # a study twice, or a value that is no number
        raise StoreOutage(f"{file}: {error.__cause__ or error}; {way_on}") from error


def _run_trials(
    study: Any,
    trials: int,
    job: Job,
    tracking: Tracking,
    parent: str,
    *,
    device: Device,
    progress: Progress,
) -> None:
    import optuna

    at, days = job.past.as_of, window_days(job.model, job.config)
    judge = make_judge(job.model, job.full, at=at, days=days)
    while (done := _finished(study)) < trials:
        study.sampler = optuna.samplers.TPESampler(seed=job.seed + done)
        if not done and not study.get_trials(states=(optuna.trial.TrialState.WAITING,)):
            study.enqueue_trial(_first_trial(job))
        trial = study.ask()
        with (
            suppress(optuna.TrialPruned),
            tracking.run(
                key=None,
                name=f"trial {trial.number}",
                tags={"study": study.study_name, "trial": str(trial.number), "model": job.model},
                parent=parent,
                stops=(KeyboardInterrupt, optuna.TrialPruned),
            ) as run_id,
            _finishing(study, trial) as finish,
        ):
            overrides = _suggest(trial, SPACES[job.model])
            tracking.log_params(run_id, overrides)
            report_epoch = _pruning(trial, job, tracking, run_id, progress)
            run = Run(on_epoch=report_epoch, parts=job.ws.parts, device=device)
            config = type(job.config)(**changed(job.config.model_dump(), overrides))
            assessment = measure_last_window(
                job.model, job.past, judge, config=config, seed=job.seed, run=run, baselines=False
            )
            tracking.log_metrics(run_id, assessment.metrics)
            finish(assessment.metrics[_objective(job)])


def _pruning(
    trial: Any, job: Job, tracking: Tracking, run_id: str, progress: Progress
) -> Callable[[int, Metrics], None]:
    """Return a callback that logs each epoch of `trial` and prunes it below the median trial."""
    import optuna

    def on_epoch(epoch: int, metrics: Metrics) -> None:
        tracking.log_metrics(run_id, {f"choose_{k}": v for k, v in metrics.items()}, step=epoch)
        progress.on_epoch(f"trial {trial.number}", epoch, metrics)
        trial.report(metrics[_objective(job)], epoch)
        if trial.should_prune():
            raise optuna.TrialPruned(f"below the median at epoch {epoch}")

    return on_epoch


@contextmanager
def _finishing(study: Any, trial: Any) -> Iterator[Callable[[float], None]]:
    """Yield the function that completes `trial`; an exception marks it as pruned or failed."""
    import optuna

    try:
        yield lambda value: study.tell(trial, value)
    except optuna.TrialPruned:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        raise
    except BaseException:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        raise


def _suggest(trial: Any, space: Space) -> dict[str, Any]:
    """Return the trial's overrides; options are drawn as JSON because Optuna stores no tuples."""
    drawn: dict[str, Any] = {}
    for key, values in space.items():
        if isinstance(values, Range):
            drawn[key] = trial.suggest_float(key, values.low, values.high, log=values.log)
        else:
            options = [json.dumps(option) for option in values]
            drawn[key] = json.loads(trial.suggest_categorical(key, options))
    return drawn


def _first_trial(job: Job) -> dict[str, Any]:
    """Return the job's parameters settings within the space, as Optuna's parameters."""
    parameters: dict[str, Any] = {}
    for key, values in SPACES[job.model].items():
        value = setting(job.config, key)
        if not isinstance(values, Range):
            if value in values:
                parameters[key] = json.dumps(value)
        elif values.low <= value <= values.high:
            parameters[key] = value
    return parameters


def _objective(job: Job) -> str:
    return spec(job.model).family.objective


def _finished(study: Any) -> int:
    from optuna.trial import TrialState

    return len(study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED)))


def _conclude(study: Any, job: Job) -> TuneResult:
    """Write the best overrides and return the study's figures."""
    from optuna.trial import TrialState

    settings = {k: v for k, v in job.config.model_dump(mode="json").items() if k != "epochs"}
    defaults = type(job.config)().model_dump(mode="json")
    non_default = {k: v for k, v in settings.items() if v != defaults[k]}
    drawn = {
        key: value if isinstance(SPACES[job.model][key], Range) else json.loads(value)
        for key, value in study.best_trial.params.items()
    }
    best = changed(non_default, drawn)
    file = job.ws.home / "tuned" / f"{job.model}.yaml"
    _write_yaml(
        file,
        best,
        comment=f"{study.study_name}: {_objective(job)} {study.best_value:.4f} on the "
        f"{window_days(job.model, job.config)} days before {job.as_of.isoformat()}",
    )
    return TuneResult(
        study=study.study_name,
        best=best,
        value=study.best_value,
        complete=len(study.get_trials(states=(TrialState.COMPLETE,))),
        pruned=len(study.get_trials(states=(TrialState.PRUNED,))),
        file=file,
    )


def _write_yaml(file: Path, values: dict[str, Any], *, comment: str) -> None:
    with replacing(file) as out:
        out.write(f"# {comment}\n{yaml.safe_dump(values)}".encode())
