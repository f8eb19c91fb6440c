"""`python -m training figures`: the shop's figures, each with its interval."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from configs.cli import HOME, Home, user_errors
from training.commands.options import AsOf, cut_of

if TYPE_CHECKING:
    from training.figures.figures import ShopFigures

PLOT: Final = "figures.svg"


def figures(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="Settings: margin=0.4 churn_days=60 loyalty.reference_days=180 ..."),
    ] = None,
    *,
    as_of: AsOf = None,
    costs: Annotated[
        Path | None, typer.Option(help="Costs of acquisition: month (YYYY-MM), cost, channel?.")
    ] = None,
    survey: Annotated[
        Path | None, typer.Option(help="Answers: customer_id, time, question (csat, nps), score.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="Settings; default: training/figures/figures.yaml."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the bootstrap intervals.")] = 0,
    output: Annotated[
        Path | None, typer.Option(help=f"A folder for the tables as CSV, and {PLOT}.")
    ] = None,
    home: Home = HOME,
) -> None:
    """Show retention and repeat rate by cohort, churn, CLV : CAC, CSAT, NPS and loyalty.

    All of what was known before the cut. Months that are not over are left out, never shown low.
    Example: python -m training figures --as-of 2011-09-11 --costs costs.csv --survey survey.csv
    margin=0.4 --output figures
    """
    with user_errors():
        from configs.loader import load_config
        from features.workspace import Workspace
        from training.commands.display import console, table
        from training.figures.figures import CONFIG, FiguresConfig, shop_figures
        from training.reports.figures_tables import shop_tables

        settings = load_config(FiguresConfig, config or CONFIG, overrides or ())
        ws = Workspace.open(home)
        found = shop_figures(
            ws, settings, as_of=cut_of(ws, as_of), costs=costs, survey=survey, seed=seed
        )
        for grid in shop_tables(found):
            console.print(table(grid), highlight=False)
        formula = found.no_loyalty if found.loyalty is None else found.loyalty.formula
        console.print(formula, highlight=False, soft_wrap=True)
        if output is not None:
            for file in _write(found, output):
                console.print(str(file), highlight=False, soft_wrap=True)


def _write(found: "ShopFigures", folder: Path) -> list[Path]:
    """Write the tables and the plot into `folder`; return the files."""
    from training.reports.figures_plot import draw_figures
    from training.reports.panels import write_plot
    from training.score import write_csv

    tables = {
        "cohorts": found.cohorts,
        "churn": found.churn_rates,
        "loyalty": None if found.loyalty is None else found.loyalty.customers,
        "acquisition": found.acquisition,
        "satisfaction": found.satisfaction,
    }
    files = []
    for name, frame in tables.items():
        if frame is not None:
            files.append(folder / f"{name}.csv")
            write_csv(frame, files[-1])
    with draw_figures(found) as figure:
        write_plot(figure, folder / PLOT)
    return [*files, folder / PLOT]
