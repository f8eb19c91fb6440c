"""`python -m training diversity`: the cost of more diverse lists."""

from configs.cli import HOME, Home
from training.commands.options import AsOf, ConfigFile, DeviceName, Model, Overrides, Seed
from training.commands.work import work_of


def diversity(
    model: Model,
    overrides: Overrides = None,
    *,
    as_of: AsOf = None,
    config: ConfigFile = None,
    seed: Seed = 0,
    device: DeviceName = "auto",
    home: Home = HOME,
) -> None:
    """Show the loss in NDCG and the gain in diversity of lists at each level of `diversity`.

    The model is trained on records known before the last window of 28 days before the cut; on that
    window its lists are composed with diversity 0, 0.1 ... 1. Prints a table and writes a CSV and a
    plot (SVG), from which to choose the value for a request or the service's policy. Example:
    python -m training diversity two_stage --as-of 2011-11-12
    """
    with work_of(model, overrides, as_of=as_of, config=config, home=home) as work:
        from training.benchmarks.price_diversity import price_diversity

        cost = price_diversity(
            work.ws,
            model,
            as_of=work.as_of,
            config=work.config,
            seed=seed,
            device=device,
            progress=work.progress,
        )
    from training.benchmarks.price_diversity import PLOT, TABLE, grid
    from training.commands.display import console, table

    folder = work.ws.artifacts / cost.run_id / "artifacts"
    console.print(table(grid(cost)), highlight=False)
    console.print(f"Table: {folder / TABLE}", highlight=False, soft_wrap=True)
    console.print(f"Plot: {folder / PLOT}", highlight=False, soft_wrap=True)
