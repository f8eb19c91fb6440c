"""Requests on raw sockets that are odd in their bodies, targets, headers or framing, by a seed."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from tests.serving.bodies import VALID, request

HOST: Final = b"Host: 127.0.0.1"
PUTS: Final = 0.1
"""Which share of the requests that change products is sent: each new product costs much time."""
Framing = Literal["clean", "broken", "cut"]
METHODS: Final = (
    *("GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "TRACE", "CONNECT", "BREW"),
    *("get", "PRI", "P\u00d6ST", "M-SEARCH", "G\tET", "A" * 300),
)
ENDINGS: Final = (
    *("%0a", "%0d%0a", "%00", "%20", "%2f", "%2F..", "%", "%zz", "%c0%af", "%ff", "%u0041"),
    *("/", "//", "/.", "/..", ";", ";a=b", "?", "?k=5", "??", "#f", ":", ":batch", "/{key}"),
    *(
        "\u00e9",
        "\U0001f701",
        "\x7f",
        "\x01",
        "\t",
        " ",
        '"',
        "\\",
        "|",
        "A" * 3_000,
        "%41" * 9_000,
    ),
)
BEGINNINGS: Final = (
    *("/", "//", "/.", "/..", "http://127.0.0.1", "http://evil.example", "https://127.0.0.1:1"),
    *("*", "v1", "/v1", "/V1", "/%76%31", "\\", "javascript:", "127.0.0.1:80", "http://[::1]", ""),
)
HEADERS: Final[tuple[bytes, ...]] = (
    b"Authorization: Bearer wrong", b"Authorization: Basic YTpi", b"authorization:", b"X-Y : 1",
    b"X-Y:1", b"X-Y: a\r\n b", b"X-Y: a\r\n\tb", b" X-Y: 1", b"X-Y", b": 1", b"X Y: 1", b"X(Y: 1",
    b"X-Y: a\nZ: b", b"X-Y: a\rZ: b", b"X-Y: \x00", b"X-Y: \x01", b"X-Y: \x7f", b"X-Y: \xc3\xa9",
    b"X-\xc3\xa9: 1", b"Host: 127.0.0.1", b"Host: evil.example", b"Host:", b"Host: a b",
    b"Host: 127.0.0.1, evil.example", b"Host: 127.0.0.1:99999", b"Host: [::1",
    b"Cookie: " + b"a" * 9_000,
    b"Content-Encoding: gzip", b"Content-Encoding: identity", b"Content-Type: text/plain",
    b"Content-Type: application/json; charset=utf-16", b"Expect: 100-continue", b"Expect: tea",
    b"Upgrade: websocket\r\nConnection: Upgrade",
    b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings",
    b"Connection: close", b"Connection: keep-alive, close", b"Connection: transfer-encoding",
    b"Keep-Alive: timeout=9999", b"TE: trailers", b"Trailer: Authorization", b"Range: bytes=0-1",
    b"X-Forwarded-For: 8.8.8.8", b"Forwarded: for=8.8.8.8", b"X-HTTP-Method-Override: DELETE",
    b"X-Request-Id: second", b"Idempotency-Key: \xff", b"Idempotency-Key: a\r\nIdempotency-Key: b",
    b"Content-Length: 0", b"Accept: \xff", b"Origin: null", b"Sec-Fetch-Site: cross-site",
)  # fmt: skip
LENGTHS: Final = (
    b"+%d", b"-%d", b" %d ", b"0x%x", b"%d, %d", b"%d,%d", b"0%d", b"%d.0", b"%de0", b"%d_0",
    b"%d\x0b", b"%d\xa0", b"", b"%d 1", b"99999999999999999999", b"18446744073709551615",
)  # fmt: skip
ENCODINGS: Final = (
    b"chunked", b" chunked", b"Chunked", b"\x0bchunked", b"chunked\x0b", b"xchunked",
    b"chunked, chunked",
    b"gzip, chunked", b"chunked, gzip", b"gzip", b"identity", b"chunked;q=1", b"\"chunked\"", b"",
    b"chunked\r\nTransfer-Encoding: identity", b"identity\r\nTransfer-Encoding: chunked",
    b"chunked,", b",chunked", b"chu nked", b"\nchunked",
)  # fmt: skip
CHUNKS: Final = (
    b"%x\r\n%s\r\n0\r\n\r\n", b"%X\r\n%s\r\n0\r\n\r\n", b"0%x\r\n%s\r\n0\r\n\r\n",
    b"0x%x\r\n%s\r\n0\r\n\r\n",
    b"%x;a=b\r\n%s\r\n0\r\n\r\n", b"%x;a=\"b\r\n\"\r\n%s\r\n0\r\n\r\n", b"%x \r\n%s\r\n0\r\n\r\n",
    b"%x\n%s\n0\n\n", b"%x\r\n%s0\r\n\r\n", b"-%x\r\n%s\r\n0\r\n\r\n",
    b"%x\r\n%s\r\n0\r\nA: b\r\n\r\n",
    b"%x\r\n%s\r\n0\r\nAuthorization: Bearer wrong\r\n\r\n",
    b"%x\r\n%s\r\n0\r\nContent-Length: 9\r\n\r\n",
    b"%x\r%s\r\n0\r\n\r\n", b"%x\r\n%s\r\n00\r\n\r\n", b"1%016x\r\n%s\r\n0\r\n\r\n",
    b"%x\r\n%s\r\n0\r\n\r\r\n",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """A request."""

    data: bytes
    method: str
    target: str
    name: str
    """Its X-Request-Id."""
    framing: Framing = "clean"
    """`clean`: has an answer; `broken`: has one, or the connection ends; `cut`: ends too early."""


class Generator:
    """Makes requests for `endpoints`, (method, path) of the API; `key` may do everything."""

    def __init__(
        self, rng: random.Random, *, key: str, endpoints: Sequence[tuple[str, str]]
    ) -> None:
        self._rng, self._key, self._number = rng, b"Authorization: Bearer " + key.encode(), 0
        self._endpoints = [
            *endpoints,
            *(("GET", p) for p in ("/livez", "/readyz", "/openapi.json")),
        ]

    def next(self) -> Sent:
        """Return the next request."""
        (make,) = self._rng.choices(*_MAKERS)
        return make(self)

    def sentinel(self) -> Sent:
        """Return a request that is answered if the server still reads requests."""
        return self._sent("GET", "/v1/experiments", b"", [])

    def body(self) -> Sent:
        """Return a request whose body or usual headers are odd."""
        method, path, body, headers = request(self._rng)
        if method == "PUT" and self._rng.random() > PUTS:
            return self.target()
        path = "".join(c if "!" <= c <= "~" else "%C3%A9" for c in path)
        lines = [
            name + b": " + value
            for name, value in headers
            if name not in {b"x-request-id", b"transfer-encoding", b"expect"}
        ]
        odd = any(set(line) & {0, 0xFF, 0xC3} or line.count(b"uthorization") for line in lines)
        return self._sent(method, path, body, lines, framing="broken" if odd else "clean")

    def target(self) -> Sent:
        """Return a request for an odd target, or by an odd method."""
        rng = self._rng
        method, path = rng.choice(self._endpoints)
        if rng.random() < 0.3:
            method = rng.choice(METHODS)
        if rng.random() < 0.5:
            path = path.replace("{key}", rng.choice(["none", "%7Bkey%7D", "..", "", "a" * 200]))
        path += rng.choice(ENDINGS) if rng.random() < 0.6 else ""
        path = rng.choice(BEGINNINGS) + path if rng.random() < 0.3 else path
        if rng.random() < 0.1:
            place = rng.randrange(len(path) + 1)
            path = path[:place] + rng.choice([*ENDINGS]) + path[place:]
        return self._sent(method, path, b"{}" if method == "POST" else b"", [], framing="broken")

    def header(self) -> Sent:
        """Return a request with odd headers."""
        rng = self._rng
        method, path, valid = rng.choice([v for v in VALID if v[0] != "PUT"])
        lines = [rng.choice(HEADERS) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        if rng.random() < 0.02:
            lines += [b"X-%d: a" % number for number in range(rng.choice([90, 200, 5_000]))]
        return self._sent(method, path, b"" if valid is None else b"{}", lines, framing="broken")

    def head(self) -> Sent:
        """Return a head of which single bytes were changed, or lines dropped."""
        sent = self.header() if self._rng.random() < 0.5 else self.body()
        head, _, body = sent.data.partition(b"\r\n\r\n")
        data = bytearray(head)
        for _ in range(self._rng.randint(1, 3)):
            place = self._rng.randrange(len(data))
            data[place : place + self._rng.randrange(2)] = self._rng.choice(
                [
                    b"",
                    b"\r",
                    b"\n",
                    b"\0",
                    b" ",
                    b"\t",
                    b":",
                    b"\xa0",
                    b"%",
                    b"HTTP/1.0",
                    b"HTTP/2.0",
                ]
            )
        return self._renewed(sent, bytes(data) + b"\r\n\r\n" + body, "cut")

    def framed(self) -> Sent:
        """Return a request that two servers may delimit in two ways; a second one hides in it."""
        rng = self._rng
        hidden = b"GET /v1/experiments HTTP/1.1\r\nX-Request-Id: hidden\r\n" + HOST + b"\r\n"
        hidden += self._key + b"\r\n\r\n"
        length = b"Content-Length: " + rng.choice(LENGTHS).replace(b"%d", b"%d" % len(hidden))
        length = length.replace(b"0x%x", b"0x%x" % len(hidden))
        encoding = b"Transfer-Encoding: " + rng.choice(ENCODINGS)
        plain = b"Content-Length: %d" % len(hidden)
        lines, body = rng.choice(
            [
                ([length], hidden),
                ([plain, b"Content-Length: 0"], hidden),
                ([b"Content-Length: 0", plain], hidden),
                ([encoding, b"Content-Length: %d" % (len(hidden) + 5)], b"0\r\n\r\n" + hidden),
                ([b"Content-Length: %d" % (len(hidden) + 5), encoding], b"0\r\n\r\n" + hidden),
                ([b"Content-Length : %d" % len(hidden)], hidden),
                ([b"Transfer-Encoding : chunked", plain], hidden),
                ([b"X: y\nContent-Length: %d" % len(hidden)], hidden),
            ]
        )
        sent = self._sent("POST", "/v1/recommendations", None, lines, framing="cut", rest=body)
        old = sent.data.replace(b"HTTP/1.1", rng.choice([b"HTTP/1.0", b"HTTP/1.1"]), 1)
        return self._renewed(sent, old, "cut")

    def chunks(self) -> Sent:
        """Return a request with odd chunks."""
        rng = self._rng
        body = b'{"k": 3}'
        rest = rng.choice(CHUNKS).replace(b"%016x", b"%016x" % len(body))
        rest = rest.replace(b"%x", b"%x" % len(body)).replace(b"%X", b"%X" % len(body))
        lines = [b"Transfer-Encoding: chunked"]
        sent = self._sent(
            "POST",
            "/v1/recommendations",
            None,
            lines,
            framing="cut",
            rest=rest.replace(b"%s", body),
        )
        return self._renewed(
            sent, sent.data.replace(b"1.1", rng.choice([b"1.1", b"1.0"]), 1), "cut"
        )

    def cut(self) -> Sent:
        """Return a request that ends too early."""
        sent = self.body()
        return self._renewed(sent, sent.data[: self._rng.randrange(len(sent.data))], "cut")

    def _sent(
        self, method: str, target: str, body: bytes | None, lines: list[bytes], *,
        framing: Framing = "clean", rest: bytes = b"",
    ) -> Sent:  # fmt: skip
        self._number += 1
        name = f"fuzz-{self._number}"
        head = [f"{method} {target} HTTP/1.1".encode("utf-8", "surrogateescape"), HOST]
        head += [b"X-Request-Id: " + name.encode(), self._key, *lines]
        if body or (body is not None and method in {"POST", "PUT"}):
            head.append(b"Content-Length: %d" % len(body))
        data = b"\r\n".join(head) + b"\r\n\r\n" + (body or b"") + rest
        return Sent(data=data, method=method, target=target, name=name, framing=framing)

    def _renewed(self, sent: Sent, data: bytes, framing: Framing) -> Sent:
        return Sent(
            data=data, method=sent.method, target=sent.target, name=sent.name, framing=framing
        )


_MAKERS: Final[tuple[list[Callable[[Generator], Sent]], list[int]]] = (
    [Generator.body, Generator.target, Generator.header, Generator.head, Generator.framed,
     Generator.chunks, Generator.cut],
    [76, 8, 6, 3, 3, 2, 2],
)  # fmt: skip
