"""Handling of one request: authentication, body, answer or problem, metrics and log."""

import asyncio
import logging
import os
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from serving.access.callers import Access
from serving.access.keys import Scope
from serving.access.limits import Limits
from serving.api.bodies import check_names, read_body, while_connected
from serving.api.endpoints import Endpoint
from serving.api.paths import path_text
from serving.api.queries import read_query
from serving.backend import Backend
from serving.problems import PRIVATE, Problem, decode, failed
from serving.schemas.base import Answer
from serving.stores.idempotency import Claim, IdempotencyName, KeyReused, StoredAnswer
from serving.telemetry import logs, metrics

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
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
        fields = dict(request.scope["headers"])  # each comes once: serving.edge.heads
        key = _idempotency_key(fields)
        _check_encoding(fields)
        load = backend.load.of(record.key_id)
        load.check()
        limits, task = backend.limits, asyncio.current_task()
        if task is None:
            raise RuntimeError("a request must run in an asyncio task")
        body = None
        backend.deadlines.set(task, limits.body_s)
        try:
            with backend.reading.of(record.key_id):
                body = await read_body(request)
            backend.deadlines.set(task, limits.answer_s)
            with load:
                return await self._answer_once(request, body, record, key=key)
        finally:
            if backend.deadlines.clear(task):
                raise _timeout_problem(limits, body)

    async def _answer_once(
        self, request: Request, body: bytes, record: RequestRecord, *, key: str | None
    ) -> StoredAnswer:
        """Return a new answer, or the stored one of this Idempotency-Key."""
        backend: Backend = request.app.state.backend
        if not backend.models.ready:
            raise Problem("not_ready", "models and features are being loaded")
        store = backend.answered
        if key is None or not self.endpoint.creates or store is None:  # None: without stores
            return await self._call_handler(request, body, record)
        name = IdempotencyName(caller=record.key_id, path=path_text(request.scope), key=key)
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
        content = []
        if self._decoder is not None:
            check_names(body)
            content = [decode(self._decoder, body)]
        named = dict(request.path_params)
        if self.endpoint.query is not None:
            named["query"] = read_query(request.scope["query_string"], self.endpoint.query)
        handler = self.endpoint.handler(request.app.state.backend)
        answering = handler(*content, request_id=record.request_id, **named)
        if self.endpoint.watched:
            answering = while_connected(request, answering)
        answer = await answering
        record.answer = answer
        self._tally.answer(answer)
        return StoredAnswer(status=self.endpoint.status, answer=msgspec.json.encode(answer))


def admit(request: Request, needs: Scope | None, record: RequestRecord) -> None:
    """Record the caller in `record`. Raises Problem without a key of scope `needs` (None: any)."""
    access: Access = request.app.state.backend.access
    caller = access.caller(request.scope)
    record.key_id = caller.id
    access.check(caller, needs)


class _Answered(Response):
    """A successful answer, whose headers are encoded beforehand."""

    fixed: ClassVar = [(name.lower().encode(), value.encode()) for name, value in PRIVATE.items()]

    def __init__(self, stored: StoredAnswer, request_id: str) -> None:
        self.status_code, self.body, self.background = stored.status, stored.answer, None
        self.raw_headers = [
            *self.fixed,
            (b"x-request-id", request_id.encode()),
            (b"content-length", b"%d" % len(stored.answer)),
            (b"content-type", b"application/json"),
        ]


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
        response: Response = _Answered(stored, record.request_id)
    except Problem as problem:
        response = _refused(request, problem, record, tally)
    except Exception as error:  # unexpected: the caller gets a problem, the log the details
        response = _refused(request, failed(error, "a request failed"), record, tally)
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
    return problem.response(request_id=record.request_id, instance=path_text(request.scope))


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
    for name, value in request.scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return os.urandom(16).hex()


def _timeout_problem(limits: Limits, body: bytes | None) -> Problem:
    if body is None:
        rule = f"the body must arrive within {limits.body_s:g} s"
        return Problem("body_timeout", rule, headers={"Connection": "close"})
    return Problem("timed_out", f"there was no answer within {limits.answer_s:g} s; retry later")


def _idempotency_key(fields: Mapping[bytes, bytes]) -> str | None:
    value = fields.get(b"idempotency-key")
    key = None if value is None else value.decode("latin-1")
    if key is not None and not (1 <= len(key) <= 128 and key.isprintable()):
        raise Problem("validation_failed", "Idempotency-Key: 1-128 printable characters")
    return key


def _check_encoding(fields: Mapping[bytes, bytes]) -> None:
    encoding = fields.get(b"content-encoding")
    if encoding is not None:
        detail = f"Content-Encoding: {encoding.decode('latin-1')}: send the body as it is"
        raise Problem("unsupported_encoding", detail, headers={"Accept-Encoding": "identity"})
