"""`training reproduce`: a version, made again."""

from typing import Annotated

import typer

from configs.cli import HOME, Home, user_errors
from training.commands.options import DeviceName


def reproduce(
    version: Annotated[
        str, typer.Argument(help="recommender@3, churn@champion, or a model's name.")
    ],
    *,
    device: DeviceName = "auto",
    home: Home = HOME,
) -> None:
    """Train a version again from its data cut, settings and seed, and compare the files.

    Nothing is registered. The exit code is 1 if a file differs: on another kind of CPU or GPU
    numbers differ slightly, and the share of equal answers says how little.

    Example: python -m training reproduce recommender@champion
    """
    with user_errors():
        from features.workspace import Workspace
        from training.commands.display import console, show
        from training.promotion.reproduce import reproduce as run

        ws = Workspace.open(home)
        with show(epochs=None) as display:
            found = run(ws, *version.split("@", 1), device=device, progress=display.progress)
        made = found.version
        label = f"{made.name} version {made.version} ({made.manifest.model})"
        if found.identical:
            console.print(f"{label}: made again, every file is equal bit by bit.")
            return
        console.print(
            f"{label}: made again, these files differ: {', '.join(found.differing)}. "
            f"{found.same_answers:.1%} of the answers are equal. It came from commit "
            f"{made.manifest.git_commit}.",
            soft_wrap=True,
        )
        raise typer.Exit(1)
