"""Limits of a worker process: concurrent requests, time per request, rate per key."""

import asyncio
import math
from dataclasses import dataclass
from typing import Any, Final

from serving.problems import Problem

IN_FLIGHT: Final = 64
SWEEP_S: Final = 0.25


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The bounds of one worker process."""

    in_flight: int = IN_FLIGHT
    """Requests answered concurrently; more are refused at once, so that these end in time."""
    reading: int = 256
    """Bodies read concurrently."""
    body_s: float = 10
    """Longest time until a body has arrived, in seconds."""
    answer_s: float = 20
    """Longest time from the body to the answer, in seconds."""


class InFlight:
    """Counts requests in progress: `with load:` for each. Only for the event loop's thread."""

    def __init__(self, bound: int) -> None:
        self.bound, self.in_flight = bound, 0

    def check(self) -> None:
        """Raise Problem if the limit is reached."""
        if self.in_flight >= self.bound:
            raise Problem("overloaded", f"{self.bound} requests are in progress; retry later")

    def __enter__(self) -> None:
        """Begin a request. Raises Problem if the limit is reached."""
        self.check()
        self.in_flight += 1

    def __exit__(self, *_: object) -> None:
        """End a request."""
        self.in_flight -= 1


class Deadlines:
    """Cancels tasks that take too long. Only for the event loop's thread.

    It checks all tasks four times per second: a timer per request would cost 20 microseconds.
    """

    def __init__(self) -> None:
        self._ends: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()

    def set(self, task: "asyncio.Task[Any]", seconds: float) -> None:
        """Set the deadline of `task` to `seconds` from now; replaces an earlier one."""
        self._ends[task] = task.get_loop().time() + seconds

    def clear(self, task: "asyncio.Task[Any]") -> bool:
        """Remove the deadline of `task`; return whether it was cancelled here, and undo that."""
        del self._ends[task]
        if task not in self._late:
            return False
        self._late.remove(task)
        task.uncancel()
        return True

    async def sweep(self) -> None:
        """Cancel late tasks, until cancelled itself."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            now = loop.time()
            for task in [task for task, end in self._ends.items() if end < now]:
                if task not in self._late:
                    self._late.add(task)
                    task.cancel()


class Bucket:
    """A token bucket with the tokens of one second, at least one; a request takes one.

    Its state is the time at which it will be full again (generic cell rate algorithm, ITU-T I.371,
    1996): no timer fills it.

    >>> bucket = Bucket(2)
    >>> [bucket.take(now) for now in (0.0, 0.0, 0.0, 0.5, 0.5)]
    [0, 0, 0.5, 0, 0.5]
    """

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._gap = 1 / per_second
        self._slack = max(1.0, per_second) * self._gap - self._gap
        self._full = -math.inf

    def take(self, now: float) -> float:
        """Take a token at `now` (seconds) and return 0, or return the seconds until the next."""
        full = max(self._full, now)
        wait = full - now - self._slack
        if wait > 1e-9:
            return wait
        self._full = full + self._gap
        return 0
