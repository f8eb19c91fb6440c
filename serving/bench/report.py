"""The whole benchmark: our service and the bare endpoint in turns, and the tables."""

import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Final

import httpx
import numpy as np
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from features.customer_row import ONLINE_VIEW
from features.online.store import online_products
from features.workspace import Workspace
from serving.bench.filled import fill
from serving.bench.load import BenchError, Measured, measure, server, typical
from serving.bench.stages import stages
from serving.commands.launch import SERVICE, Options, environment

CONNECTIONS: Final = (1, 8, 32)
TURNS: Final = 5
"""Servers are measured in so many turns: the speed of a machine varies from minute to minute."""
BODIES: Final = 5_000
STAGED: Final = 1_000
"""Number of these bodies that are answered stage by stage."""
BARE: Final = "bare FastAPI"
ONE: Final = "1 worker"
RECOMMENDATIONS: Final = "/v1/recommendations"
CHURN: Final = "/v1/predictions/churn"
PORTRAIT: Final = "/v1/customers:portrait"
_EMPTY: Final = ('"fallback_reason":"', '"rfm":null')
"""What an answer has that was made without a model, or without segments."""
_QUIET: Final = ("--log-level", "warning", "--no-access-log", "--port")
Turns = Mapping[str, list[list[Measured]]]
"""The turns by server and number of connections."""


def bench(home: Path, *, seconds: int, workers: int, console: Console) -> None:
    """Measure the service on the workspace at `home` and the bare endpoint; print tables.

    Customers are drawn from the online store. Raises BenchError if nothing was materialized.
    """
    ws = Workspace.open(home)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        bodies = _written(Path(folder) / "bodies", _bodies(ws))
        bare = ("uvicorn", "serving.bench.bare:API", *_QUIET)
        servers = {BARE: running.enter_context(server(bare, lambda _: {}, ready="/openapi.json"))}
        servers[ONE] = running.enter_context(_ours(ws, workers=1))
        if workers > 1:
            servers[f"{workers} workers"] = running.enter_context(_ours(ws, workers=workers))
        loads = {name: (url + RECOMMENDATIONS, bodies) for name, url in servers.items()}
        results = _in_turns(loads, CONNECTIONS, seconds=seconds, console=console)
        running.close()
        stage_times = stages(home, bodies.read_text(encoding="utf-8").splitlines()[:STAGED])
    console.print(_table(results))
    console.print(_stages_table(stage_times, [typical(turns) for turns in results[ONE]]))
    for line in _ratios(results):
        console.print(line)


def compare(home: Path, *, products: int, seconds: int, console: Console) -> None:
    """Measure the service on the workspace at `home` as it is, and with `products` products."""
    ws = Workspace.open(home)
    with tempfile.TemporaryDirectory() as folder:
        bodies = _written(Path(folder) / "bodies", _bodies(ws))
        filled = fill(ws, Path(folder) / "filled", products=products)
        existing = len(online_products(ws)[1])
        with _ours(ws, workers=1) as few, _ours(filled, workers=1) as many:
            loads = {
                f"{existing:,} products": (few + RECOMMENDATIONS, bodies),
                f"{products:,} products": (many + RECOMMENDATIONS, bodies),
            }
            results = _in_turns(loads, (8,), seconds=seconds, console=console)
    console.print(_table(results))
    ((small,), (large,)) = results.values()
    console.print(f"{_times(large, small)} the CPU per request")


def portraits(home: Path, *, seconds: int, console: Console) -> None:
    """Measure a customer's portrait beside a prediction of churn, on one worker."""
    ws = Workspace.open(home)
    with tempfile.TemporaryDirectory() as folder, _ours(ws, workers=1) as url:
        loads = {
            CHURN: (url + CHURN, _written(Path(folder) / "churn", _bodies(ws, as_list=True))),
            PORTRAIT: (url + PORTRAIT, _written(Path(folder) / "portrait", _bodies(ws))),
        }
        for path, (_, bodies) in loads.items():
            _refuse_empty(url + path, bodies.read_text(encoding="utf-8").partition("\n")[0])
        results = _in_turns(loads, (1, 8), seconds=seconds, console=console)
    console.print(_table(results))
    for churn, portrait in zip(results[CHURN], results[PORTRAIT], strict=True):
        connections, slower = churn[0].connections, typical(portrait).p50_ms / typical(churn).p50_ms
        console.print(
            f"{connections} connections: a portrait costs {_times(portrait, churn, digits=2)} the "
            f"CPU of a prediction; its p50 is {slower:.2f} times as long"
        )


def _refuse_empty(url: str, body: str) -> None:
    """Raise BenchError if the answer is one of a service without models or segments."""
    answer = httpx.post(url, content=body).raise_for_status().text
    if any(sign in answer for sign in _EMPTY):
        raise BenchError(
            f"{url} answers without a model or segments: promote a model of churn, run `python "
            "-m features materialize` and `python -m training segments refresh`"
        )


def _in_turns(
    loads: Mapping[str, tuple[str, Path]],
    connections: Sequence[int],
    *,
    seconds: int,
    console: Console,
) -> Turns:
    """Load endpoints in TURNS rounds, in turns: `seconds` or a little more for each.

    `loads` has the URL and the file of bodies of each.
    """
    results: dict[str, list[list[Measured]]] = {name: [] for name in loads}
    each = math.ceil(seconds / TURNS)
    for count in connections:
        console.print(f"{count} connections, {TURNS} turns", style="dim")
        for turns in results.values():
            turns.append([])
        for _ in range(TURNS):
            for name, (url, bodies) in loads.items():
                results[name][-1].append(measure(url, bodies, connections=count, seconds=each))
    return results


def _ours(ws: Workspace, *, workers: int) -> AbstractContextManager[str]:
    command = ("bentoml", "serve", SERVICE, "--host", "127.0.0.1", "--port")
    options = Options(workers=workers, without_keys=True)
    return server(
        command, lambda port: environment(ws.home, options, port=port, outside={}), ready="/readyz"
    )


def _written(file: Path, bodies: Iterator[str]) -> Path:
    file.write_text("\n".join(bodies) + "\n", encoding="utf-8")
    return file


def _bodies(ws: Workspace, *, as_list: bool = False) -> Iterator[str]:
    """Yield requests for customers drawn from the online store; `as_list`: of a list of one."""
    file = ws.online / f"{ONLINE_VIEW}.parquet"
    if not file.exists():
        raise BenchError(f"{file} is missing: run `python -m features materialize` first")
    customer_ids = pq.read_table(file, columns=["customer_id"])["customer_id"].to_pylist()
    for place in np.random.default_rng(0).integers(0, len(customer_ids), BODIES):
        drawn = customer_ids[place]
        yield json.dumps({"customer_ids": [drawn]} if as_list else {"customer_id": drawn})


def _table(results: Turns) -> Table:
    table = Table("server", "connections", "requests/s", "p50 ms", "p95 ms", "p99 ms", "CPU us")
    table.add_column("memory MB", justify="right")
    for name, rows in results.items():
        for m in map(typical, rows):
            times = (f"{ms:.2f}" for ms in (m.p50_ms, m.p95_ms, m.p99_ms))
            table.add_row(
                name,
                str(m.connections),
                f"{m.requests_s:,.0f}",
                *times,
                f"{m.cpu_us:,.0f}",
                f"{m.memory_mb:,.0f}",
            )
    return table


def _stages_table(stage_times: Mapping[str, float], measured: list[Measured]) -> Table:
    table = Table("stage of one request", "CPU us, median")
    for stage, cpu_us in stage_times.items():
        table.add_row(stage, f"{cpu_us:,.0f}")
    inside = sum(cpu_us for stage, cpu_us in stage_times.items() if not stage.startswith("("))
    table.add_row("all stages", f"{inside:,.0f}")
    for m in measured:
        table.add_row(f"a request over HTTP, {m.connections} connections", f"{m.cpu_us:,.0f}")
    return table


def _ratios(results: Turns) -> Iterator[str]:
    for ours, theirs in zip(results[ONE], results[BARE], strict=True):
        single = typical(ours)
        yield (
            f"{single.connections} connections: {_times(ours, theirs)} the bare endpoint's CPU per "
            f"request; p99 is {single.p99_ms / single.p50_ms:.1f} times p50"
        )
    for name in results.keys() - {BARE, ONE}:
        for several, ours in zip(results[name], results[ONE], strict=True):
            yield (
                f"{several[0].connections} connections: {name} take "
                f"{_times(several, ours, digits=2)} the CPU per request of one"
            )


def _times(ours: Sequence[Measured], theirs: Sequence[Measured], *, digits: int = 1) -> str:
    """Return the ratio of CPU times, `ours` to `theirs`: median, minimum and maximum over turns."""
    ratios = [a.cpu_us / b.cpu_us for a, b in zip(ours, theirs, strict=True)]
    least, middle, most = (f"{x:.{digits}f}" for x in np.quantile(ratios, (0, 0.5, 1)))
    return f"{middle} times ({least} to {most})"
