"""Search a model's settings by Optuna over the same assessment that `fit` makes.

The objective is the mean score on windows before the last one. The last window before `as_of` stays
unseen by the search: there, the best settings are compared with those that the search began with.
An interrupted study resumes: its unfinished trial is marked failed. Each draw depends on the seed
and the finished trials only, so the finished trials equal those of an uninterrupted study.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any, Final

import pandas as pd
import yaml

from configs.durable import replacing
from configs.errors import UserError
from configs.loader import Config
from features.workspace import Workspace
from training.evaluation.job import Job, prepare
from training.evaluation.last_window import Metrics, window_days
from training.evaluation.leads import Lead
from training.evaluation.search import Search, measured, search_of
from training.models import spec
from training.registry.studies import studies
from training.registry.tracking import TrackedRun, Tracking, hold_tracking
from training.run import SILENT, Device, Progress, Run
from training.search_spaces import SPACES, WITHOUT_SPACE, Range, Space, changed, setting


class NothingToTune(UserError, ValueError):
    """The model has no settings to search; the message lists those that have."""


_HELD_OUT: Final = "held_out"


@dataclass(frozen=True, kw_only=True)
class TuneResult:
    """The result of a study."""

    study: str
    best: dict[str, Any]
    """The overrides of the best trial, as written to `file`."""
    value: float
    """Its objective, the mean over the windows that were searched."""
    windows: tuple[str, ...]
    """Their first days, newest first."""
    held_out: Lead | None
    """The lead of the best settings over the given ones on the last window before `as_of`, which
    the search did not see; None where the given ones were the best, or where the shop is too short
    to keep a window."""
    searched_last: bool
    """Whether the shop is so short that the search saw the last window."""
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
    windows: int = 1,
    timeout_s: float | None = None,
    seed: int = 0,
    device: Device = "auto",
    progress: Progress = SILENT,
) -> TuneResult:
    """Run the study of `model` until `trials` are finished (complete or pruned).

    The first trial is `config` (by default the model's own) unchanged; the best overrides of it
    are written to `tuned/MODEL.yaml` in the workspace. A trial is measured on the `windows` windows
    before the last one; in a shop too short for that, on the last window. After `timeout_s` no
    trial begins. Raises NothingToTune, and NotEnoughData.
    """
    import optuna

    if model not in SPACES:
        message = f"model {model!r}: the models with settings to search are {', '.join(SPACES)}"
        reason = WITHOUT_SPACE.get(model)
        raise NothingToTune(message if reason is None else f"{message}; {model} has none: {reason}")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    job = prepare(ws, model, as_of=as_of, config=config, seed=seed, progress=progress)
    search = search_of(job, windows=windows, timeout_s=timeout_s, progress=progress)
    name = f"{windows}-{job.key}"
    key = f"study-{name}"
    with hold_tracking(ws, keep=key) as tracking, studies(ws) as storage:
        study = optuna.create_study(
            storage=storage,
            study_name=f"{model}-{name}",
            load_if_exists=True,
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
        )
        for unfinished in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            study.tell(unfinished.number, state=optuna.trial.TrialState.FAIL)
        if _finished(study) < trials or _held_out(study) is None:
            tags = {"study": study.study_name}
            with tracking.run(key=key, name=f"tune {model}", tags=tags) as parent:
                job.judge()  # a last window that can judge nobody ends the study before it begins
                within = TrackedRun(tracking, parent)
                _run_trials(study, trials, search, within, device=device, progress=progress)
                overrides = _drawn(study.best_trial, job)
                best = type(job.config)(**changed(job.config.model_dump(), overrides))
                lead = search.lead_of(best, run=Run(parts=ws.parts, device=device))
                compared = {"trial": study.best_trial.number, "lead": lead and asdict(lead)}
                study.set_user_attr(_HELD_OUT, compared)
                if lead is not None:
                    figures = {"value": lead.value, "low": lead.low, "high": lead.high}
                    tracking.log_metrics(parent, {f"lead_{k}": v for k, v in figures.items()})
        return _conclude(study, search)


def _run_trials(
    study: Any,
    trials: int,
    search: Search,
    within: TrackedRun,
    *,
    device: Device,
    progress: Progress,
) -> None:
    import optuna

    job, (tracking, parent) = search.job, within
    judges = [each.judge() for each in search.searched]
    while (done := _finished(study)) < trials and not (done and search.is_over):
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
            config = type(job.config)(**changed(job.config.model_dump(), overrides))
            values = []
            for number, (each, judge) in enumerate(zip(search.searched, judges, strict=True)):
                run = Run(parts=job.ws.parts, device=device)
                if not number:  # a bad trial is seen on the newest window, epoch by epoch
                    pruned = _pruning(trial, job, tracking, run_id, progress)
                    run = replace(run, on_epoch=pruned)
                found = measured(each, judge, config=config, run=run)
                tracking.log_metrics(run_id, found.metrics, step=number)
                values.append(found.metrics[_objective(job)])
            finish(mean(values))


def _held_out(study: Any) -> dict[str, Any] | None:
    """Return what is stored of the best trial's comparison on the last window; None if nothing."""
    stored: dict[str, Any] | None = study.user_attrs.get(_HELD_OUT)
    return stored if stored and stored["trial"] == study.best_trial.number else None


def _drawn(trial: Any, job: Job) -> dict[str, Any]:
    """Return the overrides that a trial has drawn."""
    return {
        key: value if isinstance(SPACES[job.model][key], Range) else json.loads(value)
        for key, value in trial.params.items()
    }


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


def _conclude(study: Any, search: Search) -> TuneResult:
    """Write the best overrides and return the study's figures."""
    from optuna.trial import TrialState

    job, compared = search.job, _held_out(study)
    windows = tuple(str(each.past.as_of.date()) for each in search.searched)
    settings = {k: v for k, v in job.config.model_dump(mode="json").items() if k != "epochs"}
    defaults = type(job.config)().model_dump(mode="json")
    non_default = {k: v for k, v in settings.items() if v != defaults[k]}
    best = changed(non_default, _drawn(study.best_trial, job))
    file = job.ws.home / "tuned" / f"{job.model}.yaml"
    _write_yaml(
        file,
        best,
        comment=f"{study.study_name}: {_objective(job)} {study.best_value:.4f} on windows of "
        f"{window_days(job.model, job.config)} days from {', '.join(windows)}",
    )
    return TuneResult(
        study=study.study_name,
        best=best,
        value=study.best_value,
        windows=windows,
        held_out=Lead(**compared["lead"]) if compared and compared["lead"] else None,
        searched_last=search.searched == (job,),
        complete=len(study.get_trials(states=(TrialState.COMPLETE,))),
        pruned=len(study.get_trials(states=(TrialState.PRUNED,))),
        file=file,
    )


def _write_yaml(file: Path, values: dict[str, Any], *, comment: str) -> None:
    with replacing(file) as out:
        out.write(f"# {comment}\n{yaml.safe_dump(values)}".encode())
