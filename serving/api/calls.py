"""One call of an endpoint: let in, body in, answer or problem out, counted and logged."""

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
_AGAIN_S: Final = 0.02
"""Until who waits for another's answer looks again."""


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """What becomes known of a request, for its log line."""

    request_id: str
    key_id: str = ""
    code: str | None = None
    answer: msgspec.Struct | None = None


class Calls:
    """The calls of one endpoint: reads bodies, keeps idempotent answers, answers problems."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        body = endpoint.decoded or endpoint.request
        self._decoder: msgspec.json.Decoder[Any] | None = (
            None if body is None else msgspec.json.Decoder(body)
        )
        self._tally = metrics.Tally(endpoint.path)

    async def run(self, request: Request) -> Response:
        """Answer `request`."""
        return await respond(request, self._kept, path=self.endpoint.path, tally=self._tally)

    async def _kept(self, request: Request, told: RequestRecord) -> StoredAnswer:
        """Return the answer, of a request that is let in before its body is read."""
        backend: Backend = request.app.state.backend
        admit(request, self.endpoint.scope, told)
        backend.load.check()
        limits, task = backend.limits, asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is answered by a task")
        body = None
        backend.deadlines.set(task, limits.body_s)
        try:
            with backend.reading:
                body = await _body(request)
            backend.deadlines.set(task, limits.answer_s)
            with backend.load:
                return await self._once(request, body, told)
        finally:
            if backend.deadlines.clear(task):
                raise _late(limits, body)

    async def _once(self, request: Request, body: bytes, told: RequestRecord) -> StoredAnswer:
        """Return the new answer, or the one that was given to this Idempotency-Key."""
        backend: Backend = request.app.state.backend
        key = _key(request)
        if not backend.models.ready:
            raise Problem("not_ready", "models and features are being loaded")
        answered = backend.answered
        if key is None or not self.endpoint.creates or answered is None:  # None: without stores
            return await self._new(request, body, told)
        name = IdempotencyName(caller=told.key_id, path=request.url.path, key=key)
        try:
            while (claim := await answered.claimed(name, body)) == "being_made":
                await asyncio.sleep(_AGAIN_S)
        except KeyReused as error:
            raise Problem("idempotency_key_reused", str(error)) from error
        except sqlite3.Error as error:
            if self.endpoint.scope == "experiments":
                raise Problem(
                    "store_unavailable", "the Idempotency-Key cannot be kept now"
                ) from error
            return await self._new(request, body, told)  # a second one does no harm
        if not isinstance(claim, Claim):
            return claim
        try:
            kept = await self._new(request, body, told)
        except BaseException:
            await answered.settle(claim, None)
            raise
        await answered.settle(claim, kept)
        return kept

    async def _new(self, request: Request, body: bytes, told: RequestRecord) -> StoredAnswer:
        content = [] if self._decoder is None else [decode(self._decoder, body)]
        handler = self.endpoint.handler(request.app.state.backend)
        answer = await handler(*content, request_id=told.request_id, **request.path_params)
        told.answer = answer
        self._tally.answer(answer)
        return StoredAnswer(status=self.endpoint.status, answer=msgspec.json.encode(answer))


def admit(request: Request, needs: Scope | None, told: RequestRecord) -> None:
    """Note in `told` who asks. Raises Problem without a key of the scope `needs` (None: any)."""
    access: Access = request.app.state.backend.access
    caller = access.caller(request.scope)
    told.key_id = caller.id
    access.check(caller, needs)


async def respond(
    request: Request,
    answer: Callable[[Request, RequestRecord], Awaitable[StoredAnswer]],
    *,
    path: str,
    tally: metrics.Tally,
) -> Response:
    """Return what `answer` gives, or its problem; count it and log it as one of `path`."""
    started = time.perf_counter()
    told = RequestRecord(request_id=_request_id(request))
    logs.REQUEST_ID.set(told.request_id)
    try:
        kept = await answer(request, told)
        headers = {**PRIVATE, "X-Request-Id": told.request_id}
        response = Response(
            kept.answer, kept.status, media_type="application/json", headers=headers
        )
    except Problem as problem:
        response = _refused(request, problem, told, tally)
    except Exception:  # nobody foresaw it; the caller gets a problem, the log where it arose
        logger.exception("a request failed")
        ours = Problem("internal_error", "this is our fault; the server's log says more")
        response = _refused(request, ours, told, tally)
    seconds = time.perf_counter() - started
    tally.request(response.status_code, seconds)
    slow = seconds > logs.SLOW_S
    level = logging.WARNING if slow or told.code is not None else logging.INFO
    if logs.REQUESTS.isEnabledFor(level):
        _log(level, request, told, path=path, status=response.status_code, seconds=seconds)
    return response


def _refused(
    request: Request, problem: Problem, told: RequestRecord, tally: metrics.Tally
) -> Response:
    told.code = problem.code
    tally.problem(problem.code)
    return problem.response(request_id=told.request_id, instance=request.url.path)


def _log(
    level: int, request: Request, told: RequestRecord, *, path: str, status: int, seconds: float
) -> None:
    fields: dict[str, Any] = {
        "method": request.method,
        "endpoint": path,
        "status": status,
        "ms": round(1000 * seconds, 2),
        "key_id": told.key_id or None,
        "code": told.code,
    }
    if isinstance(told.answer, Answer):
        fields["model_version"] = told.answer.model.label
        fields["fallback_reason"] = told.answer.fallback_reason
    said = {name: value for name, value in fields.items() if value is not None}
    logs.REQUESTS.log(level, "request", extra={"fields": said})


def _request_id(request: Request) -> str:
    given: str | None = request.headers.get("x-request-id")
    return given if given and _REQUEST_ID.fullmatch(given) else os.urandom(16).hex()


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


def _late(limits: Limits, body: bytes | None) -> Problem:
    if body is None:
        rule = f"the body must arrive within {limits.body_s:g} s"
        return Problem("body_timeout", rule, headers={"Connection": "close"})
    return Problem("timed_out", f"there was no answer within {limits.answer_s:g} s; ask again")


def _key(request: Request) -> str | None:
    key: str | None = request.headers.get("idempotency-key")
    if key is not None and not (1 <= len(key) <= 128 and key.isprintable()):
        raise Problem("validation_failed", "Idempotency-Key: 1-128 printable characters")
    return key
