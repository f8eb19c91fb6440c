"""One request and its answer on a connection, and the answer of the edge itself."""

import os
from collections.abc import Coroutine, Iterable
from typing import Any
from urllib.parse import unquote

from uvicorn._types import ASGISendEvent, HTTPScope
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from serving.problems import Problem


class Cycle(RequestResponseCycle):
    """One request and its answer."""

    def send(self, message: ASGISendEvent) -> Coroutine[Any, Any, None]:
        """Send a part of the answer; the last on its connection, if the body has not arrived."""
        if self.more_body and not self.response_started:
            self.keep_alive = False
        return super().send(message)


def scope_of(
    connection: HttpToolsProtocol, *, version: str, raw_path: bytes, query: bytes
) -> HTTPScope:
    """Return the ASGI scope of the request whose head `connection` has parsed."""
    path = raw_path.decode("ascii")
    return {
        "type": "http",
        "asgi": {"version": connection.asgi_version, "spec_version": "2.3"},
        "http_version": version,
        "server": connection.server,
        "client": connection.client,
        "scheme": connection.scheme or "http",
        "method": connection.parser.get_method().decode("ascii"),
        "root_path": connection.root_path,
        "path": unquote(path) if "%" in path else path,
        "raw_path": raw_path,
        "query_string": query,
        "headers": connection.headers,
        "state": connection.app_state.copy(),
    }


def last_answer(
    problem: Problem, *, target: bytes, headers: Iterable[tuple[bytes, bytes]]
) -> bytes:
    """Return the bytes of the answer `problem`, after which the connection is closed.

    `target` is the request target, or what arrived of it; `headers` are those of every answer.
    """
    path = target.partition(b"?")[0][:256].decode("ascii", "replace")
    response = problem.response(request_id=os.urandom(16).hex(), instance=path or "/")
    head = [STATUS_LINE[response.status_code], b"connection: close\r\n"]
    for name, value in (*headers, *response.raw_headers):
        head += [name, b": ", value, b"\r\n"]
    return b"".join((*head, b"\r\n", bytes(response.body)))
