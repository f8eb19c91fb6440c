"""Group commit: items that arrive during one commit are written together by the next."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Generic, TypeVar

T = TypeVar("T")
_QUIET_TURNS: Final = 3
"""A group is closed after so many turns of the event loop without a new item: a request needs one
turn to be read and one to be answered."""
_LARGEST: Final = 64
_PATIENCE_S: Final = 0.002
"""Longest wait for a group that is being written: a slow disk delays requests by no more."""


class GroupCommit(Generic[T]):
    """Passes groups of items to `write`, one group at a time, on its own thread.

    `write` returns when all of its items are on disk, or raises; a group is written completely or
    not at all. For the coroutines of one event loop.
    """

    def __init__(self, write: Callable[[Sequence[T]], None], *, name: str) -> None:
        self._write = write
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._writing: asyncio.Future[None] | None = None

    async def written(self) -> None:
        """Return when no group is being written, at the latest after _PATIENCE_S.

        Computation during a write would take the interpreter from the writing thread. The clients
        of the group send their next requests at once: together with the waiting one, they form the
        next group.
        """
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=_PATIENCE_S)

    async def add(self, item: T) -> None:
        """Return when `item` is on disk. Raises what `write` raised."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._run())
        await done

    def close(self) -> None:
        """End the thread after the current group."""
        self._executor.shutdown()

    async def _gather(self) -> None:
        """Wait for pending requests to add their items: a commit costs the same for all."""
        quiet, count = 0, len(self._waiting)
        while quiet < _QUIET_TURNS and count < _LARGEST:
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == count else 0
            count = len(self._waiting)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                await self._gather()
                # Skip items of cancelled callers.
                group = [(item, done) for item, done in self._waiting if not done.done()]
                self._waiting = []
                items = [item for item, _ in group]
                try:
                    self._writing = loop.run_in_executor(self._executor, self._write, items)
                    await self._writing
                except Exception as error:  # any error must reach the waiting callers
                    for _, done in group:
                        if not done.done():
                            done.set_exception(error)
                else:
                    for _, done in group:
                        if not done.done():
                            done.set_result(None)
                self._writing = None
        finally:
            self._writer = self._writing = None
