"""The REST API as an ASGI application."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Lifespan, Receive, Scope, Send

from serving.api import openapi
from serving.api.calls import Calls, RequestRecord, admit, respond
from serving.api.endpoints import endpoints
from serving.api.pages import pages
from serving.api.paths import Handler, Paths, path_of, path_text
from serving.backend import Backend
from serving.problems import Problem
from serving.stores.idempotency import StoredAnswer
from serving.telemetry import metrics

LOAD_S: Final = 60.0
"""Seconds after which a worker accepts requests even if it has not loaded; it then answers 503."""


class Api(Starlette):
    """A Starlette app whose requests go straight from their path to their handler.

    Only its lifespan and its state are Starlette's: every handler answers its own errors.
    """

    def __init__(self, lifespan: "Lifespan[Starlette]") -> None:
        super().__init__(lifespan=lifespan)
        self.paths = Paths()
        for endpoint in endpoints():
            self.paths.add(endpoint.method, endpoint.path, Calls(endpoint).run)
        for path, page in pages(lambda: self.document).items():
            self.paths.add("GET", path, page)
        self._unrouted = _unrouted(self.paths)

    @cached_property
    def document(self) -> bytes:
        """The OpenAPI document, as JSON."""
        return msgspec.json.encode(openapi.document(endpoints()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            scope["app"] = self
            handler = self.paths.find(scope) or self._unrouted
            response = await handler(Request(scope, receive))
            await response(scope, receive, send)
        elif scope["type"] == "websocket":
            await _refuse_websocket(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(open_backend: Callable[[], Backend]) -> Api:
    """Return the application; its lifespan opens, starts and closes the backend.

    The worker accepts no connection until the backend has loaded, or LOAD_S have passed. Meanwhile
    other workers on the same port answer.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.backend = backend = open_backend()
        backend.start()
        sweeper = asyncio.create_task(backend.deadlines.sweep())
        try:
            await asyncio.to_thread(backend.models.wait, LOAD_S)
            yield
        finally:
            sweeper.cancel()
            await asyncio.to_thread(backend.close)  # first: it writes what is queued
            await backend.experiments.close()

    return Api(lifespan)


def _unrouted(paths: Paths) -> Handler:
    """Return the handler of all other requests: 405 on a known path, else 404.

    Below /v1 they need a key; without keys all of them are this machine's.
    """
    tally = metrics.Tally("other")

    async def refuse(request: Request, record: RequestRecord) -> StoredAnswer:
        path = path_of(request.scope)
        if path.startswith(b"/v1/"):
            admit(request, None, record)
        else:
            request.app.state.backend.access.check_open(request.scope, probe=False)
        if methods := ", ".join(paths.methods(path)):
            detail = f"{path_text(request.scope)} takes {methods}"
            raise Problem("method_not_allowed", detail, headers={"Allow": methods})
        raise Problem("not_found", "the paths are listed in /openapi.json")

    async def answer(request: Request) -> Response:
        return await respond(request, refuse, path="other", tally=tally)

    return answer


async def _refuse_websocket(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()  # the handshake
    if "websocket.http.response" in scope.get("extensions", {}):
        problem = Problem("not_found", "there are no websockets here")
        response = problem.response(request_id="", instance=path_text(scope))
        await response(scope, receive, send)
    else:
        await send({"type": "websocket.close"})
