"""`python -m training benchmark`: models on published splits and simulated truth; their costs."""

from pathlib import Path
from typing import Annotated

import typer

from configs.cli import HOME, Home, open_console, user_errors
from training.commands.customer_benchmarks import customer_truth, customers, seasons
from training.commands.options import AsOf, ConfigFile, DeviceName, Overrides, Seed
from training.commands.work import work_of

app = typer.Typer(
    no_args_is_help=True,
    help="Run published benchmarks; compare with a simulated shop's truth; measure costs.",
)
for command in (customers, seasons, customer_truth):
    app.command()(command)


@app.command()
def split(
    overrides: Overrides = None,
    *,
    train: Annotated[Path, typer.Option(help="One line per user: its id, then its items' ids.")],
    output: Annotated[Path, typer.Option(help="The Parquet file to write.")],
    embedding_dim: Annotated[int, typer.Option(min=1, help="Dimensions of an embedding.")] = 64,
    seed: Seed = 0,
    device: DeviceName = "auto",
) -> None:
    """Train a two-tower on a published split; write each user's 20 best new items.

    Reads the train file only. The number of epochs is chosen on a tenth of its pairs. After an
    interruption the same command resumes. Example: python -m training benchmark split --train
    train.txt --output lists.parquet
    """
    with user_errors():
        import shutil

        from configs.loader import load_config
        from training.benchmarks.split import answer_split
        from training.benchmarks.split_tower import SplitTowerConfig
        from training.commands.display import compare_metrics, console, show
        from training.score import write_scores

        config = load_config(
            SplitTowerConfig, overrides=[f"embedding_dim={embedding_dim}", *(overrides or ())]
        )
        work = output.with_name(f".{output.name}.training")
        with show(epochs=config.epochs) as display:
            answered = answer_split(
                train,
                config=config,
                work=work,
                seed=seed,
                device=device,
                progress=display.progress,
            )
        write_scores(answered.lists, output)
        shutil.rmtree(work)
        title = f"On held-out pairs, after {answered.epochs} epochs"
        console.print(compare_metrics(title, {"two_tower": answered.metrics}))
        users = answered.lists["user"].nunique()
        console.print(f"{output}: {len(answered.lists)} rows, {users} users")


@app.command()
def truth(
    overrides: Overrides = None,
    *,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A recommender; repeatable. Default: two_tower, ease, popularity."),
    ] = None,
    as_of: AsOf = None,
    config: ConfigFile = None,
    seed: Seed = 0,
    device: DeviceName = "auto",
    home: Home = HOME,
) -> None:
    """Correlate what models learn with the truth of a shop that `features simulate` made.

    Preferences: scores with each customer's true preferences, over products never bought. Tastes
    alone: the same without what all customers share, so that popularity has none. Popularity: the
    shared part with the true demand. Season: the change of the shared part in half a year with the
    season's change of demand, by category. Settings apply to the first model; each model is fitted
    before the cut and half a year before it. Nothing is registered. Example: python -m training
    benchmark truth --model two_tower --model popularity --as-of 2025-01-01 epochs=2
    """
    first, *others = model or ("two_tower", "ease", "popularity")
    with work_of(first, overrides, as_of=as_of, config=config, home=home) as work:
        from training.benchmarks.truth import grid, known_answers
        from training.models import config_class

        correlations = known_answers(
            work.ws,
            {first: work.config, **{name: config_class(name)() for name in others}},
            as_of=work.as_of,
            seed=seed,
            device=device,
            progress=work.progress,
        )
    from training.commands.display import console, table

    console.print(table(grid(correlations, as_of=work.as_of)))


@app.command()
def scale(
    *,
    sizes: Annotated[
        str, typer.Option(help="Multiples of 1,250 customers, separated by commas.")
    ] = "1,4,16",
    output: Annotated[Path, typer.Option(help="The CSV file to write.")],
    work: Annotated[
        Path | None, typer.Option(help="Keep the workspaces here; else they are removed.")
    ] = None,
) -> None:
    """Measure time and memory from a simulated shop's orders to lists for all its customers.

    A size is a multiple of 1,250 customers with their order lines; its square root is the multiple
    of 500 products. Size 4 is the demo's shop, size 16 takes about ten minutes. Every stage runs in
    a process of its own: simulate, build (snapshots), train (a two-tower, one epoch and reading its
    data), epoch (one more), score (lists of 10). Example: python -m training benchmark scale
    --sizes 1,4 --output scale.csv
    """
    with user_errors():
        import tempfile
        from contextlib import nullcontext

        from training.benchmarks.scale import known_sizes, measure
        from training.benchmarks.scale_costs import Cost, grid, write_costs

        known = known_sizes(sizes)
        costs: list[Cost] = []
        folder = tempfile.TemporaryDirectory() if work is None else nullcontext(str(work))
        try:
            with folder as name, open_console().status("") as status:
                for cost in measure(
                    known,
                    work=Path(name),
                    on_stage=lambda size, stage: status.update(f"Size {size:g}: {stage}"),
                ):
                    costs.append(cost)
                    write_costs(costs, output)
                    done = f"size {cost.size:g} {cost.stage}: {cost.wall_seconds:.1f} s"
                    status.console.print(done, highlight=False)
        finally:  # if a size exceeds the memory, those before it are still shown
            if costs:
                from training.commands.display import console, table

                console.print(table(grid(costs)))
                console.print(f"{output}: {len(costs)} rows")


@app.command()
def kernels(
    *,
    repetitions: Annotated[int, typer.Option(min=1, help="Measurements of each loop.")] = 200,
    seed: Seed = 0,
) -> None:
    """Measure what each compiled loop saves against the library call that it replaces.

    On one request to two_stage, drawn by the seed: 5,000 products, a history of 100 purchases, and
    models of the default sizes with random weights. Both run in one process on one thread, in
    turns, and must give the same results. Figures are medians of CPU microseconds. Takes about two
    minutes. Example: python -m training benchmark kernels --repetitions 500
    """
    with user_errors():
        from training.benchmarks.kernels import grid, measure

        with open_console().status("Draw a request") as status:
            costs = measure(
                repetitions=repetitions,
                seed=seed,
                on_repetition=lambda done: status.update(f"{done} of {repetitions} repetitions"),
            )
    from training.commands.display import console, table

    console.print(table(grid(costs)))


@app.command()
def lookalike(
    overrides: Overrides = None,
    *,
    as_of: Annotated[str, typer.Option(help="The cut (YYYY-MM-DD); its window has ended.")],
    days: Annotated[int, typer.Option(min=1, help="The window after the cut.")] = 90,
    home: Home = HOME,
) -> None:
    """Measure lookalikes: are customers who resemble a product's buyers its next buyers?

    The seed is who bought the product before the cut, the truth who first buys it in the window
    after it; all others are ranked. Nothing after the cut is read but the truth. Example: python -m
    training benchmark lookalike --as-of 2011-09-11 half_life_days=180
    """
    with user_errors():
        from configs.loader import load_config
        from features.workspace import Workspace
        from training.benchmarks import lookalike as benchmark
        from training.commands.options import cut_of
        from training.segments.vectors import LookalikeConfig

        ws = Workspace.open(home)
        cut = cut_of(ws, as_of)
        config = load_config(LookalikeConfig, overrides=overrides or ())
        lifts = benchmark.measure(ws, cut=cut, days=days, config=config)
        grid = benchmark.grid(lifts, cut=cut, days=days)
    from training.commands.display import console, table

    console.print(table(grid))
