"""Handling of one request: authentication, body, answer or problem, metrics and log."""

import asyncio
import logging
import os
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from serving.access.callers import Access
from serving.access.keys import Scope
from serving.access.limits import Limits
from serving.api.endpoints import Endpoint
from serving.backend import Backend
from serving.problems import PRIVATE, Problem, decode
from serving.schemas.base import Answer
from serving.stores.idempotency import Claim, IdempotencyName, KeyReused, StoredAnswer
from serving.telemetry import logs, metrics

logger = logging.getLogger(__name__)
LARGEST_BODY: Final = 4 * 2**20
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_POLL_S: Final = 0.02
"""Polling interval of a request that waits for a concurrent one with its Idempotency-Key."""


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """Facts about a request for its log line."""

    request_id: str
    key_id: str = ""
    code: str | None = None
    answer: msgspec.Struct | None = None


class Calls:
    """Handles the requests of one endpoint: body, idempotency, answer or problem."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        body = endpoint.decoded or endpoint.request
        self._decoder: msgspec.json.Decoder[Any] | None = (
            None if body is None else msgspec.json.Decoder(body)
        )
        self._tally = metrics.Tally(endpoint.path)

    async def run(self, request: Request) -> Response:
        """Answer `request`."""
        return await respond(request, self._answer, path=self.endpoint.path, tally=self._tally)

    async def _answer(self, request: Request, record: RequestRecord) -> StoredAnswer:
        """Return the answer; authenticates the request before it reads the body."""
        backend: Backend = request.app.state.backend
        admit(request, self.endpoint.scope, record)
        backend.load.check()
        limits, task = backend.limits, asyncio.current_task()
        if task is None:
            raise RuntimeError("a request must run in an asyncio task")
        body = None
        backend.deadlines.set(task, limits.body_s)
        try:
            with backend.reading:
                body = await _read_body(request)
            backend.deadlines.set(task, limits.answer_s)
            with backend.load:
                return await self._answer_once(request, body, record)
        finally:
            if backend.deadlines.clear(task):
                raise _timeout_problem(limits, body)

    async def _answer_once(
        self, request: Request, body: bytes, record: RequestRecord
    ) -> StoredAnswer:
        """Return a new answer, or the stored one of this Idempotency-Key."""
        backend: Backend = request.app.state.backend
        key = _idempotency_key(request)
        if not backend.models.ready:
            raise Problem("not_ready", "models and features are being loaded")
        store = backend.answered
        if key is None or not self.endpoint.creates or store is None:  # None: without stores
            return await self._call_handler(request, body, record)
        name = IdempotencyName(caller=record.key_id, path=request.url.path, key=key)
        try:
            while (claim := await store.claimed(name, body)) == "being_made":
                await asyncio.sleep(_POLL_S)
        except KeyReused as error:
            raise Problem("idempotency_key_reused", str(error)) from error
        except sqlite3.Error as error:
            if self.endpoint.scope == "experiments":
                raise Problem(
                    "store_unavailable", "the Idempotency-Key cannot be stored now"
                ) from error
            return await self._call_handler(request, body, record)  # a duplicate is harmless
        if not isinstance(claim, Claim):
            return claim
        try:
            stored = await self._call_handler(request, body, record)
        except BaseException:
            await store.settle(claim, None)
            raise
        await store.settle(claim, stored)
        return stored

    async def _call_handler(
        self, request: Request, body: bytes, record: RequestRecord
    ) -> StoredAnswer:
        content = [] if self._decoder is None else [decode(self._decoder, body)]
        handler = self.endpoint.handler(request.app.state.backend)
        answer = await handler(*content, request_id=record.request_id, **request.path_params)
        record.answer = answer
        self._tally.answer(answer)
        return StoredAnswer(status=self.endpoint.status, answer=msgspec.json.encode(answer))


def admit(request: Request, needs: Scope | None, record: RequestRecord) -> None:
    """Record the caller in `record`. Raises Problem without a key of scope `needs` (None: any)."""
    access: Access = request.app.state.backend.access
    caller = access.caller(request.scope)
    record.key_id = caller.id
    access.check(caller, needs)


async def respond(
    request: Request,
    answer: Callable[[Request, RequestRecord], Awaitable[StoredAnswer]],
    *,
    path: str,
    tally: metrics.Tally,
) -> Response:
    """Return the response of `answer`, or its problem; count and log it under `path`."""
    started = time.perf_counter()
    record = RequestRecord(request_id=_request_id(request))
    logs.REQUEST_ID.set(record.request_id)
    try:
        stored = await answer(request, record)
        headers = {**PRIVATE, "X-Request-Id": record.request_id}
        response = Response(
            stored.answer, stored.status, media_type="application/json", headers=headers
        )
    except Problem as problem:
        response = _refused(request, problem, record, tally)
    except Exception:  # unexpected: the caller gets a problem, the log the traceback
        logger.exception("a request failed")
        failure = Problem("internal_error", "the server failed; its log has the details")
        response = _refused(request, failure, record, tally)
    seconds = time.perf_counter() - started
    tally.request(response.status_code, seconds)
    slow = seconds > logs.SLOW_S
    level = logging.WARNING if slow or record.code is not None else logging.INFO
    if logs.REQUESTS.isEnabledFor(level):
        _log(level, request, record, path=path, status=response.status_code, seconds=seconds)
    return response


def _refused(
    request: Request, problem: Problem, record: RequestRecord, tally: metrics.Tally
) -> Response:
    record.code = problem.code
    tally.problem(problem.code)
    return problem.response(request_id=record.request_id, instance=request.url.path)


def _log(
    level: int, request: Request, record: RequestRecord, *, path: str, status: int, seconds: float
) -> None:
    fields: dict[str, Any] = {
        "method": request.method,
        "endpoint": path,
        "status": status,
        "ms": round(1000 * seconds, 2),
        "key_id": record.key_id or None,
        "code": record.code,
    }
    if isinstance(record.answer, Answer):
        fields["model_version"] = record.answer.model.label
        fields["fallback_reason"] = record.answer.fallback_reason
    present = {name: value for name, value in fields.items() if value is not None}
    logs.REQUESTS.log(level, "request", extra={"fields": present})


def _request_id(request: Request) -> str:
    given: str | None = request.headers.get("x-request-id")
    return given if given and _REQUEST_ID.fullmatch(given) else os.urandom(16).hex()


async def _read_body(request: Request) -> bytes:
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


def _timeout_problem(limits: Limits, body: bytes | None) -> Problem:
    if body is None:
        rule = f"the body must arrive within {limits.body_s:g} s"
        return Problem("body_timeout", rule, headers={"Connection": "close"})
    return Problem("timed_out", f"there was no answer within {limits.answer_s:g} s; retry later")


def _idempotency_key(request: Request) -> str | None:
    key: str | None = request.headers.get("idempotency-key")
    if key is not None and not (1 <= len(key) <= 128 and key.isprintable()):
        raise Problem("validation_failed", "Idempotency-Key: 1-128 printable characters")
    return key
