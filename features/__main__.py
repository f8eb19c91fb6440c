"""`python -m features`: ingest a shop's orders and build features from them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from zoneinfo import available_timezones

import typer
from rich.progress import Progress

from configs import privacy
from configs.cli import HOME, Home, open_console, user_errors
from configs.durable import replacing
from configs.loader import ConfigError, load_config
from configs.plain_lines import PlainLines
from features.checks.reconciliation import reconciliation_table
from features.workspace import Workspace, WorkspaceError, is_new

if TYPE_CHECKING:
    from features.schema import RetailDataset

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
console = open_console()
CHECKED_LINES: Final = 5_000_000
"""Up to so many order lines `ingest` checks the tables itself."""
AsOf = Annotated[
    str | None,
    typer.Option(help="The local day (YYYY-MM-DD) whose midnight is the cut; default: now."),
]


@app.command()
def ingest(
    adapter: Annotated[str, typer.Argument(help="online_retail or csv")],
    *,
    file: Annotated[
        list[Path],
        typer.Option(help="The order lines: text, .xlsx, .xls, .parquet, .gz, .zip; several or *."),
    ],
    mapping: Annotated[Path | None, typer.Option(help="csv: which column is which (YAML).")] = None,
    preset: Annotated[
        str | None, typer.Option(help="csv: the mapping of a known export, such as shopify.")
    ] = None,
    timezone: Annotated[str | None, typer.Option(help="The shop's IANA zone.")] = None,
    currency: Annotated[str | None, typer.Option(help="The shop's currency.")] = None,
    clock: Annotated[str | None, typer.Option(help="system or fixed:T (RFC 3339).")] = None,
    corrections: Annotated[
        bool, typer.Option("--corrections", help="Orders that differ replace the stored ones.")
    ] = False,
    home: Home = HOME,
) -> None:
    """Ingest a shop's files into the canonical tables; print the result of every row.

    Examples: python -m features ingest csv --file orders.csv --mapping shop.yaml

    python -m features ingest csv --file orders.csv --preset shopify --timezone Europe/Berlin
    """
    from features.absorb import absorb_events
    from features.ingest import ingest as run_ingest
    from features.logs.events import was_posted

    options = {"timezone": timezone, "currency": currency}
    given = {name: value for name, value in options.items() if value is not None}
    with user_errors(), console.status("Reading") as status:
        if timezone is not None and timezone not in available_timezones():
            raise ConfigError(f"--timezone {timezone!r}: not an IANA zone")
        dataset = _dataset(adapter, file, mapping=mapping, preset=preset, given=given)
        status.update("Checking and writing the tables")
        ws = _shop(home, dataset, clock)
        if was_posted(ws):  # an order that was posted counts once, as it was posted
            absorb_events(ws)
        result = run_ingest(ws, dataset, corrections=corrections)
        with ws.lock("workspace"):  # another process may have moved the clock meanwhile
            ws = _shop(home, dataset, clock)
            Workspace.create(home, timezone=ws.timezone, currency=ws.currency, clock=ws.clock)
    console.print(reconciliation_table(result))
    if result.tables["order_lines"] <= CHECKED_LINES:
        page = ws.home / "check.html"
        _show_check(ws, html=page)
        console.print(f"The same with plots: {page}")
    else:
        console.print("Next: python -m features check (it needs .5 GB per million lines)")


@app.command()
def inspect(
    files: Annotated[list[Path], typer.Argument(help="The export's files.")],
    *,
    output: Annotated[Path, typer.Option(help="The mapping to write (YAML).")],
    timezone: Annotated[str | None, typer.Option(help="The shop's IANA zone.")] = None,
    currency: Annotated[str | None, typer.Option(help="The shop's currency.")] = None,
) -> None:
    """Read an export, write a mapping with its reasons, and list what is in doubt as questions.

    Answer each question in the file and delete it there; then ingest with --mapping. Example:
    python -m features inspect orders.csv --output shop.yaml
    """
    with user_errors(), console.status("Reading"):
        from features.files.paths import matching_files
        from features.inspect.display import show
        from features.inspect.inspect import inspect as run_inspect

        if output.exists():  # with answers, perhaps
            raise ConfigError(f"--output: {output} exists already: name another file or remove it")
        inspection = run_inspect(matching_files(files), timezone=timezone, currency=currency)
        with replacing(output, mode=privacy.output_mode()) as target:
            target.write(inspection.mapping.encode())
    for part in show(inspection, output):
        console.print(part)


@app.command()
def check(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page with plots to this file.")] = None,
    home: Home = HOME,
) -> None:
    """Show what the workspace's tables hold, and what looks odd about them."""
    with user_errors():
        _show_check(Workspace.open(home), as_json=as_json, html=html)


@app.command()
def simulate(
    *,
    customers: Annotated[int, typer.Option(help="Customers that ever join.")] = 5000,
    products: Annotated[int, typer.Option(help="Products that are ever sold.")] = 1000,
    days: Annotated[int, typer.Option(help="Length of the history.")] = 730,
    seed: Annotated[int, typer.Option(help="The same seed makes the same shop.")] = 1,
    home: Home = HOME,
) -> None:
    """Simulate a shop with a history and ingest it; its clock is set to the history's end."""
    from features.datasets import simulated
    from features.ingest import ingest as run_ingest
    from features.simulator import World, WorldConfig

    with user_errors(), console.status("Simulating the shop") as status:
        sizes = {"customers": customers, "products": products, "days": days, "seed": seed}
        world = World(
            load_config(WorldConfig, overrides=[f"{name}={n}" for name, n in sizes.items()])
        )
        if not is_new(home):
            existing = Workspace.open(home)
            if existing.clock != "simulated" or World.open(existing).config != world.config:
                raise WorkspaceError(f"{existing.home} holds another shop: name another --home")
        else:  # workspace.json comes last: a kill before it leaves no workspace
            created = Workspace(home.resolve(), "UTC", "GBP", "simulated")
            world.save(created)
            (created.home / "clock.json").unlink(missing_ok=True)
            created.advance(world.end)
        ws = Workspace.create(home, timezone="UTC", currency="GBP", clock="simulated")
        dataset = simulated.load(world)
        status.update("Checking and writing the tables")
        result = run_ingest(ws, dataset)
    console.print(reconciliation_table(result))


@app.command()
def build(*, as_of: AsOf = None, home: Home = HOME) -> None:
    """Build the feature snapshots up to a cut, and register the Feast objects that read them."""
    with user_errors(), Progress(console=console) as progress:
        from features import snapshots
        from features.feast_store import register

        ws = Workspace.open(home)
        task, lines = progress.add_task("Snapshots", total=None), PlainLines()

        def report(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)
            if not console.is_terminal:
                lines.show("snapshots", done, total)

        times = snapshots.build(ws, as_of=ws.cut(as_of), progress=report)
        progress.update(task, completed=1, total=1)
        register(ws)
    console.print(f"{len(times)} snapshots, the last at {times[-1].isoformat()}")


@app.command()
def materialize(*, as_of: AsOf = None, home: Home = HOME) -> None:
    """Ingest the event log, build, and write the cut's features to the online store."""
    with user_errors(), console.status("Writing features to the online store"):
        from features.materialize import materialize as run_materialize

        ws = Workspace.open(home)
        cut = ws.cut(as_of)
        privacy.make_private(ws.home)
        run_materialize(ws, cut)
    console.print(f"Serving reads the features as of {cut.isoformat()}")


@app.command()
def repair(
    *,
    apply: Annotated[bool, typer.Option("--apply", help="Change it; else only show it.")] = False,
    home: Home = HOME,
) -> None:
    """Find what was stamped while the clock was ahead, and with --apply mend it.

    It may run while the workspace is served. Without --apply, exit code 1 says that there is
    something to repair.
    """
    with user_errors(), console.status("Comparing stamps with the clock"):
        from features.repair.display import show
        from features.repair.repair import repair as run_repair

        ws = Workspace.open(home)
        report = run_repair(ws, apply=apply)
    for part in show(report, applied=apply):
        console.print(part)
    if apply and report.findings:
        console.print("Next: python -m features materialize; python -m experiments repair")
    left = report.damaged if apply else (report.findings or report.damaged or report.interrupted)
    if left:
        raise typer.Exit(1)


def _show_check(ws: Workspace, *, as_json: bool = False, html: Path | None = None) -> None:
    """Print the figures and doubts of the current tables; write them to the page `html`."""
    from features.checks.display import show
    from features.checks.doubts import doubts
    from features.checks.figures import figures
    from features.checks.order_lines import READ
    from features.schema import TABLES
    from features.tables import PinnedTables, read_file

    pinned = PinnedTables(ws)
    read = {"order_lines": READ}
    tables = {name: read_file(pinned.paths[name], columns=read.get(name)) for name in TABLES}
    facts = figures(tables, timezone=ws.timezone, currency=ws.currency, now=ws.now())
    odd = doubts(tables, facts)
    if html is not None:
        from features.checks.page import write_page

        own = html.resolve().is_relative_to(ws.home)
        mode = privacy.FILE if own else privacy.output_mode()
        write_page(html, facts, odd, title=ws.home.name, mode=mode)
    if as_json:
        content = {**facts.to_json(), "doubts": [doubt.to_json() for doubt in odd]}
        print(json.dumps(content, indent=1, ensure_ascii=False))
        return
    for part in show(facts, odd):
        console.print(part)


def _dataset(
    adapter: str,
    names: list[Path],
    *,
    mapping: Path | None,
    preset: str | None,
    given: dict[str, str],
) -> "RetailDataset":
    """Return what the adapter reads from the files of `names`, with the `given` settings."""
    from features.datasets import csv, online_retail
    from features.datasets.mapping import load_mapping, preset_file
    from features.files.paths import matching_files

    files = matching_files(names)
    if adapter == "online_retail":
        if len(files) > 1:
            raise ConfigError("--file: online_retail reads one file")
        return online_retail.load(files[0], **given)
    if adapter != "csv":
        raise ConfigError(f"adapter {adapter!r}: one of online_retail, csv")
    source = mapping if preset is None else preset_file(preset)
    if source is None or (mapping is not None and preset is not None):
        raise ConfigError(
            "csv needs --mapping FILE, which says which column is which, or --preset NAME; "
            "`python -m features inspect FILE --output shop.yaml` proposes a mapping"
        )
    return csv.load(files, load_mapping(source, [f"{key}={value}" for key, value in given.items()]))


def _shop(home: Path, dataset: "RetailDataset", clock: str | None) -> Workspace:
    """Return the workspace with the settings it gets once `dataset` is ingested; write nothing.

    Without `clock`, a fixed clock moves forward to the end of a later dataset, never back.
    """
    timezone, currency = dataset.timezone or "UTC", dataset.currency or "GBP"
    if is_new(home):
        return Workspace(home.resolve(), timezone, currency, clock or dataset.clock or "system")
    existing = Workspace.open(home)
    if existing.clock == "simulated":
        raise WorkspaceError(f"{existing.home} holds a simulated shop: name another --home")
    existing = Workspace.create(home, timezone=timezone, currency=currency, clock=existing.clock)
    if clock is None and dataset.clock is not None and existing.clock.startswith("fixed:"):
        moved = replace(existing, clock=dataset.clock)
        clock = moved.clock if moved.now() > existing.now() else None
    return replace(existing, clock=clock or existing.clock)


if __name__ == "__main__":
    app()
