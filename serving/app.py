"""The REST API as an ASGI application."""

import asyncio
import logging
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from serving import metrics, openapi
from serving.backend import Backend
from serving.idempotency import Kept, KeyReused
from serving.openapi import Endpoint
from serving.problems import RETRY_AFTER_S, Problem, decode
from serving.schemas import EventParts, Health

logger = logging.getLogger(__name__)
LARGEST_BODY: Final = 4 * 2**20
_PRIVATE: Final = {"Cache-Control": "private, no-store"}
Handler = Callable[..., Awaitable[msgspec.Struct]]


def create_app(open_backend: Callable[[], Backend]) -> Starlette:
    """Return the application; its lifespan opens the backend, starts and closes it."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.backend = backend = open_backend()
        backend.start()
        try:
            yield
        finally:
            await asyncio.to_thread(backend.close)

    posts = (
        Post(openapi.RECOMMENDATIONS, lambda backend: backend.recommendations.answer),
        Post(openapi.CHURN, lambda backend: backend.predictions.churn),
        Post(openapi.EVENTS, lambda backend: backend.intake.take, body=EventParts),
    )
    gets = {
        "/": _index,
        "/livez": _livez,
        "/readyz": _readyz,
        "/metrics": _metrics,
        "/openapi.json": _openapi,
        "/docs": _docs,
    }
    allowed = {p.endpoint.path: "POST" for p in posts} | dict.fromkeys(gets, "GET, HEAD")
    routes: list[BaseRoute] = [
        *(Route(post.endpoint.path, post.run, methods=["POST"]) for post in posts),
        *(Route(path, handler, methods=["GET"]) for path, handler in gets.items()),
        Mount("/docs/assets", StaticFiles(directory=_swagger())),
        Route("/{path:path}", _Elsewhere(allowed)),
    ]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={Exception: _failed})


class Post:
    """A POST of v1: reads the body, keeps idempotent answers, turns problems into answers."""

    def __init__(
        self,
        endpoint: Endpoint,
        handler: Callable[[Backend], Handler],
        *,
        body: type[msgspec.Struct] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._handler = handler
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(body or endpoint.request)

    async def run(self, request: Request) -> Response:
        """Answer `request`."""
        started, request_id, path = time.perf_counter(), uuid.uuid4().hex, self.endpoint.path
        try:
            body = await _body(request)
            kept = await self._answer(request.app.state.backend, body, _key(request), request_id)
            response = Response(
                kept.answer, kept.status, media_type="application/json", headers=_PRIVATE
            )
        except Problem as problem:
            response = problem.response(request_id=request_id, instance=path)
        metrics.REQUESTS.labels(path, response.status_code).inc()
        metrics.SECONDS.labels(path).observe(time.perf_counter() - started)
        return response

    async def _answer(
        self, backend: Backend, body: bytes, key: str | None, request_id: str
    ) -> Kept:
        if not backend.models.ready:
            raise Problem("not_ready", "models and features are being loaded")
        if key is None or not self.endpoint.creates:
            return await self._new(backend, body, request_id)
        if backend.answered is None:
            raise Problem("store_unavailable", "without stores no Idempotency-Key can be kept")
        try:
            kept = await asyncio.to_thread(backend.answered.find, key, body)
            if kept is None:
                kept = await self._new(backend, body, request_id)
                kept = await asyncio.to_thread(
                    backend.answered.keep, key, body, kept, now=backend.now()
                )
        except KeyReused as error:
            raise Problem("idempotency_key_reused", str(error)) from error
        except sqlite3.Error as error:
            raise Problem("store_unavailable", "the Idempotency-Key cannot be kept now") from error
        return kept

    async def _new(self, backend: Backend, body: bytes, request_id: str) -> Kept:
        content = decode(self._decoder, body)
        answer = await self._handler(backend)(content, request_id=request_id)
        metrics.count(self.endpoint.path, answer)
        return Kept(status=self.endpoint.status, answer=msgspec.json.encode(answer))


async def _body(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > LARGEST_BODY:
                raise Problem("body_too_large", f"a body has at most {LARGEST_BODY} bytes")
            parts.append(part)
    except ClientDisconnect as error:
        raise Problem("malformed_json", "the body ended early") from error
    return b"".join(parts)


def _key(request: Request) -> str | None:
    key: str | None = request.headers.get("idempotency-key")
    if key is not None and not (1 <= len(key) <= 128 and key.isprintable()):
        raise Problem("validation_failed", "Idempotency-Key: 1-128 printable characters")
    return key


@dataclass(frozen=True)
class _Elsewhere:
    """Answers what no route takes: 405 on a known path, else 404."""

    allowed: dict[str, str]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        if path in self.allowed:
            allow = {"Allow": self.allowed[path]}
            problem = Problem("method_not_allowed", f"{path} takes {allow['Allow']}", headers=allow)
        else:
            problem = Problem("not_found", "the paths are listed in /openapi.json")
        metrics.REQUESTS.labels("other", problem.status).inc()
        response = problem.response(request_id=uuid.uuid4().hex, instance=path)
        await response(scope, receive, send)


async def _failed(request: Request, _: Exception) -> Response:
    """Answer what nobody foresaw; Starlette raises the error again, for the server's log."""
    metrics.REQUESTS.labels("failed", 500).inc()
    problem = Problem("internal_error", "this is our fault; the server's log says more")
    return problem.response(request_id=uuid.uuid4().hex, instance=request.url.path)


async def _livez(_: Request) -> Response:
    return _health(ready=True)


async def _readyz(request: Request) -> Response:
    return _health(ready=request.app.state.backend.models.ready)


def _health(*, ready: bool) -> Response:
    body = msgspec.json.encode(Health(status="ok" if ready else "loading"))
    headers = _PRIVATE if ready else {**_PRIVATE, "Retry-After": str(RETRY_AFTER_S)}
    return Response(body, 200 if ready else 503, media_type="application/json", headers=headers)


async def _metrics(_: Request) -> Response:
    return Response(await asyncio.to_thread(metrics.page), media_type=metrics.CONTENT_TYPE)


async def _openapi(_: Request) -> Response:
    return Response(msgspec.json.encode(openapi.document()), media_type="application/json")


async def _docs(_: Request) -> Response:
    return HTMLResponse(openapi.PAGE)


async def _index(_: Request) -> Response:
    return RedirectResponse("docs")


def _swagger() -> Path:
    """Return the folder of Swagger UI that comes with BentoML."""
    found = find_spec("bentoml")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("bentoml is not installed")
    return Path(found.submodule_search_locations[0]) / "_internal/server/static_content"
