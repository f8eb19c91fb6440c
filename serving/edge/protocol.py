"""HTTP/1.1 on a connection: uvicorn's protocol on llhttp, with bounds and the rules it leaves out.

uvicorn bounds neither the size nor the time of a head, takes trailers for fields of the head, and
queues any number of pipelined requests. `serving.service` registers this class in its place.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, cast

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from serving.edge import heads
from serving.edge.connections import connections_of
from serving.edge.cycle import Cycle, last_answer, scope_of
from serving.problems import Problem
from serving.telemetry import metrics

logger = logging.getLogger(__name__)
SLICE: Final = 16 * 1024
"""Bytes parsed at once: the sizes of unfinished parts are known after each slice."""
FRAMING_BYTES: Final = 2 * SLICE
"""Bytes of chunk sizes, chunk extensions and trailers, in addition to FRAMING_RATIO per byte of the
body."""
FRAMING_RATIO: Final = 8
MOST_PIPELINED: Final = 16
"""Requests that wait on one connection for the answers before them."""
DROPPED_BYTES: Final = 64 * 1024
"""What a refused client may still send; then nothing more is read from it."""


class _Refused(Exception):
    """The head breaks a rule: nothing more of it is parsed."""


class EdgeProtocol(HttpToolsProtocol):
    """One connection. It stands between its transport and the cycles, which write and close it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._open = connections_of(server_state)
        self.url, self.headers = b"", []
        self.write: Callable[[bytes], None]
        self.is_closing: Callable[[], bool]
        self._in_head = self._in_body = self._chunked = self._full = self._deaf = False
        self._head_bytes = self._slice_bytes = self._framing_bytes = self._dropped_bytes = 0
        self._problem: Problem | None = None
        self._answering: RequestResponseCycle | None = None

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Admit the connection, or answer that there is no room."""
        super().connection_made(transport)
        self.write, self.is_closing = transport.write, transport.is_closing
        if not self._open.opened(self):
            self._deaf = True
            problem = Problem("overloaded", "every connection is in use; retry later")
            transport.write(
                last_answer(problem, target=self.url, headers=self.server_state.default_headers)
            )
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; a request in progress sees that its caller has gone."""
        self._open.closed(self)
        if self._answering is not None:  # uvicorn tells the last request alone, which may be queued
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Count the time in which the client takes nothing of its answer."""
        super().pause_writing()
        self._open.unread(self)

    def resume_writing(self) -> None:
        """Stop that: the client took it."""
        super().resume_writing()
        self._open.read(self)

    def shutdown(self) -> None:
        """Answer what is in progress, and what arrives within a second, as the last."""
        self._open.drain()
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def late(self) -> None:
        """End a connection whose head is late; say so if any of it has arrived."""
        if self._in_head:
            detail = "the head must arrive within 10 s of the connection or of the last answer"
            self._refuse(Problem("head_timeout", detail))
        else:
            self.end()

    def end(self) -> None:
        """Close the connection, at once if the client does not read."""
        self._deaf = True
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def close(self) -> None:
        """Close after the answer of a cycle, the last on this connection.

        If the client still sends, it gets time to read the answer: a connection that is closed with
        unread input is reset, and the answer lost.
        """
        if (self.cycle.more_body or self._deaf) and self.transport.can_write_eof():
            self._linger()
        else:
            self.transport.close()

    def _linger(self) -> None:
        self._deaf = True
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.transport.write_eof()
            self._open.linger(self)

    # Input

    def data_received(self, data: bytes) -> None:
        """Parse what arrived."""
        view = data if len(data) <= SLICE else memoryview(data)
        for start in range(0, len(view), SLICE):
            self._feed(view[start : start + SLICE])

    def _feed(self, data: bytes | memoryview) -> None:
        if self._deaf:
            self._dropped_bytes += len(data)
            if self._dropped_bytes > DROPPED_BYTES:
                self.flow.pause_reading()
            return
        self._slice_bytes = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # what follows would be another protocol
            if self._problem is None:
                self._deaf, self.cycle.keep_alive = True, False
        except httptools.HttpParserCallbackError:
            if self._problem is None:
                logger.exception("a head was not understood")
                self._problem = Problem("malformed_request", "not HTTP/1.1")
        except httptools.HttpParserError as error:
            self._problem = self._problem or Problem("malformed_request", f"not HTTP/1.1: {error}")
        if not self._in_body:  # blank lines before a head count too
            self._head_bytes += self._slice_bytes
            self._problem = self._problem or heads.size_problem(self._head_bytes)
        elif self._chunked:
            self._framing_bytes = max(0, self._framing_bytes + self._slice_bytes)
            if self._framing_bytes > FRAMING_BYTES:
                self._problem = Problem("malformed_request", "chunks: too many bytes around them")
        if self._problem is not None:
            self._refuse(self._problem)

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._in_head, self._chunked = True, False
        self._head_bytes = -self._slice_bytes  # the slice may begin with the message before
        self.url, self.headers = b"", []

    def on_url(self, url: bytes) -> None:
        """Add a part of the request target."""
        self.url += url
        self._stop_at(heads.target_problem(self.url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a field; trailers carry nothing."""
        if self._in_head:
            self.headers.append((name.lower(), value.rstrip(b" \t")))  # llhttp leaves it
            if len(self.headers) > heads.MOST_FIELDS:
                self._stop_at(heads.count_problem(self.headers))

    def _stop_at(self, problem: Problem | None) -> None:
        if problem is not None:
            self._problem = problem
            raise _Refused

    def on_headers_complete(self) -> None:
        """Check the head and start its answer, or queue it behind the answers before it."""
        self._in_head, self._in_body = False, True
        if self._problem is not None or self._full:
            return
        self._open.proceed(self)
        version, headers = self.parser.get_http_version(), self.headers
        if self._head_bytes + SLICE + self._slice_bytes > heads.HEAD_BYTES:
            self._problem = heads.size_problem(heads.size_of(self.url, headers))
        values = dict(headers)
        try:
            raw_path, query = heads.path_and_query(self.url, headers, values, version)
        except Problem as problem:
            self._problem = self._problem or problem
        if self._problem is not None:
            return
        if b"transfer-encoding" in values:
            self._chunked, self._framing_bytes = True, -self._slice_bytes
        self.scope = scope_of(self, version=version, raw_path=raw_path, query=query)
        keep_alive = version != "1.0" and self.parser.should_keep_alive()
        self._begin(
            Cycle(
                scope=self.scope,
                transport=cast(asyncio.Transport, self),
                flow=self.flow,
                logger=self.logger,
                access_logger=self.access_logger,
                access_log=self.access_log,
                default_headers=self.server_state.default_headers,
                message_event=asyncio.Event(),
                expect_100_continue=values.get(b"expect", b"").lower() == b"100-continue",
                keep_alive=keep_alive and not self._open.draining,
                on_response=self.on_response_complete,
            )
        )

    def _begin(self, cycle: Cycle) -> None:
        before, self.cycle = self.cycle, cycle
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.app)
            return
        self.flow.pause_reading()
        self.pipeline.appendleft((cycle, self.app))
        if len(self.pipeline) == MOST_PIPELINED:  # the client sends the rest again elsewhere
            cycle.keep_alive, self._full = False, True

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        """Add a part of the body."""
        self._framing_bytes -= FRAMING_RATIO * len(body)
        if self._problem is None and not self._deaf and not self.cycle.response_complete:
            self.cycle.body += body
            if len(self.cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            self.cycle.message_event.set()

    def on_message_complete(self) -> None:
        """End the body."""
        self._in_body, self._head_bytes = False, -self._slice_bytes
        if self._problem is not None or self._deaf:
            return
        self._deaf = self._full
        if not self.cycle.response_complete:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    def _should_upgrade(self) -> bool:
        return False  # an upgrade may be ignored (RFC 9110, section 7.8)

    # Output

    def on_response_complete(self) -> None:
        """Start the next pipelined request, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif not self._deaf:
            self._open.wait(self)

    def _refuse(self, problem: Problem) -> None:
        """Answer `problem` and close; requests before it are answered first, without it."""
        if self._deaf:
            return
        self._deaf = True
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if cycle.more_body and not (cycle.response_started or self.pipeline):
                cycle.disconnected = True
                cycle.message_event.set()
            else:
                cycle.keep_alive = False
                return
        metrics.PROBLEMS.labels("edge", problem.code).inc()
        self.transport.write(
            last_answer(problem, target=self.url, headers=self.server_state.default_headers)
        )
        if self.transport.can_write_eof():
            self._linger()
        else:
            self.transport.close()
