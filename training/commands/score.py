"""`python -m training score`: fit a model, or take the existing version, and write its scores."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from configs.cli import HOME, Home, user_errors
from training.commands.options import AsOf, DeviceName, Seed, cut_of
from training.families import FAMILIES, scored_families
from training.models import MODELS

if TYPE_CHECKING:
    import pandas as pd

    from training.bundle import Bundle
    from training.data.training_data import TrainingData
    from training.interfaces import CustomerModel, Predictor, Recommender

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

        known = score.known_lists(lists)
        bundle, data = fitted(
            "recommender", model, as_of=as_of, seed=seed, device=device, home=home
        )
        trained = cast("Recommender", bundle.model)
        _write(score.recommendations(trained, data, k=k, lists=known), output)


def predict_command(family: str) -> Callable[..., None]:
    """Return the command that writes the predictions of the registered name `family`."""
    scores, default = scored_families()[family], FAMILIES[family].default_model
    names = [name for name, entry in MODELS.items() if entry.registered == family]

    def command(
        *,
        output: Output,
        as_of: AsOf = None,
        horizon_days: Annotated[
            int, typer.Option(min=1, help=scores.horizon_help)
        ] = scores.horizon_days,
        model: Annotated[str, typer.Option(help=f"{alternatives(names)}.")] = default,
        seed: Seed = 0,
        device: DeviceName = "auto",
        home: Home = HOME,
    ) -> None:
        with user_errors():
            from training import score

            bundle, data = fitted(
                family,
                model,
                as_of=as_of,
                seed=seed,
                device=device,
                home=home,
                settings={"horizon_days": horizon_days},
            )
            trained = cast("Predictor | CustomerModel", bundle.model)
            _write(score.predictions(trained, data, family=family), output)

    return command


def alternatives(names: Sequence[str]) -> str:
    """Return `names`, at least one, as words.

    >>> alternatives(["churn", "recency", "logistic_regression"]), alternatives(["churn"])
    ('churn, recency or logistic_regression', 'churn')
    """
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


for _family, _scores in scored_families().items():
    app.command(_family, help=_scores.help)(predict_command(_family))


def fitted(
    registered: str,
    model: str,
    *,
    as_of: str | None,
    seed: int,
    device: DeviceName,
    home: Path,
    settings: dict[str, Any] | None = None,
) -> "tuple[Bundle, TrainingData]":
    """Return `model` fitted on what was known before `as_of`, and those data."""
    from features.offline import OfflineFeatures
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
    return bundle, TrainingData(ws, OfflineFeatures(ws), as_of=cut)


def _write(frame: "pd.DataFrame", output: Path) -> None:
    from training.commands.display import console
    from training.score import write_scores

    write_scores(frame, output)
    customers = frame["customer_id"].nunique()
    console.print(f"{output}: {len(frame)} rows, {customers} customers")
