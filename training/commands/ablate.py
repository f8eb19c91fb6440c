"""`python -m training ablate`: what each part of a model is worth, by leaving it out."""

from typing import Annotated

import typer

from configs.cli import HOME, Home
from training.commands.options import AsOf, ConfigFile, DeviceName, Model, Overrides
from training.commands.work import work_of


def ablate(
    model: Model,
    overrides: Overrides = None,
    *,
    as_of: AsOf = None,
    config: ConfigFile = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each variant, averaged.")] = 3,
    parts: Annotated[
        str | None,
        typer.Option(help="What is left out, each alone: title,demand,... By default every part."),
    ] = None,
    device: DeviceName = "auto",
    home: Home = HOME,
) -> None:
    """Measure a model with each of its parts left out, on the last window before the cut.

    The whole and every variant learn, with each seed, from what was known before that window, for
    the same number of epochs. Nothing is registered; figures go into one MLflow run. Cut off, the
    same command goes on. Example: python -m training ablate two_tower --as-of 2011-09-17 epochs=4
    """
    with work_of(model, overrides, as_of=as_of, config=config, home=home) as work:
        from training.ablate import FILE, grid
        from training.ablate import ablate as run

        found = run(
            work.ws,
            model,
            as_of=work.as_of,
            config=work.config,
            seeds=seeds,
            parts=None if parts is None else parts.split(","),
            device=device,
            progress=work.progress,
        )
    from training.commands.display import console, table

    console.print(table(grid(found)))
    file = work.ws.artifacts / found.run_id / "artifacts" / FILE
    console.print(f"By segment and seed: {file}", soft_wrap=True, highlight=False)
