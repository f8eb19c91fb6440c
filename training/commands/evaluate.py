"""`python -m training evaluate`: a model and its baselines on windows after their training."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from configs.cli import HOME, Home
from training.commands.options import AsOf, ConfigFile, DeviceName, Model, Overrides, Seed
from training.commands.work import Work, work_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from training.evaluation.results import Evaluation


def evaluate(
    model: Model,
    overrides: Overrides = None,
    *,
    as_of: AsOf = None,
    config: ConfigFile = None,
    windows: Annotated[
        int, typer.Option(min=1, help="Last windows of 28 days; training ends before each.")
    ] = 1,
    baselines: Annotated[
        Literal["default", "all"],
        typer.Option(help="default: those of every report; all: every other recommender."),
    ] = "default",
    seed: Seed = 0,
    device: DeviceName = "auto",
    home: Home = HOME,
) -> None:
    """Measure a model and its baselines on the last window before the cut.

    All of them are trained on what was known before that window. Nothing is registered. A
    recommender gets a report with segments, intervals and plots, in one MLflow run.
    """
    with work_of(model, overrides, as_of=as_of, config=config, home=home) as work:
        from training.models import spec

        if spec(model).family.scores is None:
            from training.evaluate import evaluate as run

            evaluation = run(
                work.ws,
                model,
                as_of=work.as_of,
                config=work.config,
                seed=seed,
                device=device,
                windows=windows,
                baselines=baselines,
                progress=work.progress,
            )
            renderables = _report(work, evaluation)
        else:
            _only_default(windows, baselines)
            renderables = _predictor(work, model, seed=seed, device=device)
    from training.commands.display import console

    for renderable in renderables:
        console.print(renderable, highlight=False, soft_wrap=isinstance(renderable, str))


def _report(work: Work, evaluation: "Evaluation") -> "list[RenderableType]":
    """Return the tables of the evaluation, its caveat, and the report's path."""
    from training.commands.display import table
    from training.reports import evaluation_report
    from training.reports.evaluation_tables import headline

    warning = evaluation_report.caveat(evaluation)
    file = work.ws.artifacts / evaluation.run_id / "artifacts" / evaluation_report.FILE
    return [
        *(table(grid) for grid in headline(evaluation)),
        *([] if warning is None else [warning]),
        f"Report: {file}",
        f"Open it among the runs: mlflow ui --backend-store-uri {work.ws.mlflow_uri}",
    ]


def _predictor(work: Work, model: str, *, seed: int, device: DeviceName) -> "list[RenderableType]":
    """Return the table of a predictor and its baselines on its last horizon before the cut."""
    from training.commands.display import compare_metrics
    from training.evaluation.job import prepare
    from training.fit import assess_job
    from training.reports.evaluation_report import CAVEAT
    from training.run import Run

    job = prepare(
        work.ws,
        model,
        as_of=work.as_of,
        config=work.config,
        seed=seed,
        progress=work.progress,
    )
    run = Run(on_epoch=partial(work.progress.on_epoch, "choose"), device=device)
    assessment = assess_job(job, run=run)
    title = f"{model}, {job.past.as_of.isoformat()} to {work.as_of.isoformat()}"
    counts = "epochs" in type(work.config).model_fields
    return [
        compare_metrics(title, {model: assessment.metrics, **assessment.baselines}),
        *([CAVEAT] if counts else []),
    ]


def _only_default(windows: int, baselines: str) -> None:
    from configs.loader import ConfigError

    if windows > 1 or baselines != "default":
        raise ConfigError(
            f"windows = {windows}, baselines = {baselines!r}: only a recommender is measured on "
            "several windows, or beside others than its default baselines"
        )
