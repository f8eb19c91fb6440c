"""The connections of a worker: how long one may wait, how many there may be, and their end."""

import asyncio
from collections import OrderedDict
from typing import Final, Protocol
from weakref import WeakKeyDictionary

from uvicorn.server import ServerState

from serving.edge.descriptors import most_connections
from serving.telemetry import metrics

HEAD_S: Final = 10.0
"""Longest time from the connection, or the last answer, to a complete head, in seconds."""
UNREAD_S: Final = 10.0
"""Longest time for which a client takes nothing of its answer, in seconds."""
LINGER_S: Final = 2.0
"""Time in which a refused client can read why, in seconds; what it still sends is dropped."""
DRAIN_S: Final = 1.0
"""Time after SIGTERM in which a waiting client can send a request, in seconds: its answer says
`Connection: close`."""
END_S: Final = 35.0
"""Time after SIGTERM until every connection is closed: the longest request and a reserve."""
SWEEP_S: Final = 0.25


class Connection(Protocol):
    """What the sweep does to a connection."""

    def late(self) -> None:
        """End it: its head is late."""

    def end(self) -> None:
        """Close it."""


class Connections:
    """The open connections of a worker by what they wait for, the longest first.

    All have one deadline per state, so a sweep looks only at the first ones. For one event loop.
    """

    def __init__(self, most: int) -> None:
        self.most, self._loop = most, asyncio.get_running_loop()
        self.open: set[Connection] = set()
        self._waiting: OrderedDict[Connection, float] = OrderedDict()
        self._unread: OrderedDict[Connection, float] = OrderedDict()
        self._lingering: OrderedDict[Connection, float] = OrderedDict()
        self._drained: float | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def draining(self) -> bool:
        """Whether the worker is shutting down: every answer is the last of its connection."""
        return self._drained is not None

    def opened(self, connection: Connection) -> bool:
        """Add a connection, which waits for its head; return False if there is no room.

        At the limit the connection that has waited longest is closed, as nginx does: callers who
        send their requests are always answered.
        """
        room = len(self.open) < self.most or self._evict()
        if room:
            self.open.add(connection)
            self.wait(connection)
            if self._sweeper is None:
                self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)
        else:
            metrics.CONNECTIONS_CLOSED.labels("no_room").inc()
        return room

    def closed(self, connection: Connection) -> None:
        """Remove a connection."""
        self.open.discard(connection)
        for queue in (self._waiting, self._unread, self._lingering):
            queue.pop(connection, None)

    def wait(self, connection: Connection) -> None:
        """Count from now the time until the connection's next head is complete."""
        self._waiting[connection] = self._loop.time()

    def proceed(self, connection: Connection) -> None:
        """Stop that: the head is complete."""
        self._waiting.pop(connection, None)

    def unread(self, connection: Connection) -> None:
        """Count from now the time for which the client takes nothing of its answer."""
        self._unread[connection] = self._loop.time()

    def read(self, connection: Connection) -> None:
        """Stop that: the client took some of it."""
        self._unread.pop(connection, None)

    def linger(self, connection: Connection) -> None:
        """Count from now the time in which the client can read the last answer."""
        self.proceed(connection)
        self._lingering[connection] = self._loop.time()

    def drain(self) -> None:
        """Begin the shutdown."""
        if self._drained is None:
            self._drained = self._loop.time()

    def _evict(self) -> bool:
        for queue in (self._waiting, self._lingering, self._unread):
            if queue:
                connection, _ = queue.popitem(last=False)
                self.open.discard(connection)
                connection.end()
                metrics.CONNECTIONS_CLOSED.labels("evicted").inc()
                return True
        return False

    def _sweep(self) -> None:
        now = self._loop.time()
        head_s = unread_s = linger_s = 0.0
        if self._drained is None or now < self._drained + DRAIN_S:
            head_s, unread_s, linger_s = HEAD_S, UNREAD_S, LINGER_S
        for connection in _due(self._waiting, now - head_s):
            metrics.CONNECTIONS_CLOSED.labels("head_late").inc()
            connection.late()
        for connection in _due(self._unread, now - unread_s):
            metrics.CONNECTIONS_CLOSED.labels("answer_unread").inc()
            connection.end()
        for connection in _due(self._lingering, now - linger_s):
            connection.end()
        if self._drained is not None and now > self._drained + END_S:
            for connection in [*self.open]:
                connection.end()
        metrics.CONNECTIONS.set(len(self.open))
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep) if self.open else None


def _due(queue: "OrderedDict[Connection, float]", before: float) -> list[Connection]:
    """Remove and return the connections that came into `queue` before that time."""
    due: list[Connection] = []
    while queue:
        connection, since = next(iter(queue.items()))
        if since > before:
            break
        del queue[connection]
        due.append(connection)
    return due


_OF_SERVER: Final[WeakKeyDictionary[ServerState, Connections]] = WeakKeyDictionary()


def connections_of(state: ServerState) -> Connections:
    """Return the connections of the server whose state that is."""
    of_server = _OF_SERVER.get(state)
    if of_server is None:
        of_server = _OF_SERVER[state] = Connections(most_connections())
    return of_server
