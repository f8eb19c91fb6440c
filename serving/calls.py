"""One call of an endpoint: body in, answer or problem out."""

import asyncio
import sqlite3
import time
import uuid
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from serving import metrics
from serving.backend import Backend
from serving.endpoints import Endpoint
from serving.idempotency import Kept, KeyReused
from serving.problems import Problem, decode

LARGEST_BODY: Final = 4 * 2**20
PRIVATE: Final = {"Cache-Control": "private, no-store"}


class Calls:
    """The calls of one endpoint: reads bodies, keeps idempotent answers, answers problems."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        body = endpoint.decoded or endpoint.request
        self._decoder: msgspec.json.Decoder[Any] | None = (
            None if body is None else msgspec.json.Decoder(body)
        )

    async def run(self, request: Request) -> Response:
        """Answer `request`."""
        started, request_id, path = time.perf_counter(), uuid.uuid4().hex, self.endpoint.path
        try:
            kept = await self._answer(request, request_id)
            response = Response(
                kept.answer, kept.status, media_type="application/json", headers=PRIVATE
            )
        except Problem as problem:
            response = problem.response(request_id=request_id, instance=request.url.path)
        metrics.REQUESTS.labels(path, response.status_code).inc()
        metrics.SECONDS.labels(path).observe(time.perf_counter() - started)
        return response

    async def _answer(self, request: Request, request_id: str) -> Kept:
        backend: Backend = request.app.state.backend
        body = await _body(request)
        key = _key(request)
        if not backend.models.ready:
            raise Problem("not_ready", "models and features are being loaded")
        if key is None or not self.endpoint.creates:
            return await self._new(request, body, request_id)
        if backend.answered is None:
            raise Problem("store_unavailable", "without stores no Idempotency-Key can be kept")
        try:
            kept = await asyncio.to_thread(backend.answered.find, key, body)
            if kept is None:
                kept = await self._new(request, body, request_id)
                kept = await asyncio.to_thread(
                    backend.answered.keep, key, body, kept, now=backend.now()
                )
        except KeyReused as error:
            raise Problem("idempotency_key_reused", str(error)) from error
        except sqlite3.Error as error:
            raise Problem("store_unavailable", "the Idempotency-Key cannot be kept now") from error
        return kept

    async def _new(self, request: Request, body: bytes, request_id: str) -> Kept:
        content = [] if self._decoder is None else [decode(self._decoder, body)]
        handler = self.endpoint.handler(request.app.state.backend)
        answer = await handler(*content, request_id=request_id, **request.path_params)
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
