"""The server under attack: its start with limits, and what it uses."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.serving.server import Server, started


@dataclass(frozen=True, kw_only=True)
class Use:
    """What the server's processes use together."""

    memory: int
    """Resident bytes."""
    descriptors: int
    connections: int
    """Established ones."""


@contextmanager
def target(
    home: Path,
    log: Path,
    *,
    workers: int = 2,
    port: int | None = None,
    before: Sequence[str] = (),
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Serve the workspace at `home`; `before` are words before the command, as of `prlimit`."""
    command = [*before, sys.executable, "-m", "serving", "run", "--home", str(home)]
    command += ["--workers", str(workers), *options, "--port"]
    with started(
        lambda port: [*command, str(port)],
        log,
        port=port,
        environment={**os.environ, **(environment or {})},
    ) as running:
        yield running


def processes(running: Server) -> list[psutil.Process]:
    """Return the supervisor and all that it started."""
    parent = psutil.Process(running.process.pid)
    return [parent, *parent.children(recursive=True)]


def use(running: Server) -> Use:
    """Return what the processes use now."""
    memory = descriptors = connections = 0
    for process in processes(running):
        try:
            memory += process.memory_info().rss
            descriptors += process.num_fds()
            held = process.net_connections("tcp4")
        except psutil.NoSuchProcess:
            continue
        connections += sum(connection.status == psutil.CONN_ESTABLISHED for connection in held)
    return Use(memory=memory, descriptors=descriptors, connections=connections)
