"""`python -m training score`: fit, or take the version that stands, and write its answers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from configs.cli import HOME, Home, user_errors
from training.commands.options import AsOf, DeviceName, Seed, cut_of

if TYPE_CHECKING:
    import pandas as pd

    from training.data.training_data import TrainingData

app = typer.Typer(no_args_is_help=True, help="Write batch scores from data before a date.")
Output = Annotated[Path, typer.Option(help="The Parquet file to write.")]


@app.command()
def recommendations(
    *,
    output: Output,
    as_of: AsOf = None,
    k: Annotated[int, typer.Option(min=1, help="Products in a list.")] = 10,
    lists: Annotated[
        str, typer.Option(help="all: anything; new: never bought before; or both: all,new.")
    ] = "all,new",
    model: Annotated[
        str, typer.Option(help="two_stage (the whole), two_tower (a stage), or a baseline.")
    ] = "two_stage",
    seed: Seed = 0,
    device: DeviceName = "auto",
    home: Home = HOME,
) -> None:
    """Write the best products of every customer: list, customer_id, product_id, rank."""
    with user_errors():
        from training import score

        asked = score.known_lists(lists)
        fitted, data = _fitted(
            "recommender", model, as_of=as_of, seed=seed, device=device, home=home
        )
        _write(score.recommendations(fitted, data, k=k, lists=asked), output)


@app.command()
def churn(
    *,
    output: Output,
    as_of: AsOf = None,
    horizon_days: Annotated[int, typer.Option(min=1, help="Days without an order.")] = 90,
    model: Annotated[str, typer.Option(help="churn, recency or logistic_regression.")] = "churn",
    seed: Seed = 0,
    device: DeviceName = "auto",
    home: Home = HOME,
) -> None:
    """Write who will stay away: customer_id, churn_probability, for a year's customers."""
    with user_errors():
        from training import score

        fitted, data = _fitted(
            "churn",
            model,
            as_of=as_of,
            seed=seed,
            device=device,
            home=home,
            settings={"horizon_days": horizon_days},
        )
        _write(score.churn_probabilities(fitted, data), output)


def _fitted(
    registered: str,
    model: str,
    *,
    as_of: str | None,
    seed: int,
    device: DeviceName,
    home: Path,
    settings: dict[str, Any] | None = None,
) -> "tuple[Any, TrainingData]":
    """Return `model` fitted on what was known before `as_of`, and those data."""
    from features.online.client import FeatureClient
    from features.workspace import Workspace
    from training.bundle import load_bundle
    from training.commands.display import show, show_outcome
    from training.data.training_data import TrainingData
    from training.fit import fit
    from training.models import config_class, spec

    spec(model, registered=registered)
    ws = Workspace.open(home)
    cut = cut_of(ws, as_of)
    config = config_class(model)(**(settings or {}))
    with show(epochs=getattr(config, "epochs", None)) as display:
        result = fit(
            ws,
            model,
            as_of=cut,
            config=config,
            seed=seed,
            device=device,
            progress=display.progress,
        )
    if result.other_code is not None:
        show_outcome(result)
    bundle = load_bundle(result.version.bundle)
    return bundle.model, TrainingData(ws, FeatureClient(ws), as_of=cut)


def _write(frame: "pd.DataFrame", output: Path) -> None:
    from training.commands.display import console
    from training.score import write_scores

    write_scores(frame, output)
    customers = frame["customer_id"].nunique()
    console.print(f"{output}: {len(frame)} rows, {customers} customers")
