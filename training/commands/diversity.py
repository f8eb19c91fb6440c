"""`python -m training diversity`: what it costs that a list's products are unlike each other."""

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
    """Show what each level of `diversity` costs a recommender's lists in NDCG, and what it brings.

    The model learns from what was known before the last window of 28 days before the cut; on that
    window its lists are composed with diversity 0, 0.1 ... 1. A table, its CSV and a plot (SVG):
    choose by them what a request or the service's policy asks for. Example: python -m training
    diversity two_stage --as-of 2011-11-12
    """
    with work_of(model, overrides, as_of=as_of, config=config, home=home) as work:
        from training.price_diversity import price_diversity

        found = price_diversity(
            work.ws,
            model,
            as_of=work.as_of,
            config=work.config,
            seed=seed,
            device=device,
            progress=work.progress,
        )
    from training.commands.display import console, table
    from training.price_diversity import PLOT, TABLE, grid

    folder = work.ws.artifacts / found.run_id / "artifacts"
    console.print(table(grid(found)), highlight=False)
    console.print(f"Table: {folder / TABLE}", highlight=False, soft_wrap=True)
    console.print(f"Plot: {folder / PLOT}", highlight=False, soft_wrap=True)
