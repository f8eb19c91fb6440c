"""Runs commands of `experiments` in a subprocess: no request worker computes or loads MLflow.

The API waits for them without blocking. A worker runs PROCESSES at a time, and ends one that no
request waits for any more.
"""

import asyncio
import logging
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import IO, Any, Final

from configs.code import ROOT
from serving.problems import Problem

logger = logging.getLogger(__name__)
LIMIT_S: Final = 600.0
"""Seconds after which a command is ended."""
PROCESSES: Final = 2
"""Commands that a worker runs at a time; each takes a core for some seconds and 200-500 MB."""
RETRY_S: Final = 5
"""Seconds after which a caller may ask again for a process."""
ABANDONED_S: Final = 30.0
"""Seconds for which a command goes on though no request waits for it: callers ask again."""
_END_S: Final = 2.0
"""Seconds in which an interrupted command can remove what it has not finished."""
_POLL_S: Final = 0.05
_MARK: Final = "error: "


class CommandError(RuntimeError):
    """The command gave no result; the reason is in our log."""


class CommandRefused(CommandError):
    """The command refused what was asked; the message is its own."""


class CommandOutage(CommandError):
    """The command could not read or write a store."""


async def run_experiments_command(*arguments: str, limit_s: float = LIMIT_S) -> bytes:
    """Return the last line that `python -m experiments ARGUMENTS` prints.

    Raises CommandRefused (exit code 2), CommandOutage (3), or CommandError if it fails otherwise or
    does not end within `limit_s` seconds. A cancelled call ends the process.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            (sys.executable, "-m", "experiments", *arguments),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
        )
        try:
            async with asyncio.timeout(limit_s):
                await _finished(process)
        except TimeoutError:
            raise CommandError(
                f"experiments {arguments[0]}: took more than {limit_s:g} s"
            ) from None
        finally:
            await _end(process)
        stdout, stderr = _written(output), _written(errors)
    if stdout and process.returncode in (0, 1):  # 1: the sample ratio is broken
        return stdout.splitlines()[-1]
    raise _failure(arguments[0], process.returncode, stderr.decode(errors="replace"))


def _failure(command: str, code: int | None, errors: str) -> CommandError:
    last = (errors.strip().splitlines() or [""])[-1]
    told = last.removeprefix(_MARK)
    if code == 2 and told != last:
        return CommandRefused(told)
    logger.error("experiments %s ended with %s: %s", command, code, errors.strip())
    if code == 3 and told != last:
        return CommandOutage(told)
    return CommandError(f"experiments {command}: ended with {code}")


async def _finished(process: "subprocess.Popen[bytes]") -> None:
    """Return when it has ended. It polls: a pipe or a thread would outlive a cancelled call."""
    while process.poll() is None:
        await asyncio.sleep(_POLL_S)


async def _end(process: "subprocess.Popen[bytes]") -> None:
    """Interrupt it, and kill it after _END_S, or at once if this is cancelled as well."""
    process.send_signal(signal.SIGINT)  # does nothing if it has ended
    try:
        async with asyncio.timeout(_END_S):
            await _finished(process)
    except TimeoutError:
        pass
    finally:
        process.kill()
        with suppress(subprocess.TimeoutExpired):  # while the kernel waits for a disk
            process.wait(timeout=1)


def _written(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


class Command:
    """A running or finished command, which several requests may wait for.

    Once no request waits for it, it is ended: after ABANDONED_S, or after `gone_s` seconds if the
    last of them was cancelled because its client has gone.
    """

    def __init__(self, run: Coroutine[Any, Any, bytes], *, gone_s: float = ABANDONED_S) -> None:
        self._task = asyncio.create_task(run)
        self._gone_s, self._waiting = gone_s, 0
        self._end: asyncio.TimerHandle | None = None
        self._ended = 0.0
        self._task.add_done_callback(self._note_end)

    @property
    def running(self) -> bool:
        """Whether it still gives a result to who waits."""
        return not self._task.done() and not self._task.cancelling()

    def fresh(self, *, seconds: float) -> bool:
        """Whether it has given a result within the last `seconds`."""
        task = self._task
        if not task.done() or task.cancelled() or task.exception() is not None:
            return False
        return task.get_loop().time() < self._ended + seconds

    def when_done(self, do: Callable[["Command"], None]) -> None:
        """Call `do` with it when it has ended."""
        self._task.add_done_callback(lambda _: do(self))

    async def end(self) -> None:
        """End it now; return when its process has ended."""
        self._task.cancel()
        await asyncio.wait({self._task})

    async def output(self, *, patience_s: float) -> bytes | None:
        """Return what it printed; None if it is still running after `patience_s`.

        Raises the errors of `run_experiments_command`.
        """
        self._waiting += 1
        if self._end is not None:
            self._end.cancel()
        left_s = ABANDONED_S
        try:
            await asyncio.wait({self._task}, timeout=patience_s)
        except asyncio.CancelledError:
            left_s = self._gone_s
            raise
        finally:
            self._waiting -= 1
            if not self._waiting and not self._task.done():
                self._end = asyncio.get_running_loop().call_later(left_s, self._task.cancel)
        return self._task.result() if self._task.done() else None

    def _note_end(self, task: "asyncio.Task[bytes]") -> None:
        self._ended = task.get_loop().time()


class Commands:
    """The commands that a worker runs, PROCESSES at a time. For one event loop."""

    def __init__(self) -> None:
        self._running: set[Command] = set()

    def begin(
        self, run: Callable[[], Coroutine[Any, Any, bytes]], *, gone_s: float = ABANDONED_S
    ) -> Command:
        """Return the command that `run` runs. Raises Problem at once if PROCESSES are running."""
        if len(self._running) >= PROCESSES:
            detail = f"{PROCESSES} starts or analyses of experiments are in progress; retry later"
            raise Problem("overloaded", detail, headers={"Retry-After": str(RETRY_S)})
        command = Command(run(), gone_s=gone_s)
        self._running.add(command)
        command.when_done(self._running.discard)
        return command

    async def end(self) -> None:
        """End those that are running; return when their processes have ended."""
        await asyncio.gather(*(command.end() for command in self._running))
