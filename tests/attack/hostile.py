"""Hostile connections of one kind, in a process of their own:

    python -m tests.attack.hostile KIND PORT COUNT [KEY]

It prints `ready` when all connections are open, and a JSON of what they saw at SIGTERM.
"""

import asyncio
import itertools
import json
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from tests.attack.wire import allow_descriptors, request

PAUSE_S: Final = float(os.environ.get("REGULARS_ATTACK_PAUSE", "0.1"))
"""Before one of 50 connections that the server closed is opened again: 500 new ones a second."""
DRIP_S: Final = 0.2
PIECE: Final = b"a" * 4_096
LIST: Final = "/v1/recommendations"
Pieces = AsyncIterator[bytes]


@dataclass(kw_only=True)
class Attacker:
    """What all connections of a process share."""

    port: int
    key: str | None
    pause_s: float
    seen: Counter[str] = field(default_factory=Counter)

    async def run(self, pieces: Callable[["Attacker"], Pieces], *, reads: bool) -> None:
        """Open a connection and send pieces, again and again."""
        while True:
            with suppress(OSError):
                await self._once(pieces, reads=reads)
            self.seen["closed"] += 1
            await asyncio.sleep(self.pause_s)

    async def _once(self, pieces: Callable[["Attacker"], Pieces], *, reads: bool) -> None:
        sock = socket.socket()
        if not reads:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=sock)
        self.seen["opened"] += 1
        tasks = {asyncio.create_task(self._write(writer, pieces(self)))}
        if reads:
            tasks.add(asyncio.create_task(self._read(reader)))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            writer.transport.abort()

    async def _write(self, writer: asyncio.StreamWriter, pieces: Pieces) -> None:
        async for piece in pieces:
            writer.write(piece)
            await writer.drain()
            self.seen["bytes"] += len(piece)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Count the status lines; return when the server closes the connection."""
        while data := await reader.read(65_536):
            for part in data.split(b"HTTP/1.1 ")[1:]:
                self.seen[part[:3].decode("latin-1")] += 1


async def endless(head: bytes, piece: bytes = PIECE) -> Pieces:
    """Send `head`, then `piece` for ever, as fast as it is taken."""
    yield head
    while True:
        yield piece
        await asyncio.sleep(0)


async def drip(head: bytes, piece: bytes = b"a") -> Pieces:
    """Send `head`, then a byte from time to time."""
    yield head
    while True:
        await asyncio.sleep(DRIP_S)
        yield piece


async def once(sent: bytes = b"") -> Pieces:
    """Send this and wait."""
    yield sent
    await asyncio.sleep(3_600)


async def leave() -> Pieces:
    """Close at once."""
    for piece in list[bytes]():
        yield piece


async def many_headers() -> Pieces:
    """Send headers for ever."""
    yield b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    for number in itertools.count():
        yield b"".join(b"X-%d-%d: a\r\n" % (number, part) for part in range(200))
        await asyncio.sleep(0)


def chunked(key: str | None) -> bytes:
    return request("POST", LIST, key=key, headers=["Transfer-Encoding: chunked"])


def body(key: str | None) -> bytes:
    return request("POST", LIST, key=key, headers=["Content-Length: 100000"])


HEAD: Final = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n"
UPGRADE: Final = request(
    "GET",
    "/socket",
    headers=["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
)  # fmt: skip
KINDS: Final[dict[str, Callable[[Attacker], Pieces]]] = {
    "endless header value": lambda _: endless(HEAD + b"X: "),
    "endless header name": lambda _: endless(HEAD),
    "endless target": lambda _: endless(b"GET /"),
    "endless method": lambda _: endless(b"G", b"G" * 4_096),
    "endless headers": lambda _: many_headers(),
    "endless chunk extension": lambda _: endless(chunked(None) + b"1;"),
    "endless chunk extension with a key": lambda a: endless(chunked(a.key) + b"1;"),
    "endless chunk size with a key": lambda a: endless(chunked(a.key), b"0" * 4_096),
    "endless trailers": lambda _: endless(chunked(None) + b"0\r\nX: "),
    "endless trailers with a key": lambda a: endless(chunked(a.key) + b"0\r\nX: "),
    "endless pipelining": lambda _: endless(b"", 20 * request("GET", "/livez")),
    "endless blank lines": lambda _: endless(b"", b"\r\n" * 2_048),
    "idle": lambda _: once(),
    "dripping head": lambda _: drip(HEAD + b"X: "),
    "dripping body without a key": lambda _: drip(body(None)),
    "dripping body with a key": lambda a: drip(body(a.key)),
    "connect and close": lambda _: leave(),
    "slow reader": lambda _: endless(b"", 20 * request("GET", "/openapi.json")),
    "bytes of TLS": lambda _: once(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)),
    "upgrade": lambda _: once(UPGRADE),
    "many dripping bodies of one key": lambda a: drip(body(a.key)),
}
"""What one connection sends."""


async def attack(kind: str, port: int, count: int, key: str | None) -> None:
    attacker = Attacker(port=port, key=key, pause_s=PAUSE_S * max(1, count / 50))
    tasks = [
        asyncio.create_task(attacker.run(KINDS[kind], reads=kind != "slow reader"))
        for _ in range(count)
    ]
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    while attacker.seen["opened"] < count and not stop.is_set():
        await asyncio.sleep(0.02)
    print("ready", flush=True)
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(attacker.seen), flush=True)


if __name__ == "__main__":
    allow_descriptors()
    kind, port, count, *key = sys.argv[1:]
    asyncio.run(attack(kind, int(port), int(count), key[0] if key else None))
