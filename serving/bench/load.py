"""Load from a second process (wrk), and its cost on the server."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median
from typing import Final

import httpx
import psutil

from configs.errors import UserError
from serving.commands.launch import LOCAL

SCRIPT: Final = Path(__file__).with_name("wrk.lua")


class BenchError(UserError, RuntimeError):
    """The benchmark cannot run; the message says what is missing."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Measurements of one server under one load."""

    connections: int
    requests_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_us: float
    """User and system CPU time of all processes of the server, per request."""
    memory_mb: float
    """Resident memory of the largest process of the server."""


def typical(turns: Sequence[Measured]) -> Measured:
    """Return the median of each figure over `turns`."""
    names = [field.name for field in fields(Measured)]
    return Measured(**{name: median(getattr(turn, name) for turn in turns) for name in names})


@contextmanager
def server(
    command: Sequence[str], environment: Callable[[int], Mapping[str, str]], *, ready: str
) -> Iterator[str]:
    """Run `command` with a free port as its last argument; yield its URL once `ready` answers.

    `environment` is called with the port.

    Raises BenchError if the process ends or is not ready within two minutes.
    """
    with socket.socket() as probe:
        probe.bind((LOCAL, 0))
        port = probe.getsockname()[1]
    url = f"http://{LOCAL}:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", *command, str(port)],
        env={**os.environ, **environment(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while not _answers(f"{url}{ready}"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"`python -m {' '.join(command)}` is not ready; run it by itself")
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait()


def measure(url: str, bodies: Path, *, connections: int, seconds: int) -> Measured:
    """Load the endpoint at `url` with the lines of `bodies`, after a third of `seconds` to warm up.

    Raises BenchError without wrk, or if a request failed.
    """
    _wrk(url, bodies, connections=connections, seconds=max(seconds // 3, 1))
    processes = _processes(url)
    before = _cpu_s(processes)
    result = _wrk(url, bodies, connections=connections, seconds=seconds)
    cpu = _cpu_s(processes) - before
    if result["failed"]:
        raise BenchError(
            f"{url}: {result['failed']:.0f} of {result['requests']:.0f} requests failed"
        )
    return Measured(
        connections=connections,
        requests_s=result["requests"] / result["seconds"],
        p50_ms=result["p50_ms"],
        p95_ms=result["p95_ms"],
        p99_ms=result["p99_ms"],
        cpu_us=cpu / result["requests"] * 1e6,
        memory_mb=max(process.memory_info().rss for process in processes) / 2**20,
    )


def _wrk(url: str, bodies: Path, *, connections: int, seconds: int) -> dict[str, float]:
    if shutil.which("wrk") is None:
        raise BenchError("wrk is missing: install it (Debian: apt install wrk; macOS: brew)")
    load = [f"-c{connections}", "-t1", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
    done = subprocess.run(
        ["wrk", *load, url],
        env={**os.environ, "BODIES": str(bodies)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"wrk failed: {done.stderr or done.stdout}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _processes(url: str) -> list[psutil.Process]:
    """Return the server's processes: the one started for the port of `url`, and its children."""
    port = str(httpx.URL(url).port)
    (started,) = (p for p in psutil.Process().children() if port in p.cmdline())
    return [started, *started.children(recursive=True)]


def _cpu_s(processes: Sequence[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return float(sum(time.user + time.system for time in times))


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.TransportError:
        return False
