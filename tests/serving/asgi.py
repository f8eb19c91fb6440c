"""Requests to the application as a server makes them, byte by byte."""

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the application sent."""

    status: int
    headers: dict[str, str]
    content: bytes


async def send(
    app: ASGIApp,
    method: str,
    path: bytes,
    *,
    body: bytes = b"",
    headers: Headers | None = None,
    version: str = "1.1",
    server: tuple[str, int] = ("127.0.0.1", 80),
) -> Answer:
    """Return the answer to a request on `path`, for `server` unless `headers` name a host."""
    given = headers or []
    if all(name != b"host" for name, _ in given):
        given = [(b"host", f"{server[0]}:{server[1]}".encode()), *given]
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": version, "method": method,
        "scheme": "http", "path": unquote(path.decode("latin-1")), "raw_path": path,
        "query_string": b"", "root_path": "", "headers": given,
        "server": server, "client": ("127.0.0.1", 1), "extensions": {},
    }  # fmt: skip
    said: list[Message] = []
    asked = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        for message in asked:
            return message
        await asyncio.get_running_loop().create_future()  # connected until the answer
        return {"type": "http.disconnect"}

    async def hear(message: Message) -> None:
        said.append(message)

    await app(scope, receive, hear)
    return Answer(
        status=said[0]["status"],
        headers={name.decode(): value.decode() for name, value in said[0]["headers"]},
        content=b"".join(message.get("body", b"") for message in said[1:]),
    )


def sent(client: TestClient, method: str, path: bytes, **request: Any) -> Answer:
    """Return the answer of the client's application to a request, in its event loop."""

    async def ask() -> Answer:
        return await send(client.app, method, path, **request)

    assert client.portal is not None
    return client.portal.call(ask)
