"""`python -m training`: models from a shop's features.

A training is identified by its model, data cut, config, seed and code. Repeating a command returns
the existing version; after an interruption it resumes. Everything is logged to the workspace's
MLflow.
"""

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
from training.commands.tune import tune
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


app.command()(tune)
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
