"""Limits of a worker process: concurrent requests, time per request, rate per key."""

import asyncio
import math
from dataclasses import dataclass
from typing import Any, Final

from serving.problems import RETRY_AFTER_S, Problem

IN_FLIGHT: Final = 128
"""One key alone gets half of it."""
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
    """Counts requests in progress: `with load.of(caller_id):` for each. Only for the event loop.

    A key may have as many as places are left free (a dynamic threshold with alpha = 1: Choudhury
    and Hahne, 1998). One key alone gets half of the bound, n greedy keys get 1 / (n + 1) of it
    each, and another key finds room at once.
    """

    def __init__(self, bound: int) -> None:
        self.bound, self.in_flight = bound, 0
        self._shares: dict[str, Share] = {}

    def of(self, caller_id: str) -> "Share":
        """Return the share of a key's id; the callers without keys ("") share the whole bound."""
        share = self._shares.get(caller_id)
        if share is None:
            share = self._shares[caller_id] = Share(self, limited=caller_id != "")
        return share


class Share:
    """One caller's part of what is in progress."""

    def __init__(self, load: InFlight, *, limited: bool) -> None:
        self._load, self._limited, self.in_flight = load, limited, 0

    def check(self) -> None:
        """Raise Problem if there is no place, or the caller has its share."""
        load, mine = self._load, self.in_flight
        free = load.bound - load.in_flight
        if free <= 0:
            raise Problem("overloaded", f"{load.bound} requests are in progress; retry later")
        if self._limited and mine >= free:
            detail = f"this key has {mine} requests in progress, its share now; retry later"
            raise Problem("rate_limited", detail, headers={"Retry-After": str(RETRY_AFTER_S)})

    def __enter__(self) -> None:
        """Begin a request. Raises Problem as `check` does."""
        self.check()
        self.in_flight += 1
        self._load.in_flight += 1

    def __exit__(self, *_: object) -> None:
        """End a request."""
        self.in_flight -= 1
        self._load.in_flight -= 1


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
