"""`python -m training segments`: define, refresh, show and export segments of customers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from configs.cli import HOME, Home, open_console, user_errors
from training.commands.segment_groups import clusters, tree
from training.segments.smallest import SMALLEST

if TYPE_CHECKING:
    from features.workspace import Workspace
    from training.reports.text_table import TextTable
    from training.segments.flows import Flows
    from training.segments.refresh import SegmentStore
    from training.segments.states import State

app = typer.Typer(no_args_is_help=True, help="Define, refresh, show and export customer segments.")
app.command()(tree)
app.command()(clusters)
OptOuts = Annotated[Path | None, typer.Option(help="Who opted out: one customer_id a line.")]
Key = Annotated[str, typer.Argument(help="A segment: `rfm-champions`, or one that you defined.")]


@app.command()
def define(
    key: Annotated[str, typer.Argument(help="Its name in paths: a-z, 0-9 and -.")],
    text: Annotated[str, typer.Argument(metavar="FILTER", help="See training/SEGMENTS.md.")],
    *,
    home: Home = HOME,
) -> None:
    """Store a segment's filter, as a new version, and evaluate it on the current state.

    Example: python -m training segments define big 'spend_365d >= 500 and lifecycle = "active"'
    """
    with user_errors():
        _, store = _opened(home)
        added, state = store.define(key, text)
        size = "computed at the next refresh" if state is None else _size(state, key)
        open_console().print(f"{key} version {added.version}: {added.filter}", soft_wrap=True)
        open_console().print(size)


@app.command("list")
def list_(*, home: Home = HOME) -> None:
    """List all segments with their numbers of customers."""
    with user_errors():
        from training.commands.display import console, table
        from training.reports.text_table import TextTable

        _, store = _opened(home)
        state = store.states.load()
        counted = state.counts()
        grid = TextTable(
            title=f"Segments at {state.as_of.isoformat()}",
            columns=("segment", "customers", "filter"),
            rows=tuple((key, f"{counted[key]:,}", state.filter_of(key)) for key in state.segments),
        )
        console.print(table(grid))


@app.command()
def remove(key: Key, *, home: Home = HOME) -> None:
    """Remove a definition, with all that was recorded of its members."""
    with user_errors():
        _, store = _opened(home)
        store.remove(key)
        open_console().print(f"{key}: removed")


@app.command()
def refresh(
    *,
    as_of: Annotated[
        str | None,
        typer.Option(help="Of what was known before this local day (YYYY-MM-DD); else now."),
    ] = None,
    home: Home = HOME,
) -> None:
    """Compute all segments at a time, with who entered and who left, and make them current.

    A first refresh also evaluates RFM groups and lifecycle at each month start of the year before.
    """
    with user_errors():
        import time

        ws, store = _opened(home)
        started = time.monotonic()
        with open_console(stderr=True).status("Read the tables") as status:
            state = store.refresh(
                ws.cut(as_of),
                progress=lambda done, total: status.update(f"{done} of {total} times"),
            )
        (customers,) = state.con.execute("SELECT count(*) FROM customers").fetchone() or (0,)
        open_console().print(
            f"{len(state.segments)} segments of {customers:,} customers at "
            f"{state.as_of.isoformat()}, in {time.monotonic() - started:.1f} s"
        )


@app.command()
def show(
    key: Key,
    *,
    limit: Annotated[int, typer.Option(min=0, help="Members to list.")] = 10,
    home: Home = HOME,
) -> None:
    """Show a segment: its filter, its number of customers, its first members by id."""
    with user_errors():
        from training.segments.membership import members

        _, store = _opened(home)
        state = store.states.load()
        console = open_console()
        console.print(f"{key}: {state.filter_of(key)}", soft_wrap=True)
        console.print(_size(state, key))
        listed = members(state.con, key, at=state.as_of, limit=limit)
        for customer_id, entered in listed.itertuples(index=False):
            console.print(f"  {customer_id}  since {entered.isoformat()}", soft_wrap=True)


@app.command()
def flows(
    *,
    start: Annotated[str, typer.Option("--from", help="A local day (YYYY-MM-DD).")],
    end: Annotated[str, typer.Option("--to", help="A local day (YYYY-MM-DD).")],
    grouping: Annotated[str, typer.Option(help="rfm or lifecycle.")] = "rfm",
    home: Home = HOME,
) -> None:
    """Show how many customers went from which group to which between two days.

    Each day shows the groups at the last evaluation at or before its midnight: month starts, and
    refreshes. The changes of all groups, and of `outside`, add up to 0.
    """
    with user_errors():
        from training.commands.display import console, table
        from training.segments.flows import grouped

        ws, store = _opened(home)
        moved = grouped(
            store.states.load(), grouping, before=ws.midnight(start), after=ws.midnight(end)
        )
        console.print(table(_flow_table(moved, title=f"Customers from {start} to {end}")))


@app.command()
def export(
    key: Key,
    *,
    output: Annotated[Path, typer.Option(help="The file to write: .csv or .parquet.")],
    smallest_size: Annotated[
        int, typer.Option(min=0, help="A smaller segment is not exported.")
    ] = SMALLEST,
    opt_outs: OptOuts = None,
    webhook: Annotated[str | None, typer.Option(help="Send the file there, signed.")] = None,
    secret_env: Annotated[
        str | None, typer.Option(help="The environment variable with the webhook's secret.")
    ] = None,
    home: Home = HOME,
) -> None:
    """Write a segment's members, without who opted out, and send them to a webhook.

    The list of opt-outs in the workspace (segments/opt_outs.txt) always counts; --opt-outs adds to
    it. Example: python -m training segments export rfm-champions --output champions.csv --opt-outs
    opt_outs.txt
    """
    with user_errors():
        import os
        import time

        from training.segments.export import export as write
        from training.segments.opt_outs import read_opt_outs
        from training.segments.webhook import WebhookError, check_url, deliver, secret_of

        secret = None
        if (webhook is None) != (secret_env is None):
            raise WebhookError("--webhook and --secret-env: give both, or neither")
        if webhook is not None and secret_env is not None:
            check_url(webhook)
            secret = secret_of(os.environ, secret_env)
        _, store = _opened(home)
        state = store.states.load()
        state.check(key)
        outs = read_opt_outs(store.states.folder, opt_outs)
        rows = write(state.con, key, output, at=state.as_of, opt_outs=outs, smallest=smallest_size)
        console = open_console()
        console.print(f"{output}: {rows:,} customers of {key} at {state.as_of.isoformat()}")
        if webhook is not None and secret is not None:
            now = int(time.time())  # the receiver's clock, not the shop's
            status = deliver(output, webhook, segment=key, secret=secret, timestamp=now)
            console.print(f"{webhook} took it: {status}")


@app.command()
def lookalike(
    *,
    seed: Annotated[str | None, typer.Option(help="A segment whose members are the seed.")] = None,
    seed_file: Annotated[
        Path | None, typer.Option(help="Or its customer_ids, a line each.")
    ] = None,
    size: Annotated[int, typer.Option(min=1, help="Customers to find.")] = 100,
    smallest_size: Annotated[
        int, typer.Option(min=1, help="A smaller seed or audience is refused.")
    ] = SMALLEST,
    opt_outs: OptOuts = None,
    output: Annotated[Path, typer.Option(help="The Parquet file: customer_id, score.")],
    home: Home = HOME,
) -> None:
    """Find the customers who are most similar to a seed, by what they bought; the best first.

    Of what was known at the time of the last refresh, without who opted out, as in `export`.
    Example: python -m training segments lookalike --seed rfm-champions --size 200 --output
    similar.parquet --opt-outs opt_outs.txt
    """
    with user_errors():
        from training.score import write_scores
        from training.segments.audiences import audience
        from training.segments.membership import SegmentError
        from training.segments.opt_outs import read_ids, read_opt_outs

        _, store = _opened(home)
        state = store.states.load()
        if (seed is None) == (seed_file is None):
            raise SegmentError("--seed and --seed-file: give one of them")
        ids = read_ids(seed_file) if seed_file is not None else state.member_ids(str(seed))
        outs = read_opt_outs(store.states.folder, opt_outs)
        found = audience(state.vectors, ids, size=size, opt_outs=outs, smallest=smallest_size)
        write_scores(found, output)
        open_console().print(f"{output}: {len(found):,} customers at {state.as_of.isoformat()}")


def _opened(home: Path) -> "tuple[Workspace, SegmentStore]":
    from features.workspace import Workspace
    from training.segments.refresh import SegmentStore

    ws = Workspace.open(home)
    return ws, SegmentStore(ws)


def _size(state: "State", key: str) -> str:
    from training.segments.membership import count

    state.check(key)
    number = count(state.con, key, at=state.as_of)
    return f"{number:,} customers at {state.as_of.isoformat()}"


def _flow_table(moved: "Flows", *, title: str) -> "TextTable":
    """Return a row for each group that was left, a column for each that was entered."""
    from training.reports.text_table import TextTable

    rows = [
        (source, *(f"{number:,}" for number in moved.customers.loc[source]))
        for source in moved.groups
    ]
    net = moved.net
    changes = ("change", *(f"{net[group]:+,}" for group in moved.groups))
    return TextTable(
        title=f"{title}; the changes add up to {sum(net.values())}",
        columns=("from \\ to", *moved.groups),
        rows=(*rows, changes),
    )
