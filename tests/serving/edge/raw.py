"""A server on the edge's protocol, and connections to it that send bytes as they are."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import uvicorn
from starlette.types import Receive, Scope, Send

from serving.edge.connections import connections_of
from serving.edge.protocol import EdgeProtocol
from tests.serving.shop import until

HOST: Final = b"Host: 127.0.0.1\r\n"
LARGE: Final = 32 * 2**20
"""Bytes of the answer at /large: more than the buffers of two sockets."""


@dataclass(kw_only=True)
class Echo:
    """An application that answers what it saw of each request; it reads the body except at /early.

    /large has a large answer, /wait none until its caller leaves. `gone` counts the callers that
    left before their body was complete, or at /wait.
    """

    gone: int = 0
    hold: threading.Event = field(default_factory=threading.Event)
    """Until it is set, /hold has no answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        body, more = b"", scope["path"] != "/early"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone += 1
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if scope["path"] == "/wait":
            await receive()
            self.gone += 1
            return
        while scope["path"] == "/hold" and not self.hold.is_set():
            await asyncio.sleep(0.01)
        seen = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        answer = json.dumps({"path": scope["path"], "bytes": len(body), "headers": seen}).encode()
        answer += b" " * (LARGE if scope["path"] == "/large" else 0)
        length = str(len(answer)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


@dataclass(frozen=True, kw_only=True)
class Running:
    """A running server."""

    port: int
    app: Echo
    server: uvicorn.Server

    def connect(self) -> socket.socket:
        """Return a new connection, on which no read waits longer than 20 seconds."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def answers(self, sent: bytes, count: int | None = None) -> list["Answer"]:
        """Send bytes; return the first `count` answers, or all until the server closes."""
        with closing(self.connect()) as connection:
            send(connection, sent)
            return list(islice(received(connection), count))

    def stop(self) -> None:
        """Begin the shutdown, as SIGTERM does."""
        self.server.should_exit = True
        state = self.server.server_state
        until(lambda: connections_of(state).draining)

    def open(self) -> int:
        """Return how many connections the server has."""
        return len(self.server.server_state.connections)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A response: status, header fields, body."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> str | None:
        """The code of a problem."""
        is_problem = self.headers["content-type"] == "application/problem+json"
        return str(self.body["code"]) if is_problem else None


def send(connection: socket.socket, sent: bytes) -> bool:
    """Send bytes; return False if the server reads no more of them."""
    try:
        connection.sendall(sent)
    except OSError:
        return False
    return True


def received(connection: socket.socket) -> Iterator[Answer]:
    """Yield the answers on a connection until the server closes it."""
    with connection.makefile("rb") as file:
        while line := file.readline():
            headers: dict[str, str] = {}
            while (field_line := file.readline()) not in (b"\r\n", b""):
                name, _, value = field_line.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            body = file.read(int(headers.get("content-length", "0")))
            status = int(line.split()[1])
            yield Answer(status=status, headers=headers, body=json.loads(body) if body else None)


@contextmanager
def running(app: Echo | None = None) -> Iterator[Running]:
    """Run a server in a thread."""
    app = app or Echo()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=EdgeProtocol, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    port = listener.getsockname()[1]
    thread.start()
    try:
        until(lambda: server.started)
        yield Running(port=port, app=app, server=server)
    finally:
        app.hold.set()
        server.should_exit = True
        thread.join()


def eventually(state: Callable[[], bool]) -> None:
    """Wait until `state` is true."""
    until(state, seconds=30)
