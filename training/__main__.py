"""`python -m training`: models from a shop's features.

A training is named by its model, data cut, config and seed: asked for again, the version that
stands is taken; cut off, the same command goes on. Everything is logged to the workspace's MLflow.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from configs.cli import HOME, Home, user_errors
from training import score_commands
from training.options import (
    AsOf,
    ConfigFile,
    DeviceName,
    Model,
    Name,
    Overrides,
    Seed,
    cut_of,
)

if TYPE_CHECKING:
    from training.assess import Assessment
    from training.display import Display
    from training.job import Job
    from training.registry import Version

CAVEAT = (
    "Caveat: the epochs were chosen on this same window, so these figures and intervals flatter "
    "the model by that choice."
)
app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
app.add_typer(score_commands.app, name="score")


@app.command()
def fit(
    model: Model,
    overrides: Overrides = None,
    *,
    as_of: AsOf = None,
    config: ConfigFile = None,
    seed: Seed = 0,
    device: DeviceName = "auto",
    home: Home = HOME,
) -> None:
    """Train a model on everything before the cut and register the version.

    The number of epochs is chosen on the last window before the cut; the model stands beside its
    baselines there. Example: python -m training fit churn --as-of 2011-09-11 hidden=[64,32]
    """
    with user_errors():
        from configs.loader import load_config
        from features.workspace import Workspace
        from training.display import console, show
        from training.fit import fit as run
        from training.models import config_class

        ws = Workspace.open(home)
        settings = load_config(config_class(model), config, overrides or ())
        with show(epochs=getattr(settings, "epochs", 1)) as display:
            result = run(
                ws,
                model,
                as_of=cut_of(ws, as_of),
                config=settings,
                seed=seed,
                device=device,
                report=display.on_epoch,
                on_build=display.on_build,
            )
        console.print(_table(result.version))
        done = "stood already" if result.reused else "registered"
        version = f"{result.version.name} version {result.version.version}"
        console.print(f"{version} ({model}) {done}.")
        console.print(
            f"Next: python -m training promote {result.version.name} "
            f"--version {result.version.version}"
        )


@app.command()
def tune(
    model: Model,
    overrides: Overrides = None,
    *,
    trials: Annotated[int, typer.Option(min=1, help="Finished trials: complete or pruned.")],
    as_of: AsOf = None,
    config: ConfigFile = None,
    seed: Seed = 0,
    device: DeviceName = "auto",
    home: Home = HOME,
) -> None:
    """Search the settings of a model by Optuna; write the best as a YAML that `fit` takes.

    The objective is the score on the last window before the cut; bad trials are pruned early.
    """
    with user_errors():
        from configs.loader import load_config
        from features.workspace import Workspace
        from training.display import console, show
        from training.models import config_class
        from training.tune import tune as run

        ws = Workspace.open(home)
        settings = load_config(config_class(model), config, overrides or ())
        with show(epochs=getattr(settings, "epochs", 1)) as display:
            result = run(
                ws,
                model,
                trials=trials,
                as_of=cut_of(ws, as_of),
                config=settings,
                seed=seed,
                device=device,
                report=display.on_trial,
                on_build=display.on_build,
            )
        console.print(
            f"{result.study}: {result.complete} complete, {result.pruned} pruned; "
            f"best {result.value:.4f} with {result.best or 'the settings as they stand'}"
        )
        console.print(f"Next: python -m training fit {model} --config {result.file}")


@app.command()
def evaluate(
    model: Model,
    overrides: Overrides = None,
    *,
    as_of: AsOf = None,
    config: ConfigFile = None,
    seed: Seed = 0,
    device: DeviceName = "auto",
    home: Home = HOME,
) -> None:
    """Measure a model beside its baselines on the last window before the cut.

    All of them learn from what was known before that window. Nothing is registered. A recommender
    is trained once more, for the best number of epochs, for the interval of its lead.
    """
    with user_errors():
        from configs.loader import load_config
        from features.workspace import Workspace
        from training.display import compare_metrics, console, show
        from training.fit import assess_job
        from training.job import prepare
        from training.models import config_class
        from training.run import Run

        ws = Workspace.open(home)
        settings = load_config(config_class(model), config, overrides or ())
        cut = cut_of(ws, as_of)
        with show(epochs=getattr(settings, "epochs", 1)) as display:
            job = prepare(
                ws, model, as_of=cut, config=settings, seed=seed, on_build=display.on_build
            )
            run = Run(on_epoch=lambda e, m: display.on_epoch("choose", e, m), device=device)
            found = assess_job(job, run=run)
            leads = _leads(job, found, display=display, device=device)
        title = f"{model}, {job.past.as_of.isoformat()} to {cut.isoformat()}"
        console.print(compare_metrics(title, {model: found.metrics, **found.baselines}))
        for line in leads:
            console.print(line, highlight=False)
        if "epochs" in type(settings).model_fields:
            console.print(CAVEAT, highlight=False, soft_wrap=True)


def _leads(job: "Job", found: "Assessment", *, display: "Display", device: DeviceName) -> list[str]:
    """Return a line a baseline and list: by how much a recommender exceeds it, 95% paired."""
    from training.assess import make_judge, window_days
    from training.evaluate import RecommenderJudge, compare_with_baselines
    from training.models import spec
    from training.run import Run

    judge = make_judge(spec(job.model), job.full, at=job.past.as_of, days=window_days(job.config))
    if not isinstance(judge, RecommenderJudge):
        return []
    config = job.config
    if "epochs" in type(config).model_fields:
        config = config.model_copy(update={"epochs": found.epochs})
    run = Run(on_epoch=lambda e, m: display.on_epoch("compare", e, m), device=device)
    compared = compare_with_baselines(
        job.model, job.past, judge, config=config, seed=job.seed, run=run
    )
    return [
        f"NDCG@10 of {name!r} lists over {baseline}: {lead.difference:+.4f} "
        f"[{lead.low:+.4f}, {lead.high:+.4f}]"
        for baseline, by_list in compared.items()
        for name, lead in by_list.items()
    ]


@app.command()
def promote(
    model: Name,
    *,
    version: Annotated[str | None, typer.Option(help="Its number; else the newest.")] = None,
    home: Home = HOME,
) -> None:
    """Make a version the champion: print its comparison, move the alias, hand it to serving."""
    with user_errors():
        from features.workspace import Workspace
        from training.display import console
        from training.registry import find, promote

        ws = Workspace.open(home)
        found = find(ws, model, version)
        console.print(_table(found))
        promote(ws, found.name, found.version)
        console.print(f"{found.name} version {found.version} is the champion: serving takes it.")


@app.command()
def export(
    model: Name,
    *,
    version: Annotated[str | None, typer.Option(help="Its number; else the newest.")] = None,
    home: Home = HOME,
) -> None:
    """Write a version's bundle where serving reads it, without making it the champion."""
    with user_errors():
        from features.workspace import Workspace
        from training.display import console
        from training.registry import export

        console.print(str(export(Workspace.open(home), model, version)))


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="recommender@3, churn@champion, or a model's name.")],
    b: Annotated[str, typer.Argument(help="The other version.")],
    *,
    home: Home = HOME,
) -> None:
    """Show two versions side by side, on the last window before each one's data cut."""
    with user_errors():
        from features.workspace import Workspace
        from training.display import compare_metrics, console
        from training.registry import find

        ws = Workspace.open(home)
        found = {text: find(ws, *text.split("@", 1)) for text in (a, b)}
        for text, one in found.items():
            manifest = one.manifest
            console.print(
                f"{text}: {one.name} version {one.version}, {manifest.model}, "
                f"data before {manifest.as_of.isoformat()}, seed {manifest.seed}"
            )
        console.print(compare_metrics("", {t: one.manifest.metrics for t, one in found.items()}))
        if len({(one.manifest.as_of, one.manifest.data_digest) for one in found.values()}) > 1:
            console.print("Their data cuts differ, so their figures are of different windows.")


def _table(found: "Version") -> object:
    from training.display import compare_metrics

    manifest = found.manifest
    title = f"{found.name} version {found.version}, last window before {manifest.as_of.isoformat()}"
    return compare_metrics(title, {manifest.model: manifest.metrics, **found.baselines})


if __name__ == "__main__":
    app()
