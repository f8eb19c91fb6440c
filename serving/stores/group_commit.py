"""Durable writes for many requests at once: what comes in during one commit is the next one."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Generic, TypeVar

T = TypeVar("T")
_QUIET_TURNS: Final = 3
"""Turns of the event loop without a new item, after which a group is closed: a request takes one to
be read and one to be answered."""
_LARGEST: Final = 64
_PATIENCE_S: Final = 0.002
"""For a group that is being written: a disk that takes longer holds nobody up for more."""


class GroupCommit(Generic[T]):
    """Hands groups of items to `write`, one group at a time, on a thread of its own.

    `write` returns when all of its items are on disk, or raises; a group is written whole or not.
    For the coroutines of one event loop.
    """

    def __init__(self, write: Callable[[Sequence[T]], None], *, name: str) -> None:
        self._write = write
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._writing: asyncio.Future[None] | None = None

    async def written(self) -> None:
        """Return when no group is being written, or is still after _PATIENCE_S.

        Who computes meanwhile keeps the interpreter from the thread that writes. And who waits for
        those of the group finds company: they ask again at once, and the next group is one of all.
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
        """End the thread, after the group that it writes."""
        self._executor.shutdown()

    async def _gather(self) -> None:
        """Let requests that are at hand hand in first: a commit costs as much for all of them."""
        quiet, before = 0, len(self._waiting)
        while quiet < _QUIET_TURNS and before < _LARGEST:
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == before else 0
            before = len(self._waiting)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                await self._gather()
                # Who gave up meanwhile is not written.
                group = [(item, done) for item, done in self._waiting if not done.done()]
                self._waiting = []
                items = [item for item, _ in group]
                try:
                    self._writing = loop.run_in_executor(self._executor, self._write, items)
                    await self._writing
                except Exception as error:  # whatever it is, those who wait must hear of it
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
