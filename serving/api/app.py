"""The REST API as an ASGI application."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from serving.api import openapi
from serving.api.calls import Calls, RequestRecord, admit, respond
from serving.api.endpoints import Endpoint, endpoints
from serving.backend import Backend
from serving.problems import PRIVATE, RETRY_AFTER_S, Problem
from serving.schemas.base import Health
from serving.stores.idempotency import StoredAnswer
from serving.telemetry import metrics

LOAD_S: Final = 60.0
"""Seconds after which a worker accepts requests even if it has not loaded; it then answers 503."""


class Api(Starlette):
    """A Starlette app whose v1 requests skip the middleware and go straight to their calls.

    `respond` handles all errors, and these requests need nothing else from the middleware.
    """

    calls: Mapping[tuple[str | None, str | None], Calls] = MappingProxyType({})
    """By method and path; only paths without parameters."""
    endpoints: tuple[Endpoint, ...] = ()
    """The endpoints in the OpenAPI document."""

    @cached_property
    def document(self) -> bytes:
        """The OpenAPI document, as JSON."""
        return msgspec.json.encode(openapi.document(self.endpoints))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        call = self.calls.get((scope.get("method"), scope.get("path")))
        if call is None:
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            response = await call.run(Request(scope, receive))
            await response(scope, receive, send)


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
            await asyncio.to_thread(backend.close)

    calls = [Calls(endpoint) for endpoint in endpoints()]
    gets = {
        "/": _index,
        "/livez": _livez,
        "/readyz": _readyz,
        "/metrics": _metrics,
        "/openapi.json": _openapi,
        "/docs": _docs,
    }
    routes: list[BaseRoute] = [
        *(Route(c.endpoint.path, c.run, methods=[c.endpoint.method]) for c in calls),
        *(Route(path, handler, methods=["GET"]) for path, handler in gets.items()),
        Mount("/docs/assets", StaticFiles(directory=_swagger())),
    ]
    routes.append(_Unrouted(tuple(routes)))
    app = Api(routes=routes, lifespan=lifespan, exception_handlers={Exception: _failed})
    app.endpoints = tuple(c.endpoint for c in calls)
    exact = [c for c in calls if "{" not in c.endpoint.path]
    app.calls = {(c.endpoint.method, c.endpoint.path): c for c in exact}
    return app


@dataclass(frozen=True)
class _Unrouted(BaseRoute):
    """Handles requests that match no route: 405 on a known path, else 404; /v1 needs a key."""

    routes: tuple[BaseRoute, ...]
    tally: metrics.Tally = field(default_factory=lambda: metrics.Tally("other"))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return Match.FULL if scope["type"] == "http" else Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        response = await respond(request, self._refuse, path="other", tally=self.tally)
        await response(scope, receive, send)

    async def _refuse(self, request: Request, record: RequestRecord) -> StoredAnswer:
        path = request.scope["path"]
        if path.startswith("/v1/"):
            admit(request, None, record)
        allowed: set[str] = set()
        for route in self.routes:
            if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
                allowed |= route.methods or set()
        if allowed:
            allow = {"Allow": ", ".join(sorted(allowed))}
            raise Problem("method_not_allowed", f"{path} takes {allow['Allow']}", headers=allow)
        raise Problem("not_found", "the paths are listed in /openapi.json")


async def _failed(request: Request, _: Exception) -> Response:
    """Answer an error outside /v1; Starlette raises it again, for the server's log."""
    metrics.PROBLEMS.labels("other", "internal_error").inc()
    problem = Problem("internal_error", "the server failed; its log has the details")
    return problem.response(request_id=uuid.uuid4().hex, instance=request.url.path)


async def _livez(_: Request) -> Response:
    return _health(ready=True)


async def _readyz(request: Request) -> Response:
    return _health(ready=request.app.state.backend.models.ready)


def _health(*, ready: bool) -> Response:
    body = msgspec.json.encode(Health(status="ok" if ready else "loading"))
    headers = PRIVATE if ready else {**PRIVATE, "Retry-After": str(RETRY_AFTER_S)}
    return Response(body, 200 if ready else 503, media_type="application/json", headers=headers)


async def _metrics(_: Request) -> Response:
    return Response(await asyncio.to_thread(metrics.page), media_type=metrics.CONTENT_TYPE)


async def _openapi(request: Request) -> Response:
    return Response(request.app.document, media_type="application/json")


async def _docs(_: Request) -> Response:
    return HTMLResponse(openapi.PAGE)


async def _index(_: Request) -> Response:
    return RedirectResponse("docs")


def _swagger() -> Path:
    """Return the folder of Swagger UI that comes with BentoML."""
    spec = find_spec("bentoml")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("bentoml is not installed")
    return Path(spec.submodule_search_locations[0]) / "_internal/server/static_content"
