"""How much a worker process takes on: answers at a time, time an answer takes, requests a key."""

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
    """Answers being made at a time; more are refused at once, so that these are still in time."""
    reading: int = 256
    """Bodies being read at a time."""
    body_s: float = 10
    """Seconds until a body has arrived."""
    answer_s: float = 20
    """Seconds from the body to the answer."""


class InFlight:
    """The answers that are being made: `with load:` around each one. Belongs to the event loop."""

    def __init__(self, bound: int) -> None:
        self.bound, self.in_flight = bound, 0

    def check(self) -> None:
        """Raise Problem where no more answers are begun."""
        if self.in_flight >= self.bound:
            raise Problem("overloaded", f"{self.bound} requests are at this stage; ask again")

    def __enter__(self) -> None:
        """Begin an answer. Raises Problem where no more are begun."""
        self.check()
        self.in_flight += 1

    def __exit__(self, *_: object) -> None:
        """End an answer."""
        self.in_flight -= 1


class Deadlines:
    """Cancels the tasks that take too long. Belongs to the event loop.

    One look at them all, four times a second: a timer for each request costs 20 microseconds.
    """

    def __init__(self) -> None:
        self._ends: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()

    def set(self, task: "asyncio.Task[Any]", seconds: float) -> None:
        """Give `task` so many seconds from now, whatever it had."""
        self._ends[task] = task.get_loop().time() + seconds

    def clear(self, task: "asyncio.Task[Any]") -> bool:
        """Let `task` run on; return whether it was cancelled here, which is then settled."""
        del self._ends[task]
        if task not in self._late:
            return False
        self._late.remove(task)
        task.uncancel()
        return True

    async def sweep(self) -> None:
        """Cancel what is late, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            now = loop.time()
            for task in [task for task, end in self._ends.items() if end < now]:
                if task not in self._late:
                    self._late.add(task)
                    task.cancel()


class Bucket:
    """A token bucket that holds one second's tokens, and one at least; a request takes one.

    Kept as the time at which it will be full again (the generic cell rate algorithm, ITU-T I.371,
    1996): nothing needs to fill it.

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
        """Take a token at `now` (seconds) and return 0; without one, the seconds until there is."""
        full = max(self._full, now)
        wait = full - now - self._slack
        if wait > 1e-9:
            return wait
        self._full = full + self._gap
        return 0
