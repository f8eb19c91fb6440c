"""Errors as `application/problem+json` (RFC 9457)."""

import logging
import re
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from starlette.responses import Response

from configs.json_files import DamagedFile
from configs.outages import is_outage
from features.workspace import WorkspaceError
from serving.schemas.base import PATTERNS, FieldError, ProblemDetails

logger = logging.getLogger(__name__)
T = TypeVar("T")
# Code -> (status, title).
CODES: Final = {
    "malformed_request": (400, "The request breaks a rule of HTTP"),
    "malformed_json": (400, "The body is not JSON"),
    "unauthorized": (401, "The request needs a valid key"),
    "forbidden": (403, "The key does not permit this path"),
    "not_found": (404, "There is nothing at this path"),
    "unknown_product": (404, "The product is unknown"),
    "method_not_allowed": (405, "This path does not allow the method"),
    "head_timeout": (408, "The head did not arrive in time"),
    "body_timeout": (408, "The body did not arrive in time"),
    "body_too_large": (413, "The body is too large"),
    "target_too_long": (414, "The request target is too long"),
    "unsupported_encoding": (415, "The body is encoded"),
    "validation_failed": (422, "The body breaks the schema"),
    "idempotency_key_reused": (422, "This Idempotency-Key came with another body"),
    "rate_limited": (429, "Too many requests with this key"),
    "head_too_large": (431, "The head is too large"),
    "unknown_segment": (404, "No segment has this key"),
    "segments_not_computed": (409, "There are no segments yet"),
    "unknown_experiment": (404, "No experiment has this key"),
    "experiment_conflict": (409, "The experiment does not allow this now"),
    "analysis_unavailable": (503, "There is no analysis yet"),
    "internal_error": (500, "The server failed"),
    "store_unavailable": (503, "A store cannot be reached"),
    "not_ready": (503, "The server is still loading"),
    "overloaded": (503, "The server is overloaded"),
    "timed_out": (503, "The answer took too long"),
}
RETRY_AFTER_S: Final = 1
NOSNIFF: Final = {"X-Content-Type-Options": "nosniff"}
"""A browser does not guess what an answer is."""
PRIVATE: Final = {"Cache-Control": "private, no-store", **NOSNIFF}
_PATH: Final = re.compile(r"^(?P<text>.*?)(?: - at (?:`key` in )?`\$(?P<path>[^`]*)`)?$", re.DOTALL)
_FIELD: Final = re.compile(r"(?:unknown|required) field `(?P<name>.*)`$", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[]+)|\[([^\]]*)\]")


class Problem(Exception):
    """An error to send to the caller; `code` is one of CODES."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: list[FieldError] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail
        self.status, self.title = CODES[code]
        self.errors = errors or []
        self.headers = dict(headers or {})

    def details(self, *, request_id: str, instance: str) -> ProblemDetails:
        """Return the body of the error response; `instance` is the request's path."""
        return ProblemDetails(
            type=f"urn:regulars:problem:{self.code}",
            title=self.title,
            status=self.status,
            detail=self.detail,
            instance=instance,
            code=self.code,
            request_id=request_id,
            errors=self.errors,
        )

    def response(self, *, request_id: str, instance: str) -> Response:
        """Return the HTTP response; `instance` is the request's path."""
        headers = PRIVATE | {"X-Request-Id": request_id} | self.headers
        if self.status == 503:
            headers.setdefault("Retry-After", str(RETRY_AFTER_S))
        return Response(
            msgspec.json.encode(self.details(request_id=request_id, instance=instance)),
            status_code=self.status,
            media_type="application/problem+json",
            headers=headers,
        )


def failed(error: Exception, what: str) -> Problem:
    """Return the Problem of an `error` that was not expected, and log it as `what`.

    A store or a file of the workspace that fails is 503, anything else 500.
    """
    cause = error.__cause__ if isinstance(error.__cause__, DamagedFile) else error
    if isinstance(cause, WorkspaceError | DamagedFile):  # their texts name a file, and no customer
        what = f"{what}: {cause}"
    logger.error("%s", what, exc_info=error)
    if isinstance(error, WorkspaceError) or is_outage(error):
        detail = "a store or a file of the workspace cannot be read or written; the log has more"
        return Problem("store_unavailable", detail)
    return Problem("internal_error", "the server failed; its log has the details")


def refused(pointer: str, detail: str) -> Problem:
    """Return the Problem that the part of a body at `pointer` breaks a rule.

    >>> refused("/k", "at most 100").code
    'validation_failed'
    """
    fault = FieldError(pointer=pointer, detail=detail)
    return Problem("validation_failed", f"{pointer}: {detail}", errors=[fault])


def decode(decoder: "msgspec.json.Decoder[T]", body: bytes | msgspec.Raw) -> T:
    """Return `body` as the decoder's type. Raises Problem, which names the invalid field."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        problem = field_error(error)
        detail = f"{problem.pointer or 'body'}: {problem.detail}"
        raise Problem("validation_failed", detail, errors=[problem]) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem("malformed_json", f"{error}" or "nested too deeply") from error


def field_error(error: msgspec.ValidationError) -> FieldError:
    """Return the location of `error` in the body and its message.

    >>> field_error(msgspec.ValidationError("Expected `int` <= 100 - at `$.k`"))
    FieldError(pointer='/k', detail='Expected `int` <= 100')
    >>> field_error(msgspec.ValidationError("Expected `str` - at `key` in `$.stock`")).pointer
    '/stock'
    >>> field_error(msgspec.ValidationError("Object contains unknown field `a/b`")).pointer
    '/a~1b'
    >>> field_error(msgspec.ValidationError("Expected `int` >= 0 - at `$.stock[...]`")).pointer
    '/stock'
    >>> field_error(msgspec.ValidationError(f"Expected `str` matching regex {[*PATTERNS][1]!r}"))
    FieldError(pointer='', detail='Expected 1-128 characters without control characters')
    """
    match = _PATH.match(str(error))
    text, path = (match["text"], match["path"] or "") if match else (str(error), "")
    steps = [name or index for name, index in _STEP.findall(path)]
    if "..." in steps:  # msgspec does not name this key
        steps = steps[: steps.index("...")]
    elif field := _FIELD.search(text):
        steps.append(field["name"])
    for pattern, rule in PATTERNS.items():
        text = text.replace(f"`str` matching regex {pattern!r}", rule)
    pointer = "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in steps)
    return FieldError(pointer=pointer, detail=text)
