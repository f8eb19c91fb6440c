"""Common options of the verbs of `python -m training`, and the data cut."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from training.families import FAMILIES

if TYPE_CHECKING:
    import pandas as pd

    from features.workspace import Workspace

AsOf = Annotated[
    str | None,
    typer.Option(help="Train on records known before this local day (YYYY-MM-DD); else today."),
]
Model = Annotated[
    str,
    typer.Argument(
        help="two_stage, two_tower, churn, or a baseline: popularity, ease, recency, ..."
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="Settings that override the config: epochs=3 learning_rate=0.001 ..."),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="A YAML of overrides, as `tune` writes it.")
]
Seed = Annotated[int, typer.Option(help="The same seed, data and config give the same weights.")]
DeviceName = Annotated[
    Literal["auto", "cpu", "cuda"], typer.Option(help="auto uses a GPU if there is one.")
]
Name = Annotated[
    str, typer.Argument(help=f"A registered model ({', '.join(FAMILIES)}) or one of its models.")
]


def cut_of(ws: "Workspace", as_of: str | None) -> "pd.Timestamp":
    """Return the midnight of the local day `as_of`, by default of the clock's day.

    Raises WorkspaceError if it is not a date, or is after the clock.
    """
    return ws.cut(str(ws.now().tz_convert(ws.timezone).date()) if as_of is None else as_of)
