"""`python -m training ablate`: measure a model with each of its parts left out."""

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
    seeds: Annotated[
        int, typer.Option(min=1, help="Number of trainings of each variant to average.")
    ] = 3,
    parts: Annotated[
        str | None,
        typer.Option(
            help="Parts to leave out, one at a time: title,demand,... By default every part."
        ),
    ] = None,
    device: DeviceName = "auto",
    home: Home = HOME,
) -> None:
    """Measure a model with each of its parts left out, on the last window before the cut.

    The whole model and every variant are trained, with each seed, on records known before that
    window, for the same number of epochs. Nothing is registered; figures go into one MLflow run.
    After an interruption, the same command continues. Example: python -m training ablate two_tower
    --as-of 2011-09-17 epochs=4
    """
    with work_of(model, overrides, as_of=as_of, config=config, home=home) as work:
        from training.ablate import FILE, grid
        from training.ablate import ablate as run

        ablation = run(
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

    console.print(table(grid(ablation)))
    file = work.ws.artifacts / ablation.run_id / "artifacts" / FILE
    console.print(f"By segment and seed: {file}", soft_wrap=True, highlight=False)
