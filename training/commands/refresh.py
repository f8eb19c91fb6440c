"""`training refresh`: the champion's settings on today's data."""

from typing import Annotated

import typer

from configs.cli import HOME, Home, user_errors
from training.commands.options import AsOf, DeviceName, Name, cut_of


def refresh(
    model: Name,
    *,
    promote: Annotated[
        bool, typer.Option("--promote", help="Make it the champion if nothing speaks against it.")
    ] = False,
    as_of: AsOf = None,
    device: DeviceName = "auto",
    home: Home = HOME,
) -> None:
    """Train the champion's model and settings again on today's data; examine the new version.

    It becomes the alias `challenger`, and the champion only with --promote. Run it from cron: a
    second one at the same time waits, and finds the version of the first. The exit code is 0 if
    nothing speaks against the version, else 1.

    Example: python -m training refresh recommender --promote
    """
    with user_errors():
        from features.workspace import Workspace
        from training.commands.display import console, show, table
        from training.commands.promote import lead_table
        from training.refresh import refresh as run

        ws = Workspace.open(home)
        with show(epochs=None) as display:
            found = run(
                ws,
                model,
                as_of=cut_of(ws, as_of),
                promoting=promote,
                device=device,
                progress=display.progress,
            )
        made, verdict = found.version, found.verdict
        if verdict.evidence is not None:
            console.print(table(lead_table(made, verdict.evidence)))
        state = "existed already" if found.reused else "was trained"
        console.print(f"{made.name} version {made.version} ({made.manifest.model}) {state}.")
        for text in verdict.objections:
            console.print(f"Against it: {text}", soft_wrap=True, highlight=False)
        if found.promoted:
            console.print(f"{made.name} version {made.version} is the champion.")
        elif verdict.objections:
            raise typer.Exit(1)
