"""Authentication by the current keys of a workspace, before a request body is read."""

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final

from configs.durable import content_stamp
from serving.access import keys, local
from serving.access.keys import Key, KeysError, Scope
from serving.access.limits import Bucket
from serving.problems import Problem

logger = logging.getLogger(__name__)
POLL_S: Final = 0.25
_ONLY_HERE: Final = (
    "without keys only this machine is answered, at its own address and port: create a key by "
    "`python -m serving keys create`"
)
_NOT_ASKED_FOR: Final = (
    "there are no keys yet: create one by `python -m serving keys create`, or start the service "
    "with `--without-keys` (REGULARS_WITHOUT_KEYS=1) to answer every caller on its machine"
)


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

    `home` holds the keys; None: there are none. Without keys v1 answers only if `without_keys`
    says so. While the file is unreadable, or after it was deleted, all callers are refused. A file
    with only revoked keys still requires a key.
    """

    def __init__(
        self,
        home: Path | None,
        *,
        without_keys: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._home, self._without_keys, self._clock = home, without_keys, clock
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
        if self._needs_key:
            return self._holder(dict(connection["headers"]).get(b"authorization"))
        if not self._without_keys:
            raise _unauthorized(_NOT_ASKED_FOR)
        if not local.comes_from_here(connection):
            raise _unauthorized(_ONLY_HERE)
        return ANYONE

    def check_open(self, connection: Mapping[str, Any], *, probe: bool) -> None:
        """Raise Problem if a path that needs no key, such as /metrics, is closed to `connection`.

        Without keys it is closed to all but this machine. A `probe` (/livez, /readyz) from outside,
        as of a container's supervisor, is answered.
        """
        if self._needs_key or self._closed:
            return
        server = connection.get("server")
        if probe and (server is None or not local.is_loopback(server[0])):
            return
        if not local.comes_from_here(connection):
            raise _unauthorized(_ONLY_HERE)

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

    def _holder(self, header: bytes | None) -> Caller:
        if header is None:
            raise _unauthorized("send the header `Authorization: Bearer KEY`")
        scheme, _, text = header.decode("latin-1").partition(" ")
        parts = keys.parts(text.lstrip(" ")) if scheme.lower() == "bearer" else None
        if parts is not None:
            holder = self._callers.get(parts[0])
            if holder is not None and compare_digest(holder.digest, keys.digest(parts[1])):
                return holder
        raise _unauthorized("the key is unknown or revoked")


def _unauthorized(detail: str) -> Problem:
    return Problem("unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


def _stamp(path: Path) -> object:
    """Return a value that changes with the content of the file, which is only ever replaced."""
    try:
        return content_stamp(path)
    except OSError as error:
        return error.errno
