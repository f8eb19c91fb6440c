"""Which handler answers a path, compared byte by byte: nothing is decoded, added or cut off.

A proxy's rule by path then means the same path as the service: no other spelling of it, by
percent-encoding, a slash or a line end, is answered.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from experiments.definition import KEY

Handler = Callable[[Request], Awaitable[Response]]
_KEYED: Final = re.compile(
    rb"(/v1/(?:experiments|segments)/)(%b)((?:[:/][a-z]+)?)" % KEY.strip("^$").encode()
)


class Paths:
    """The handlers by method and path; a path with `{key}` stands for every key's."""

    def __init__(self) -> None:
        self._handlers: dict[tuple[str, bytes], Handler] = {}
        self._keyed: dict[tuple[str, bytes], Handler] = {}

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Let `handler` answer `method` on `path`; GET includes HEAD."""
        table = self._keyed if "{key}" in path else self._handlers
        for name in ("GET", "HEAD") if method == "GET" else (method,):
            table[name, path.encode()] = handler

    def find(self, scope: Scope) -> Handler | None:
        """Return the handler of the request `scope`, and put the path's key into it."""
        method, path = scope["method"], path_of(scope)
        handler = self._handlers.get((method, path))
        if handler is None and (keyed := _KEYED.fullmatch(path)):
            scope["path_params"] = {"key": keyed[2].decode()}
            return self._keyed.get((method, _template(keyed)))
        return handler

    def methods(self, path: bytes) -> list[str]:
        """Return the methods that `path` allows; none if it is unknown."""
        table = self._handlers
        if keyed := _KEYED.fullmatch(path):
            table, path = self._keyed, _template(keyed)
        return sorted(method for method, known in table if known == path)

    def known(self) -> set[str]:
        """Return all paths."""
        return {path.decode() for _, path in (*self._handlers, *self._keyed)}


def path_of(scope: Scope) -> bytes:
    """Return the path as it was sent; a server that does not say it is taken at its `path`."""
    raw: bytes | None = scope.get("raw_path")
    return raw if raw is not None else scope["path"].encode("utf-8", "surrogateescape")


def path_text(scope: Scope) -> str:
    """Return the path as it was sent, as text."""
    return path_of(scope).decode("latin-1")


def _template(keyed: re.Match[bytes]) -> bytes:
    return keyed[1] + b"{key}" + keyed[3]
