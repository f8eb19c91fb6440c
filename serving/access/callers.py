"""Who is let in: the keys of a workspace as they stand, checked before a body is read."""

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
    """Who asks: a key's holder, or ANYONE."""

    id: str
    """The key's; empty where there are no keys."""
    key: Key | None = None
    digest: bytes = b""
    bucket: Bucket | None = None


ANYONE: Final = Caller(id="")


class Access:
    """Lets in by key, or without any key whoever asks on this machine itself.

    `home` holds the keys; None: there are none. A file that cannot be read, or is gone since, lets
    in nobody. A revoked key is forgotten, and a file of nothing else still asks for a key.
    """

    def __init__(self, home: Path | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._home, self._clock = home, clock
        self._stamp: object = None
        self._callers: Mapping[str, Caller] = {}
        self._asks = self._closed = False
        self.refresh()

    def refresh(self) -> None:
        """Read the keys if their file changed."""
        if self._home is None:
            return
        stamp = _stamp(keys.place(self._home))
        if stamp == self._stamp and not self._closed:
            return
        try:
            found = keys.read(self._home)
            if not found and self._asks:
                raise KeysError(f"{keys.place(self._home)}: it is gone; start again without keys")
        except KeysError as error:
            if not self._closed:
                logger.error("nobody is let in: %s", error)
            self._closed = True
            return
        self._callers = {key.id: self._caller(key) for key in found if key.revoked is None}
        self._stamp, self._asks, self._closed = stamp, bool(found), False

    def follow(self, stop: threading.Event) -> None:
        """Refresh until `stop` is set."""
        while not stop.wait(POLL_S):
            self.refresh()

    def caller(self, asked: Mapping[str, Any]) -> Caller:
        """Return who asks, by the ASGI scope `asked`. Raises Problem without a key that stands."""
        if self._closed:
            raise Problem("store_unavailable", "the keys cannot be read, so nobody is let in")
        if not self._asks:
            return _anyone(asked.get("server"), asked["headers"])
        return self._holder(asked["headers"])

    def check(self, caller: Caller, needs: Scope | None) -> None:
        """Raise Problem where the caller's key lacks the scope `needs`, or asks too often."""
        if caller.key is None:
            return
        if needs is not None and not caller.key.may(needs):
            may = ", ".join(caller.key.scopes)
            raise Problem("forbidden", f"this needs the scope {needs}; the key has {may}")
        if caller.bucket is not None and (wait := caller.bucket.take(self._clock())):
            detail = f"this key may ask {caller.bucket.per_second:g} times a second"
            raise Problem("rate_limited", detail, headers={"Retry-After": str(math.ceil(wait))})

    def _caller(self, key: Key) -> Caller:
        stood = self._callers.get(key.id)
        if stood is not None and stood.key == key:
            return stood  # with what is in its bucket
        bucket = None if key.per_second is None else Bucket(key.per_second)
        return Caller(id=key.id, key=key, digest=bytes.fromhex(key.digest), bucket=bucket)

    def _holder(self, headers: Iterable[tuple[bytes, bytes]]) -> Caller:
        shown = next((value for name, value in headers if name == b"authorization"), None)
        if shown is None:
            raise _unauthorized("send the header `Authorization: Bearer KEY`")
        scheme, _, text = shown.decode("latin-1").partition(" ")
        parts = keys.parts(text.strip()) if scheme.lower() == "bearer" else None
        if parts is not None:
            holder = self._callers.get(parts[0])
            if holder is not None and compare_digest(holder.digest, keys.digest(parts[1])):
                return holder
        raise _unauthorized("the key is unknown or revoked")


def _anyone(
    server: tuple[str, int | None] | None, headers: Iterable[tuple[bytes, bytes]]
) -> Caller:
    """Return ANYONE where the connection came in on this machine's own address, for itself.

    `server` is the connection's own end, which no header can change, unlike the client's. The
    `headers` tell a proxy, which asks for others, and a browser, which asks for whatever page.
    """
    strange = any(
        name in _FORWARDED
        or (name == b"sec-fetch-site" and value not in {b"same-origin", b"none"})
        or (name in {b"host", b"origin"} and not _own(value.decode("latin-1")))
        for name, value in headers
    )
    if server is not None and _loopback(server[0]) and not strange:
        return ANYONE
    raise _unauthorized("without keys only this machine is answered: `python -m serving keys`")


@lru_cache(maxsize=64)
def _own(place: str) -> bool:
    """Return whether `place`, a Host or an Origin, is this machine."""
    try:
        host = urlsplit(place if "//" in place else f"//{place}").hostname or ""
    except ValueError:  # no place at all
        return False
    return host == "localhost" or _loopback(host)


@lru_cache(maxsize=64)
def _loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:  # a Unix socket's path
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _unauthorized(detail: str) -> Problem:
    return Problem("unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


def _stamp(path: Path) -> object:
    """Return what tells one content of the file from the next: it is replaced, never changed."""
    try:
        return content_stamp(path)
    except OSError as error:
        return error.errno
