"""HTTP/1.1 on raw sockets: what a client library would not send, and answers read strictly."""

import resource
import socket
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Self

LONGEST_S: Final = 30.0
"""Within which every connection has an answer or is closed."""
_NO_BODY: Final = {204, 304}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A response."""

    status: int
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether the server said that it closes the connection."""
        return self.headers.get("connection", "").lower() == "close"


def request(
    method: str,
    target: str,
    *,
    key: str | None = None,
    body: bytes | None = None,
    headers: Iterable[str] = (),
) -> bytes:
    """Return a request that is well-formed, unless its parts are not."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if key is not None:
        lines.append(f"Authorization: Bearer {key}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + (body or b"")


class Connection:
    """A connection to the server on `port`; raises ConnectionError at its unexpected end."""

    def __init__(self, port: int, *, timeout_s: float = LONGEST_S) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send `data`."""
        self.socket.sendall(data)

    def ask(self, data: bytes, *, method: str = "POST") -> Answer:
        """Send a request and return its answer."""
        self.send(data)
        return self.answer(method=method)

    def answer(self, *, method: str = "POST") -> Answer:
        """Return the next answer, to a request by `method`; interim answers are left out."""
        while True:
            head = self._until(b"\r\n\r\n")
            status_line, *lines = head.decode("latin-1").split("\r\n")
            status = int(status_line.split(" ")[1])
            headers = {}
            for line in filter(None, lines):
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            if status >= 200:
                return Answer(status=status, headers=headers, body=self._body(headers, method))

    def ended(self) -> bytes:
        """Return what still comes until the server closes the connection; raises TimeoutError."""
        rest = bytes(self._read)
        self._read.clear()
        try:
            while data := self.socket.recv(65_536):
                rest += data
        except ConnectionError:
            pass
        return rest

    def _body(self, headers: dict[str, str], method: str) -> bytes:
        if method == "HEAD":
            return b""
        if headers.get("transfer-encoding") == "chunked":
            parts = []
            while size := int(self._until(b"\r\n"), 16):
                parts.append(self._exactly(size))
                self._exactly(2)
            self._until(b"\r\n")
            return b"".join(parts)
        return self._exactly(int(headers.get("content-length", "0")))

    def _until(self, mark: bytes) -> bytes:
        while (at := self._read.find(mark)) < 0:
            self._more()
        found = bytes(self._read[:at])
        del self._read[: at + len(mark)]
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self._read) < size:
            self._more()
        found = bytes(self._read[:size])
        del self._read[:size]
        return found

    def _more(self) -> None:
        data = self.socket.recv(262_144)
        if not data:
            raise ConnectionResetError(f"closed after {bytes(self._read[:200])!r}")
        self._read += data


def ask(port: int, data: bytes, *, method: str = "POST", timeout_s: float = LONGEST_S) -> Answer:
    """Return the answer to a request on a connection of its own."""
    with closing(Connection(port, timeout_s=timeout_s)) as connection:
        return connection.ask(data, method=method)


def allow_descriptors() -> None:
    """Raise this process's own soft limit of descriptors to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
