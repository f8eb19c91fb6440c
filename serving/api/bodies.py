"""The body of a request: read within its bound, and JSON in which no name comes twice."""

import asyncio
from collections.abc import Awaitable
from json import JSONDecoder
from typing import Final, TypeVar

from starlette.requests import ClientDisconnect, Request

from serving.problems import Problem

T = TypeVar("T")
LARGEST_BODY: Final = 4 * 2**20
_SHOWN: Final = 128
"""Characters of a name in a message."""


async def read_body(request: Request) -> bytes:
    """Return the body. Raises Problem if it is larger than LARGEST_BODY, or ends early."""
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


def check_names(body: bytes) -> None:
    """Raise Problem if `body` is not JSON, or an object in it, at any depth, has a name twice.

    Of two members with one name, parsers take the first or the last (RFC 8259, 4): a check in front
    of the service may have seen another one than the service.

    >>> check_names(b'{"k": 1, "filter": {"k": 2}}')
    """
    text = body.decode("utf-8", "surrogateescape")  # what is no UTF-8 is the decoder's to refuse
    try:
        _NAMES.decode(text)
    except _GivenTwice as error:
        name = f"{error.name[:_SHOWN]!r}"
        raise Problem("malformed_json", f"{name}: an object has this name twice") from None
    except RecursionError as error:
        raise Problem("malformed_json", "nested too deeply") from error
    except ValueError as error:
        raise Problem("malformed_json", f"{error}") from error


class _GivenTwice(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _once_each(members: list[tuple[str, None]]) -> None:
    if len(members) == len(dict(members)):
        return
    seen: set[str] = set()
    for name, _ in members:
        if name in seen:
            raise _GivenTwice(name)
        seen.add(name)


_NAMES: Final = JSONDecoder(object_pairs_hook=_once_each, parse_int=str, parse_float=str)
"""Reads the names alone: numbers stay text."""


async def while_connected(request: Request, answering: Awaitable[T]) -> T:
    """Return what `answering` returns; cancel it when the client disconnects.

    For requests whose body was read. Raises Problem after a disconnect.
    """
    answer = asyncio.ensure_future(answering)
    gone = asyncio.create_task(_disconnect(request))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise Problem("malformed_request", "the connection ended before the answer")
        return answer.result()
    finally:
        answer.cancel()
        gone.cancel()
        await asyncio.gather(answer, gone, return_exceptions=True)


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
