"""Groups are written whole, one at a time, and whoever waits hears what became of them."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from serving.stores.group_commit import GroupCommit


def test_what_comes_in_meanwhile_is_one_group() -> None:
    groups: list[list[int]] = []
    begun, go = threading.Event(), threading.Event()

    def write(items: Sequence[int]) -> None:
        begun.set()
        go.wait()
        groups.append(list(items))

    async def hand_in() -> None:
        log = GroupCommit(write, name="test")
        first = asyncio.create_task(log.add(0))
        await asyncio.to_thread(begun.wait)
        rest = [asyncio.create_task(log.add(number)) for number in range(1, 6)]
        await asyncio.sleep(0)  # they wait
        assert not first.done()
        rest[2].cancel()
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(first, *rest, return_exceptions=True)
        await log.add(6)
        log.close()

    asyncio.run(hand_in())
    assert groups == [[0], [1, 2, 4, 5], [6]]


def test_who_begins_waits_for_what_is_being_written_but_not_for_long() -> None:
    begun, go = threading.Event(), threading.Event()

    def write(_: Sequence[int]) -> None:
        begun.set()
        go.wait()

    async def hand_in() -> None:
        log = GroupCommit(write, name="test")
        await log.written()  # nothing is
        first = asyncio.create_task(log.add(0))
        await asyncio.to_thread(begun.wait)
        await log.written()
        assert not first.done()  # the disk is slow
        waiting = asyncio.create_task(log.written())
        await asyncio.sleep(0)
        assert not waiting.done()
        go.set()
        await waiting
        await first
        await log.written()
        log.close()

    asyncio.run(hand_in())


def test_what_comes_in_after_the_end_is_refused() -> None:
    async def hand_in() -> None:
        log = GroupCommit[int](lambda _: None, name="test")
        late = asyncio.create_task(log.add(0))
        await asyncio.sleep(0)
        log.close()
        with pytest.raises(RuntimeError, match="after shutdown"):
            await late

    asyncio.run(hand_in())


def test_a_failure_is_that_of_its_group_alone() -> None:
    def write(items: Sequence[int]) -> None:
        if 1 in items:
            raise OSError("the disk is full")

    async def hand_in() -> list[object]:
        log = GroupCommit(write, name="test")
        found: list[object] = []
        for number in (0, 1, 2):
            found += await asyncio.gather(log.add(number), return_exceptions=True)
        log.close()
        return found

    before, failed, after = asyncio.run(hand_in())
    assert before is None
    assert after is None
    with pytest.raises(OSError, match="the disk is full"):
        raise failed  # type: ignore[misc]
