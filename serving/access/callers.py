"""Authentication by the current keys of a workspace, before a request body is read."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hmac import compare_digest
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from configs.durable import content_stamp
from serving.access import keys
from serving.access.keys import Key, KeysError, Scope
from serving.access.limits import Bucket
from serving.problems import Problem

logger = logging.getLogger(__name__)
POLL_S: Final = 0.25
_FORWARDED: Final = {b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host"}


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The sender of a request: the holder of a key, or ANYONE."""

    id: str
    """The key's id; empty if there are no keys."""
    key: Key | None = None
    digest: bytes = b""
    bucket: Bucket | None = None


ANYONE: Final = Caller(id="")


class Access:
    """Authenticates callers by key; without any keys, admits only callers on this machine.

    `home` holds the keys; None: there are none. While the file is unreadable, or after it was
    deleted, all callers are refused. A file with only revoked keys still requires a key.
    """

    def __init__(self, home: Path | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._home, self._clock = home, clock
        self._stamp: object = None
        self._callers: Mapping[str, Caller] = {}
        self._needs_key = self._closed = False
        self.refresh()

    def refresh(self) -> None:
        """Read the keys if their file changed."""
        if self._home is None:
            return
        stamp = _stamp(keys.place(self._home))
        if stamp == self._stamp and not self._closed:
            return
        try:
            stored = keys.read(self._home)
            if not stored and self._needs_key:
                raise KeysError(f"{keys.place(self._home)} is gone; restart to serve without keys")
        except KeysError as error:
            if not self._closed:
                logger.error("all callers are refused: %s", error)
            self._closed = True
            return
        self._callers = {key.id: self._caller(key) for key in stored if key.revoked is None}
        self._stamp, self._needs_key, self._closed = stamp, bool(stored), False

    def follow(self, stop: threading.Event) -> None:
        """Refresh until `stop` is set."""
        while not stop.wait(POLL_S):
            self.refresh()

    def caller(self, connection: Mapping[str, Any]) -> Caller:
        """Return the caller of the ASGI scope `connection`. Raises Problem without a valid key."""
        if self._closed:
            raise Problem("store_unavailable", "the keys cannot be read: all callers are refused")
        if not self._needs_key:
            return _anyone(connection.get("server"), connection["headers"])
        return self._holder(connection["headers"])

    def check(self, caller: Caller, needs: Scope | None) -> None:
        """Raise Problem if the caller's key has no scope `needs`, or exceeds its rate limit."""
        if caller.key is None:
            return
        if needs is not None and not caller.key.may(needs):
            granted = ", ".join(caller.key.scopes)
            raise Problem("forbidden", f"this needs the scope {needs}; the key has {granted}")
        if caller.bucket is not None and (wait := caller.bucket.take(self._clock())):
            detail = f"this key allows {caller.bucket.per_second:g} requests per second"
            raise Problem("rate_limited", detail, headers={"Retry-After": str(math.ceil(wait))})

    def _caller(self, key: Key) -> Caller:
        previous = self._callers.get(key.id)
        if previous is not None and previous.key == key:
            return previous  # with the state of its bucket
        bucket = None if key.per_second is None else Bucket(key.per_second)
        return Caller(id=key.id, key=key, digest=bytes.fromhex(key.digest), bucket=bucket)

    def _holder(self, headers: Iterable[tuple[bytes, bytes]]) -> Caller:
        header = next((value for name, value in headers if name == b"authorization"), None)
        if header is None:
            raise _unauthorized("send the header `Authorization: Bearer KEY`")
        scheme, _, text = header.decode("latin-1").partition(" ")
        parts = keys.parts(text.strip()) if scheme.lower() == "bearer" else None
        if parts is not None:
            holder = self._callers.get(parts[0])
            if holder is not None and compare_digest(holder.digest, keys.digest(parts[1])):
                return holder
        raise _unauthorized("the key is unknown or revoked")


def _anyone(
    server: tuple[str, int | None] | None, headers: Iterable[tuple[bytes, bytes]]
) -> Caller:
    """Return ANYONE for a connection to a loopback address. Raises Problem for all others.

    `server` is the local address of the connection: unlike the client's, headers cannot change it.
    The `headers` reveal proxies, which forward for others, and browsers on other sites' pages.
    """
    foreign = any(
        name in _FORWARDED
        or (name == b"sec-fetch-site" and value not in {b"same-origin", b"none"})
        or (name in {b"host", b"origin"} and not _local(value.decode("latin-1")))
        for name, value in headers
    )
    if server is not None and _loopback(server[0]) and not foreign:
        return ANYONE
    raise _unauthorized(
        "without keys only this machine is answered: create one by `python -m serving keys`"
    )


@lru_cache(maxsize=64)
def _local(address: str) -> bool:
    """Return whether `address`, a Host or an Origin, is this machine."""
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:  # not an address
        return False
    return host == "localhost" or _loopback(host)


@lru_cache(maxsize=64)
def _loopback(host: str) -> bool:
    try:
        ip = ip_address(host)
    except ValueError:  # a Unix socket's path
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_loopback


def _unauthorized(detail: str) -> Problem:
    return Problem("unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


def _stamp(path: Path) -> object:
    """Return a value that changes with the content of the file, which is only ever replaced."""
    try:
        return content_stamp(path)
    except OSError as error:
        return error.errno
