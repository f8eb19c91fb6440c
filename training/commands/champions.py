"""`python -m training history` and `rollback`: which version was the champion when, and back."""

from typing import TYPE_CHECKING, Annotated

import typer

from configs.cli import HOME, Home, user_errors
from training.commands.options import Name

if TYPE_CHECKING:
    import pandas as pd

    from features.workspace import Workspace
    from training.registry.ledger import Move
    from training.registry.versions import History
    from training.reports.text_table import TextTable


def rollback(
    model: Name,
    *,
    because: Annotated[
        str | None, typer.Option(help="The reason; it stands in the history.")
    ] = None,
    home: Home = HOME,
) -> None:
    """Make the previous champion the champion again: serving takes it.

    A second rollback goes one promotion further back. Example: python -m training rollback
    recommender --because "fewer orders since Monday"
    """
    with user_errors():
        from features.workspace import Workspace
        from training.commands.display import console
        from training.registry.versions import rollback

        chosen = rollback(Workspace.open(home), model, reason=because)
        console.print(f"{chosen.name} version {chosen.version} is the champion: serving takes it.")


def history(
    model: Name,
    *,
    at: Annotated[
        str | None,
        typer.Option(help="What served then: a local day, or a time such as 2011-12-10T00:00:00Z."),
    ] = None,
    home: Home = HOME,
) -> None:
    """Show every promotion and rollback of a model: when, by whom, from and to, and why.

    Times are the shop's local ones. Example: python -m training history recommender --at 2011-12-09
    """
    with user_errors():
        from features.workspace import Workspace
        from training.commands.display import console, table
        from training.registry.versions import history

        ws = Workspace.open(home)
        span = None if at is None else _span(ws, at)
        found = history(ws, model)
        if not found.moves:
            console.print(f"No promotion of {found.name} is recorded.")
        elif span is None:
            console.print(table(_grid(ws, found), words=True), highlight=False)
        else:
            for line in _served(ws, found, at=str(at), span=span):
                console.print(line, highlight=False, soft_wrap=True)


def _span(ws: "Workspace", at: str) -> "tuple[pd.Timestamp, pd.Timestamp]":
    """Return the first and the last time (UTC) of `at`: a local day, or a time twice.

    Raises WorkspaceError if it is neither, or begins after the workspace's clock.
    """
    import datetime

    from features.times import read_day, read_time
    from features.workspace import WorkspaceError

    try:
        first = last = read_time(at)
    except ValueError:
        try:
            after = read_day(at) + datetime.timedelta(days=1)
        except (OverflowError, ValueError):
            raise WorkspaceError(
                f"--at {at}: write a day, 2011-12-10, or a time, 2011-12-10T00:00:00Z"
            ) from None
        first, last = ws.midnight(at), ws.midnight(after.isoformat())
        last -= datetime.timedelta(microseconds=1)
    if first > (now := ws.now()):
        raise WorkspaceError(f"--at {at}: the workspace's clock stands at {now.isoformat()}")
    return first, last


def _grid(ws: "Workspace", found: "History") -> "TextTable":
    from training.reports.text_table import TextTable

    return TextTable(
        title=f"Champions of {found.name}, times in {ws.timezone}",
        columns=("time", "who", "move", "version", "model", "data before", "reason"),
        rows=tuple(
            (
                _local(ws, move.time),
                move.who,
                move.kind,
                f"{move.version_from or '-'} -> {move.version_to}",
                *_made(ws, found, move.version_to),
                move.reason or "-",
            )
            for move in found.moves
        ),
    )


def _served(
    ws: "Workspace", found: "History", *, at: str, span: "tuple[pd.Timestamp, pd.Timestamp]"
) -> list[str]:
    """Return a line for each version that was the champion within `span`, both ends included."""
    from training.registry.ledger import champions_between

    when = f"at {at}" if span[0] == span[1] else f"on {at}"
    first, moves = found.moves[0], champions_between(found.moves, *span)
    lines = [_line(ws, found, move, when=when) for move in moves]
    if first.time <= span[0]:
        return lines
    until = _local(ws, first.time)
    if first.version_from is None:
        return [f"No version of {found.name} served before {until}", *lines]
    what = _named(ws, found, first.version_from)
    return [f"{what} served until {until}; its promotion is not recorded", *lines]


def _line(ws: "Workspace", found: "History", move: "Move", *, when: str) -> str:
    made = {"promote": "promoted", "rollback": "rolled back to"}[move.kind]
    because = f": {move.reason}" if move.reason else ""
    what = _named(ws, found, move.version_to)
    return f"{what} served {when}, {made} {_local(ws, move.time)} by {move.who}{because}"


def _named(ws: "Workspace", found: "History", version: str) -> str:
    model, as_of = _made(ws, found, version)
    return f"{found.name} version {version} ({model}, data before {as_of})"


def _made(ws: "Workspace", found: "History", version: str) -> tuple[str, str]:
    """Return the model of a version and its data cut; "-" where the registry lacks it."""
    import pandas as pd

    tags = found.made.get(version, {})
    as_of = tags.get("as_of")
    return tags.get("model", "-"), "-" if as_of is None else _local(ws, pd.Timestamp(as_of))


def _local(ws: "Workspace", time: "pd.Timestamp") -> str:
    """Return the local time, to the minute; a midnight is its day."""
    return f"{time.tz_convert(ws.timezone):%Y-%m-%d %H:%M}".removesuffix(" 00:00")
