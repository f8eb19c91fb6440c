"""From the shop's data to a registered model version, on one page.

Build the features, choose the epochs on the last window before `as_of`, measure the model and its
baselines there, train again on all data, log, register. The same data, config, seed and code return
the existing version; an interrupted training resumes.
"""

import math
import shutil
from dataclasses import dataclass
from typing import Final

import pandas as pd

from configs.code import git_commit
from configs.json_files import write_json
from configs.loader import Config
from features.snapshots import CODE_VERSION
from features.workspace import Workspace
from training.bundle import Manifest
from training.errors import NotEnoughData
from training.evaluation.job import Job, prepare
from training.evaluation.last_window import (
    BY_CUSTOMER,
    Assessment,
    Metrics,
    measure_last_window,
    window_days,
    write_figures,
)
from training.families import imported
from training.models import model_class, spec
from training.registry import versions
from training.registry.artifacts import write_figure, write_text, write_yaml
from training.registry.registration import register
from training.registry.tracking import Tracking, hold_tracking
from training.reports.learning_curves import draw_curves
from training.reports.model_card import FILE as CARD
from training.reports.model_card import model_card
from training.run import SILENT, Device, Progress, Run

DESCRIPTION_LENGTH: Final = 5000
"""MLflow's column of descriptions holds so many characters."""


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """A registered version and its figures."""

    version: versions.Version
    metrics: Metrics
    """On the last window before the data cut, by a model trained before that window; empty where
    nobody could be measured (`version.unmeasured` says why)."""
    baselines: dict[str, Metrics]
    reused: bool
    """Whether the version existed already."""
    other_code: versions.Version | None
    """For a new version: the newest one of the same data, config and seed from other code."""


def fit(
    ws: Workspace,
    model: str,
    *,
    as_of: pd.Timestamp,
    config: Config | None = None,
    seed: int = 0,
    device: Device = "auto",
    progress: Progress = SILENT,
) -> FitResult:
    """Return a registered version of `model` from the data before `as_of` (UTC).

    `config` defaults to the model's own. Raises UnknownModel, NotEnoughData, WorkspaceError.
    """
    job = prepare(ws, model, as_of=as_of, config=config, seed=seed, progress=progress)
    other = None
    with hold_tracking(ws, keep=job.key) as tracking:
        version = versions.find_finished(tracking, key=job.key)
        reused = version is not None
        if version is None:
            other = versions.find_of_other_code(tracking, key=job.key)
            with tracking.run(key=job.key, name=model, tags=job.tags) as run_id:
                _fit(tracking, run_id, job, device=device, progress=progress)
            version = versions.of_run(ws, tracking.client, run_id)
        shutil.rmtree(job.checkpoints, ignore_errors=True)
    return FitResult(
        version=version,
        metrics=version.manifest.metrics,
        baselines=version.baselines,
        reused=reused,
        other_code=other,
    )


def _fit(tracking: Tracking, run_id: str, job: Job, *, device: Device, progress: Progress) -> None:
    def run(phase: str) -> Run:
        logged_steps = tracking.steps(run_id, f"{phase}_loss")

        def on_epoch(epoch: int, metrics: Metrics) -> None:
            if epoch not in logged_steps:
                named = {f"{phase}_{name}": value for name, value in metrics.items()}
                tracking.log_metrics(run_id, named, step=epoch)
            progress.on_epoch(phase, epoch, metrics)

        def on_part(part: str, epoch: int, metrics: Metrics) -> None:
            progress.on_epoch(f"{phase} {part}", epoch, metrics)

        return Run(
            on_epoch=on_epoch,
            on_part=on_part,
            checkpoints=job.checkpoints / phase,
            parts=job.ws.parts,
            device=device,
        )

    tracking.log_params(run_id, job.config.model_dump(mode="json"))
    assessment = _assess_or_explain(job, run=run("choose"))
    config = job.config
    if "epochs" in type(config).model_fields:
        config = config.model_copy(update={"epochs": assessment.epochs})
    fitted = model_class(job.model).fit(job.full, config=config, seed=job.seed, run=run("train"))
    manifest = _manifest(job, assessment, config)
    card = model_card(
        manifest,
        assessment,
        days=window_days(job.model, job.config),
        extent=job.full.extent,
    )
    _log(tracking, run_id, job, assessment, card=card)
    products = job.client.products(job.as_of)
    number = register(tracking, run_id, fitted, manifest, products=products)
    described = card[:DESCRIPTION_LENGTH]
    tracking.client.update_model_version(manifest.name, number, description=described)


def _assess_or_explain(job: Job, *, run: Run) -> Assessment:
    """Return the assessment of `job`, or one without figures where nobody can be measured.

    Raises NotEnoughData for a model whose epochs are chosen on the window.
    """
    try:
        return assess_job(job, run=run)
    except NotEnoughData as error:
        if "epochs" in type(job.config).model_fields:
            raise
        baselines: dict[str, Metrics] = {name: {} for name in spec(job.model).baselines}
        return Assessment(
            epochs=1, metrics={}, history={}, baselines=baselines, unmeasured=str(error)
        )


def assess_job(job: Job, *, run: Run, baselines: bool = True) -> Assessment:
    """Measure `job` on the last window before its `as_of`, trained on the data before it."""
    job.refuse_short()
    return measure_last_window(
        job.model,
        job.past,
        job.judge(),
        config=job.config,
        seed=job.seed,
        run=run,
        baselines=baselines,
    )


def _manifest(job: Job, assessment: Assessment, config: Config) -> Manifest:
    family = spec(job.model).family
    typical: dict[str, float] = {}
    if family.typical is not None:
        typical = imported(family.typical)(job.full)
    return Manifest(
        name=family.name,
        model=job.model,
        feature_service=family.feature_service,
        as_of=job.as_of.to_pydatetime(),
        data_digest=job.data_digest,
        features_code=CODE_VERSION,
        git_commit=git_commit(),
        config=config.model_dump(mode="json"),
        requested_epochs=job.config.model_dump().get("epochs"),
        seed=job.seed,
        metrics={k: v for k, v in assessment.metrics.items() if math.isfinite(v)},
        typical=typical,
    )


def _log(tracking: Tracking, run_id: str, job: Job, assessment: Assessment, *, card: str) -> None:
    """Log the figures, the report, the card, the config and the learning curves."""
    tracking.log_metrics(run_id, assessment.metrics)
    for name, metrics in assessment.baselines.items():
        tracking.log_metrics(run_id, {f"{name}.{k}": v for k, v in metrics.items()})
    start = job.as_of - pd.Timedelta(days=window_days(job.model, job.config))
    window = [start.isoformat(), job.as_of.isoformat()]
    folder = tracking.artifacts(run_id)
    write_json(folder / "report.json", {"window": window, **assessment.report()})
    if assessment.by_customer:
        write_figures(folder / BY_CUSTOMER, assessment.by_customer)
    write_text(folder / CARD, card)
    write_yaml(folder / "config.yaml", job.config.model_dump(mode="json"))
    if assessment.history:
        with draw_curves(job.model, assessment.history, best=assessment.epochs) as figure:
            write_figure(folder / "learning_curves.png", figure)
