"""Commands of `experiments` in processes of their own: few at a time, ended when nobody waits."""

import asyncio
import gc
import json
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import psutil
import pytest

from experiments import lifecycle
from features.workspace import Workspace
from serving.backend import Settings
from serving.handlers import experiment_process
from serving.handlers.experiment_process import (
    PROCESSES,
    CommandError,
    CommandOutage,
    CommandRefused,
    Commands,
    run_experiments_command,
)
from serving.handlers.experiments import Experiments
from serving.problems import Problem
from serving.schemas.experiments import StartRequest, VariantDefinition
from tests.experiments.spring import spring_shop
from tests.serving.shop import listening, until

START = StartRequest(
    variants={
        "own": VariantDefinition(model="recommender@1"),
        "popular": VariantDefinition(model="recommender@2"),
    },
    control="own",
)


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Let this process take SIGINT: one that a shell began behind its prompt ignores it, and so
    would the commands that it begins."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.fixture
def spring(tmp_path: Path) -> Workspace:
    """A shop at noon where `spring` compares versions 2 (old) and 3 (new) for a week's window."""
    return spring_shop(tmp_path / "shop")


def commands() -> list[psutil.Process]:
    """Return the running commands that this process began; one that has ended does not run."""
    running = [p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE]
    return [p for p in running if "experiments" in p.cmdline()]


async def settled(count: int) -> None:
    """Wait until `count` commands run."""
    async with asyncio.timeout(60):
        while len(commands()) != count:
            await asyncio.sleep(0.02)


def test_a_command_that_takes_too_long_is_ended() -> None:
    with pytest.raises(CommandError, match="took more than"):
        asyncio.run(run_experiments_command("status", limit_s=0.05))
    assert not commands()


@pytest.mark.parametrize("again", [0, 1, 2, 5])
def test_however_often_a_command_is_cancelled_its_process_ends(again: int) -> None:
    async def run(steps: int) -> None:
        task = asyncio.create_task(run_experiments_command("status"))
        for _ in range(steps):
            await asyncio.sleep(0)
        for _ in range(1 + again):
            task.cancel()
            await asyncio.sleep(0)

    for steps in range(8):
        asyncio.run(run(steps))  # which cancels what is left
        assert not commands()
    gc.collect()  # an unclosed transport or process would warn, which is an error here


def test_what_a_command_says_is_passed_on(spring: Workspace) -> None:
    place = ("--json", "--home", str(spring.home))
    with pytest.raises(CommandRefused, match=r"^no experiment 'summer' was started"):
        asyncio.run(run_experiments_command("analyze", "summer", *place))
    printed = asyncio.run(run_experiments_command("analyze", "spring", *place))
    assert json.loads(printed)["waiting"] == 0


@pytest.mark.parametrize(
    ("code", "errors", "expected"),
    [
        (2, "some warning\nerror: exposed_share = 2: at most 1\n", CommandRefused),
        (3, "error: /srv/shop/mlflow.db: malformed\n", CommandOutage),
        (2, "Usage: experiments start\nNo such option: --jsn", CommandError),
        (1, "Traceback:\n  ...\nsqlite3.DatabaseError: error: x", CommandError),
        (-9, "", CommandError),
        (0, "", CommandError),
    ],
)  # fmt: skip
def test_a_failure_is_the_callers_a_stores_or_ours(
    code: int, errors: str, expected: type[CommandError]
) -> None:
    failure = experiment_process._failure("start", code, errors)
    assert type(failure) is expected
    if expected is CommandError:
        assert str(failure) == f"experiments start: ended with {code}"


def test_more_commands_than_the_bound_are_refused_at_once() -> None:
    async def run() -> None:
        end, running = asyncio.Event(), Commands()

        async def command() -> bytes:
            await end.wait()
            return b"done"

        begun = [running.begin(command) for _ in range(PROCESSES)]
        with pytest.raises(Problem, match="2 starts or analyses") as refused:
            running.begin(command)
        assert (refused.value.code, refused.value.headers) == ("overloaded", {"Retry-After": "5"})
        end.set()
        assert [await c.output(patience_s=9) for c in begun] == [b"done"] * PROCESSES
        assert await running.begin(command).output(patience_s=9) == b"done"

    asyncio.run(run())


def test_a_command_goes_on_while_anyone_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment_process, "ABANDONED_S", 0)

    async def run() -> None:
        end, running = asyncio.Event(), Commands()

        async def command() -> bytes:
            await end.wait()
            return b"done"

        shared = running.begin(command, gone_s=0)
        first, second = (asyncio.create_task(shared.output(patience_s=9)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await shared.output(patience_s=0) is None
        await asyncio.sleep(0.05)
        assert shared.running
        end.set()
        assert await second == b"done"
        assert shared.fresh(seconds=9)
        assert not shared.fresh(seconds=0)

        end.clear()
        left = running.begin(command)
        assert await left.output(patience_s=0) is None
        await asyncio.sleep(0.05)
        assert not left.running
        assert not left.fresh(seconds=9)

    asyncio.run(run())


def test_an_analysis_that_nobody_waits_for_is_ended(
    spring: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment_process, "ABANDONED_S", 0)

    async def run() -> None:
        desk = Experiments(spring, patience_s=0.1)
        with pytest.raises(Problem, match="retry later"):
            await desk.results(request_id="r", key="spring")
        await settled(0)
        await desk.close()
        assert not (spring.experiments / "spring" / "analysis.json").exists()

    asyncio.run(run())


def test_a_start_whose_caller_has_gone_leaves_nothing(ws: Workspace) -> None:
    before = sorted(ws.home.rglob("*"))

    async def run() -> None:
        desk = Experiments(ws, patience_s=60)
        with ws.lock("experiments"):  # the process waits there, at the latest
            starting = asyncio.create_task(desk.start(START, request_id="r", key="spring"))
            await settled(1)
            starting.cancel()
            await settled(0)
        assert lifecycle.states(ws) == []
        left = [path for path in ws.home.rglob("*") if path not in before]
        assert all(path.name.endswith(".lock") for path in left), left
        answer = await desk.start(START, request_id="r", key="spring")
        assert answer.experiment.status == "running"

    asyncio.run(run())


def test_a_worker_that_ends_ends_its_processes(ws: Workspace) -> None:
    async def run() -> None:
        desk = Experiments(ws, patience_s=0)
        with ws.lock("experiments"):
            with pytest.raises(Problem, match="send the same again"):
                await desk.start(START, request_id="r", key="spring")
            await settled(1)
            await desk.close()
            assert not commands()
        assert lifecycle.states(ws) == []

    asyncio.run(run())


def test_the_same_start_again_waits_for_the_same_process(ws: Workspace) -> None:
    async def run() -> None:
        hasty, patient = Experiments(ws, patience_s=0), None
        with ws.lock("experiments"):
            for _ in range(3):
                with pytest.raises(Problem, match="send the same again") as refused:
                    await hasty.start(START, request_id="r", key="spring")
                assert refused.value.code == "timed_out"
            await settled(1)
            hasty._patience_s = 60
            patient = asyncio.create_task(hasty.start(START, request_id="r", key="spring"))
            await asyncio.sleep(0)
        answer = await patient
        assert answer.experiment.status == "running"

    asyncio.run(run())


def test_a_dozen_starts_run_two_processes(ws: Workspace) -> None:
    async def run() -> None:
        desk = Experiments(ws, patience_s=60)
        with ws.lock("experiments"):
            starts = [
                asyncio.create_task(desk.start(START, request_id="r", key=f"spring-{number}"))
                for number in range(12)
            ]
            done, waiting = await asyncio.wait(starts, timeout=60, return_when="FIRST_EXCEPTION")
            await settled(PROCESSES)
            while len(done) < 10:
                more, waiting = await asyncio.wait(waiting, return_when="FIRST_COMPLETED")
                done |= more
            assert {task.exception().code for task in done} == {"overloaded"}  # type: ignore[union-attr]
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        codes = [error.code for error in ended if isinstance(error, Problem)]
        assert codes == ["experiment_conflict"]  # one started

    asyncio.run(run())


def test_a_start_ends_with_its_connection(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment_process, "ABANDONED_S", 3_600)
    body = msgspec.json.encode(START)
    settings = Settings.of({"REGULARS_HOME": str(ws.home), "REGULARS_WITHOUT_KEYS": "1"})
    with listening(settings) as port, ws.lock("experiments"):
        head = f"POST /v1/experiments/spring:start HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as connection:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            until(lambda: len(commands()) == 1)
        until(lambda: not commands())
    assert lifecycle.states(ws) == []
