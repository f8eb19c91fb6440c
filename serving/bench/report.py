"""The measurement as a whole: our service and the bare endpoint in turns, and the tables."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from features.customer_row import ONLINE_VIEW
from features.store import online_products
from features.workspace import Workspace
from serving.bench.filled import fill
from serving.bench.load import BenchError, Measured, measure, server
from serving.bench.stages import stages
from serving.launch import SERVICE, Options, environment

CONNECTIONS: Final = (1, 8, 32)
BODIES: Final = 5_000
STAGED: Final = 1_000
"""Of them, those that are answered stage by stage."""
_QUIET: Final = ("--log-level", "warning", "--no-access-log", "--port")


def bench(home: Path, *, seconds: int, workers: int, console: Console) -> None:
    """Measure the service on the workspace at `home` beside the bare endpoint; print tables.

    Customers are drawn from the online store. Raises BenchError where nothing was materialized.
    """
    ws = Workspace.open(home)
    found: dict[str, list[Measured]] = {"bare FastAPI": [], "1 worker": []}
    several = f"{workers} workers"
    with tempfile.TemporaryDirectory() as folder:
        bodies = Path(folder) / "bodies"
        bodies.write_text("\n".join(_bodies(ws)) + "\n", encoding="utf-8")
        bare = ("uvicorn", "serving.bench.bare:API", *_QUIET)
        with server(bare, {}, ready="/openapi.json") as url, _ours(ws, workers=1) as own:
            for connections in CONNECTIONS:
                console.print(f"{connections} connections, {seconds} s each", style="dim")
                for name, target in (("bare FastAPI", url), ("1 worker", own)):
                    found[name].append(
                        measure(target, bodies, connections=connections, seconds=seconds)
                    )
        if workers > 1:
            found[several] = []
            with _ours(ws, workers=workers) as own:
                for connections in CONNECTIONS:
                    found[several].append(
                        measure(own, bodies, connections=connections, seconds=seconds)
                    )
        took = stages(home, bodies.read_text(encoding="utf-8").splitlines()[:STAGED])
    console.print(_table(found))
    console.print(_stages_table(took, found["1 worker"]))
    for line in _ratios(found["bare FastAPI"], found["1 worker"], found.get(several, [])):
        console.print(line)


def compare(home: Path, *, products: int, seconds: int, console: Console) -> None:
    """Measure the service on the workspace at `home`, and filled up to `products` products."""
    ws = Workspace.open(home)
    found: dict[str, list[Measured]] = {}
    with tempfile.TemporaryDirectory() as folder:
        bodies = Path(folder) / "bodies"
        bodies.write_text("\n".join(_bodies(ws)) + "\n", encoding="utf-8")
        filled = fill(ws, Path(folder) / "filled", products=products)
        stands = len(online_products(ws)[1])
        with _ours(ws, workers=1) as few, _ours(filled, workers=1) as many:
            for name, url in ((f"{stands:,} products", few), (f"{products:,} products", many)):
                console.print(f"{name}, {seconds} s", style="dim")
                found[name] = [measure(url, bodies, connections=8, seconds=seconds)]
    console.print(_table(found))
    (one,), (other,) = found.values()
    console.print(f"{other.cpu_us / one.cpu_us:.1f} times the CPU an answer")


def _ours(ws: Workspace, *, workers: int) -> AbstractContextManager[str]:
    command = ("bentoml", "serve", SERVICE, "--host", "127.0.0.1", "--port")
    return server(
        command, environment(ws.home, Options(workers=workers), outside={}), ready="/readyz"
    )


def _bodies(ws: Workspace) -> Iterator[str]:
    """Yield requests for customers drawn from the online store."""
    file = ws.online / f"{ONLINE_VIEW}.parquet"
    if not file.exists():
        raise BenchError(f"{file} is missing: run `python -m features materialize` first")
    customer_ids = pq.read_table(file, columns=["customer_id"])["customer_id"].to_pylist()
    for place in np.random.default_rng(0).integers(0, len(customer_ids), BODIES):
        yield json.dumps({"customer_id": customer_ids[place]})


def _table(found: dict[str, list[Measured]]) -> Table:
    table = Table("server", "connections", "requests/s", "p50 ms", "p95 ms", "p99 ms", "CPU us")
    table.add_column("memory MB", justify="right")
    for name, rows in found.items():
        for m in rows:
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


def _stages_table(took: Mapping[str, float], measured: list[Measured]) -> Table:
    table = Table("stage of one answer", "CPU us, median")
    for stage, cpu_us in took.items():
        table.add_row(stage, f"{cpu_us:,.0f}")
    inside = sum(cpu_us for stage, cpu_us in took.items() if not stage.startswith("("))
    table.add_row("all stages", f"{inside:,.0f}")
    for m in measured:
        table.add_row(f"an answer over HTTP, {m.connections} connections", f"{m.cpu_us:,.0f}")
    return table


def _ratios(bare: list[Measured], one: list[Measured], several: list[Measured]) -> Iterator[str]:
    for ours, theirs in zip(one, bare, strict=True):
        yield (
            f"{ours.connections} connections: {ours.cpu_us / theirs.cpu_us:.1f} times the bare "
            f"endpoint's CPU an answer; p99 is {ours.p99_ms / ours.p50_ms:.1f} times p50"
        )
    for more, ours in zip(several, one, strict=False):
        yield (
            f"{ours.connections} connections: several workers take "
            f"{more.cpu_us / ours.cpu_us:.2f} times the CPU an answer of one"
        )
