"""`python -m training benchmark`: the customer models, through the seasons and beside the truth."""

from pathlib import Path
from typing import Annotated

import typer

from configs.cli import HOME, Home
from training.commands.options import ConfigFile, Overrides, Seed
from training.commands.work import work_of


def seasons(
    overrides: Overrides = None,
    *,
    model: Annotated[str, typer.Option(help="A model of the family customers.")] = "customer_trees",
    first: Annotated[str, typer.Option(help="The first cut, a date such as 2011-01-01.")],
    last: Annotated[str, typer.Option(help="The last cut.")],
    output: Annotated[Path, typer.Option(help="The folder to write: two CSV files and a plot.")],
    config: ConfigFile = None,
    seed: Seed = 0,
    home: Home = HOME,
) -> None:
    """Fit a customer model at fortnightly cuts; compare its level and probabilities with what came.

    Each cut's model sees what was known before the cut alone, and all have the same config. After
    an interruption the same command resumes. Example: python -m training benchmark seasons
    --first 2011-01-01 --last 2011-09-10 --output seasons
    """
    with work_of(model, overrides, as_of=last, config=config, home=home) as work:
        from configs.durable import replacing
        from training.benchmarks.seasons import grid, measure_seasons
        from training.reports.panels import svg
        from training.reports.season_plot import draw_seasons

        measured = measure_seasons(
            work.ws,
            model,
            first=work.ws.midnight(first),
            last=work.as_of,
            config=work.config,
            folder=output,
            seed=seed,
            progress=work.progress,
        )
        title = f"{model}, seed {seed}: {len(measured.figures)} cuts"
        with (
            draw_seasons(measured.figures, measured.reliability, title=title) as figure,
            replacing(output / "seasons.svg") as file,
        ):
            file.write(svg(figure).encode())
    from training.commands.display import console, table

    console.print(table(grid(measured, title=title)))
    console.print(f"Plot: {output / 'seasons.svg'}")


def customers(
    overrides: Overrides = None,
    *,
    as_of: Annotated[str, typer.Option(help="The cut (YYYY-MM-DD); its window has ended.")],
    config: ConfigFile = None,
    seed: Seed = 0,
    home: Home = HOME,
) -> None:
    """Compare all customer models on the window after a cut, by a proper score, in pairs.

    Each is fitted on what was known before the cut; the window must lie in the data. The score adds
    up churn, orders and spend, each as a share of predicting the average for everyone: lower is
    better. Example: python -m training benchmark customers --as-of 2011-04-26 horizon_days=60
    """
    with work_of("customers", overrides, as_of=as_of, config=config, home=home) as work:
        from training.benchmarks.customer_models import grid, measure

        found = measure(
            work.ws, cut=work.as_of, config=work.config, seed=seed, progress=work.progress
        )
        title = f"{found.customers:,} customers at {work.as_of.isoformat()}, seed {seed}"
    from training.commands.display import console, table

    console.print(table(grid(found, title=title)))


def customer_truth(
    overrides: Overrides = None,
    *,
    model: Annotated[str, typer.Option(help="A model of the family customers.")] = "customer_trees",
    as_of: Annotated[str, typer.Option(help="The cut (YYYY-MM-DD); its window has ended.")],
    config: ConfigFile = None,
    seed: Seed = 0,
    home: Home = HOME,
) -> None:
    """Compare churn, by tenth of the customers, and totals with a simulated shop's truth.

    True churn is the probability of no order in the horizon given what no shop sees: a customer's
    rhythm, and whether the customer has left. Spend is compared with what was spent. The shop is
    one that `features simulate` made. Example: python -m training benchmark customer-truth
    --as-of 2024-10-01
    """
    with work_of(model, overrides, as_of=as_of, config=config, home=home) as work:
        from training.benchmarks.customer_truth import grid, measure

        found = measure(
            work.ws, model, cut=work.as_of, config=work.config, seed=seed, progress=work.progress
        )
        title = f"{model} beside the truth at {work.as_of.isoformat()}, seed {seed}"
    from training.commands.display import console, table

    console.print(table(grid(found, title=title)))
