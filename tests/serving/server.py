"""A service in separate processes."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.serving.shop import until


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server."""

    process: "subprocess.Popen[bytes]"
    http: httpx.Client
    port: int
    log: Path

    def ready(self) -> bool:
        """Whether it answers and has loaded."""
        if self.process.poll() is not None:
            pytest.fail(f"the server ended: {self.log.read_text()}")
        try:
            return self.http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def workers(self) -> list[int]:
        """Return the processes that the server started; each has its own session."""
        table = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
        )
        pairs = [line.split() for line in table.stdout.splitlines()]
        return [int(pid) for pid, parent in pairs if int(parent) == self.process.pid]

    def gone(self) -> bool:
        """Whether no process holds its port."""
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) != 0


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(
    command: Callable[[int], list[str]],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    port: int | None = None,
) -> Iterator[Server]:
    """Start `command` on `port` or a free one; kill what is left of it at the end."""
    port = port or free_port()
    with log.open("ab") as output:
        process = subprocess.Popen(
            command(port),
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=environment,
            cwd=folder,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            running = Server(process=process, http=http, port=port, log=log)
            until(running.ready, seconds=240)
            yield running
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its worker sees that and ends
        process.wait(timeout=60)


def server(
    home: Path, log: Path, *, workers: int = 1, port: int | None = None
) -> AbstractContextManager[Server]:
    """Start the server of the workspace at `home`."""
    command = [sys.executable, "-m", "serving", "run", "--home", str(home)]
    command += ["--without-keys", "--workers", str(workers), "--port"]
    return started(lambda port: [*command, str(port)], log, port=port)
