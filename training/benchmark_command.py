"""`python -m training benchmark`: the models on what others have published."""

from pathlib import Path
from typing import Annotated

import typer

from configs.cli import user_errors
from training.options import DeviceName, Overrides, Seed

app = typer.Typer(no_args_is_help=True, help="Answer published benchmarks.")


@app.callback()
def _verbs() -> None:
    """Keep `split` a verb, though it is the only one."""


@app.command()
def split(
    overrides: Overrides = None,
    *,
    train: Annotated[Path, typer.Option(help="A line a user: its id, then its items' ids.")],
    output: Annotated[Path, typer.Option(help="The Parquet file to write.")],
    embedding_dim: Annotated[int, typer.Option(min=1, help="Dimensions of an embedding.")] = 64,
    seed: Seed = 0,
    device: DeviceName = "auto",
) -> None:
    """Train a two-tower on a published split; write each user's 20 best new items.

    Reads the train file only. The number of epochs is chosen on a tenth of its pairs. Cut off, the
    same command goes on. Example: python -m training benchmark split --train train.txt --output
    lists.parquet
    """
    with user_errors():
        import shutil

        from configs.loader import load_config
        from training.benchmarks import answer_split
        from training.display import compare_metrics, console, show
        from training.score import write_scores
        from training.split_tower import SplitTowerConfig

        config = load_config(
            SplitTowerConfig, overrides=[f"embedding_dim={embedding_dim}", *(overrides or ())]
        )
        work = output.with_name(f".{output.name}.training")
        with show(epochs=config.epochs) as display:
            answered = answer_split(
                train, config=config, work=work, seed=seed, device=device, report=display.on_epoch
            )
        write_scores(answered.lists, output)
        shutil.rmtree(work)
        title = f"On held-out pairs, after {answered.epochs} epochs"
        console.print(compare_metrics(title, {"two_tower": answered.metrics}))
        users = answered.lists["user"].nunique()
        console.print(f"{output}: {len(answered.lists)} rows, {users} users")
