"""`python -m training`: models from a shop's features.

A training is identified by its model, data cut, config, seed and code. Repeating a command returns
the existing version; after an interruption it resumes. Everything is logged to the workspace's
MLflow.
"""

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from configs.cli import HOME, Home, user_errors
from training.commands import benchmark, score, segments
from training.commands.ablate import ablate
from training.commands.champions import history, rollback
from training.commands.compare import compare
from training.commands.config import config
from training.commands.diversity import diversity
from training.commands.evaluate import evaluate
from training.commands.figures import figures
from training.commands.options import AsOf, ConfigFile, DeviceName, Model, Name, Overrides, Seed
from training.commands.profit import profit
from training.commands.promote import promote
from training.commands.refresh import refresh
from training.commands.reproduce import reproduce
from training.commands.work import work_of

if TYPE_CHECKING:
    from training.registry.versions import Version

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
app.add_typer(benchmark.app, name="benchmark")
app.add_typer(score.app, name="score")
app.add_typer(segments.app, name="segments")


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

    The number of epochs is chosen on the last window before the cut; the model is compared
    with its baselines there. Example: python -m training fit churn --as-of 2011-09-11
    hidden=[64,32]
    """
    with work_of(model, overrides, as_of=as_of, config=config, home=home) as work:
        from training.fit import fit as run

        result = run(
            work.ws,
            model,
            as_of=work.as_of,
            config=work.config,
            seed=seed,
            device=device,
            progress=work.progress,
        )
    from training.commands.display import console, show_outcome

    console.print(_table(result.version))
    show_outcome(result)
    console.print(
        f"Next: python -m training promote {result.version.name} --version {result.version.version}"
    )


@app.command()
def tune(
    model: Model,
    overrides: Overrides = None,
    *,
    trials: Annotated[int, typer.Option(min=1, help="Finished trials: complete or pruned.")],
    windows: Annotated[
        int, typer.Option(min=1, help="Windows that each trial is measured on.")
    ] = 1,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Minutes after which no trial begins.")
    ] = None,
    as_of: AsOf = None,
    config: ConfigFile = None,
    seed: Seed = 0,
    device: DeviceName = "auto",
    home: Home = HOME,
) -> None:
    """Search the settings of a model by Optuna; write the best as a YAML that `fit` takes.

    The objective is the mean score on the windows before the last one; bad trials are pruned early.
    The last window before the cut is kept from the search: there, the best settings are compared
    with those that the search began with. A killed search goes on with the next trial.
    """
    with work_of(model, overrides, as_of=as_of, config=config, home=home) as work:
        from training.tune import tune as run

        result = run(
            work.ws,
            model,
            trials=trials,
            windows=windows,
            timeout_s=None if timeout is None else 60 * timeout,
            as_of=work.as_of,
            config=work.config,
            seed=seed,
            device=device,
            progress=work.progress,
        )
    from training.commands.display import console
    from training.models import spec

    console.print(
        f"{result.study}: {result.complete} complete, {result.pruned} pruned; "
        f"best {result.value:.4f} with {result.best or 'the default settings'}, on windows from "
        f"{', '.join(result.windows)}",
        soft_wrap=True,
        highlight=False,
    )
    lead = result.held_out
    if result.searched_last:
        console.print("The shop is too short to keep its last window from the search.")
    if lead is not None:
        verdict = "better" if lead.low > 0 else "worse" if lead.high < 0 else "no difference shown"
        console.print(
            "On the last window, which the search did not see, its lead over the given settings is "
            f"{lead.value:+.4f} in {spec(model).family.compared_by} (95% interval "
            f"{lead.low:+.4f} to {lead.high:+.4f}): {verdict}.",
            soft_wrap=True,
            highlight=False,
        )
    console.print(
        f"Next: python -m training fit {model} --config {shlex.quote(str(result.file))}",
        soft_wrap=True,
    )


app.command()(config)
app.command()(evaluate)
app.command()(compare)
app.command()(diversity)
app.command()(ablate)
app.command()(promote)
app.command()(refresh)
app.command()(rollback)
app.command()(history)
app.command()(reproduce)
app.command()(profit)
app.command()(figures)


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
        from training.commands.display import console
        from training.registry.versions import export

        console.print(str(export(Workspace.open(home), model, version)))


def _table(chosen: "Version") -> object:
    from training.commands.display import compare_metrics

    manifest = chosen.manifest
    title = (
        f"{chosen.name} version {chosen.version}, last window before {manifest.as_of.isoformat()}"
    )
    return compare_metrics(title, {manifest.model: manifest.metrics, **chosen.baselines})


if __name__ == "__main__":
    app()
