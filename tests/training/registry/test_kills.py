"""kill -9 of a promotion: serving reads a whole bundle, and the champion is one version everywhere.

At every line of a move, and at random moments; REGULARS_KILLS says at how many of those.
"""

import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest

from features.workspace import Workspace
from tests.training.registry.copies import registered
from tests.training.shop import Shop
from training.bundle import load_bundle, read_champions
from training.fit import fit
from training.registry import champions
from training.registry.client import open_client
from training.registry.ledger import Ledger, ledger_file
from training.registry.versions import export, find, promote

KILLS: Final = int(os.environ.get("REGULARS_KILLS", "10"))
LONGEST_S: Final = 30.0
"""What a kill and the promotion after it may take."""


def promote_in_turns(home: Path) -> None:
    """Promote one version after the other, each exported anew, until a kill."""
    ws = Workspace.open(home)
    while True:
        version = "2" if served(ws) == "1" else "1"
        shutil.rmtree(ws.bundles / "recommender" / version, ignore_errors=True)
        promote(ws, "recommender", version)
        (home / "promoted").touch()


def served(ws: Workspace) -> str:
    """Return the version that serving reads, whose bundle must be whole."""
    champion = read_champions(ws.bundles / "current.json")["recommender"]
    assert load_bundle(ws.bundles / champion.folder).version == champion.version
    return champion.version


def settled(ws: Workspace) -> str:
    """Return the champion; alias, serving's file and ledger agree on it after a `find`."""
    version = find(ws, "recommender", "champion").version
    last = Ledger(ledger_file(ws)).last("recommender")
    assert last is not None
    alias = champions.aliases(open_client(ws))["recommender"]
    assert (alias, served(ws), last.version_to) == (version, version, version)
    return version


def check_chain(ws: Workspace) -> None:
    """See that each move begins where the one before it ended, and leads elsewhere."""
    moves = Ledger(ledger_file(ws)).moves("recommender")
    assert [move.version_from for move in moves[1:]] == [move.version_to for move in moves[:-1]]
    assert all(move.version_from != move.version_to for move in moves)


def promote_until(home: Path, version: str, lines: int) -> None:
    """Promote `version`, killed before line number `lines` (from 0) of what moves a champion."""
    left, steps = lines, {champions.move.__code__, champions._follow.__code__}

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if frame.f_code not in steps:
            return None
        if event == "line":
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
        return trace

    ws = Workspace.open(home)
    sys.settrace(trace)
    promote(ws, "recommender", version)


def kill_at(ws: Workspace, version: str, lines: int) -> bool:
    """Return whether a promotion was killed so; else it is at its end."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mlflow", "training.registry.versions"])
    process = context.Process(target=promote_until, args=(ws.home, version, lines))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def promote_each(home: Path, name: str, versions: tuple[str, ...]) -> None:
    """Promote `versions` one after the other, beside another process that promotes others."""
    ws = Workspace.open(home)
    (home / name).touch()
    until(lambda: (home / "first").exists() and (home / "second").exists())
    for version in versions:
        promote(ws, "recommender", version, reason=name)


def start(home: Path) -> ForkServerProcess:
    """Start to promote; wait until it has promoted once."""
    (home / "promoted").unlink(missing_ok=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mlflow", "training.registry.versions"])
    process = context.Process(target=promote_in_turns, args=(home,))
    process.start()
    until((home / "promoted").exists)
    return process


@pytest.mark.slow
@pytest.mark.timeout(300 + LONGEST_S * KILLS)
def test_a_killed_promotion_leaves_a_whole_bundle_and_can_be_done_again(
    shop: Shop, tmp_path: Path
) -> None:
    rng, ws = random.Random(5), registered(shop, tmp_path / "shop")
    fit(ws, "own_purchases", as_of=shop.full.as_of)
    for number in range(KILLS):
        process = start(ws.home)
        time.sleep(rng.uniform(0, 1))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert served(ws) in ("1", "2")
        assert settled(ws) in ("1", "2")
        if number % 2:  # else the next process begins with what this one left
            for version in ("1", "2"):
                promote(ws, "recommender", version)
                assert served(ws) == version
                assert find(ws, "recommender", "champion").version == version
    check_chain(ws)
    for version in ("1", "2"):
        export(ws, "recommender", version)
    assert not [path for path in (ws.bundles / "recommender").iterdir() if path.name[0] == "."]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_promotion_killed_at_any_line_leaves_one_champion(shop: Shop, tmp_path: Path) -> None:
    ws = registered(shop, tmp_path / "shop")
    fit(ws, "own_purchases", as_of=shop.full.as_of)
    ledger, outcomes, champion, lines, killed = Ledger(ledger_file(ws)), [], "1", 0, True
    while killed:
        wanted = "2" if champion == "1" else "1"
        before = len(ledger.moves("recommender"))
        shutil.rmtree(ws.bundles / "recommender" / wanted, ignore_errors=True)
        killed = kill_at(ws, wanted, lines)
        assert served(ws) in (champion, wanted)
        recorded = len(ledger.moves("recommender")) > before
        assert settled(ws) == (wanted if recorded else champion)
        outcomes.append(recorded)
        champion, lines = settled(ws), lines + 1
    check_chain(ws)
    assert outcomes == sorted(outcomes)  # the row decides: first none is recorded, then all are
    assert outcomes.count(False) > 5 < outcomes.count(True)


@pytest.mark.slow
def test_two_processes_that_promote_at_once_leave_one_chain(shop: Shop, tmp_path: Path) -> None:
    ws = registered(shop, tmp_path / "shop")
    for model in ("own_purchases", "ease"):
        fit(ws, model, as_of=shop.full.as_of)
    context = multiprocessing.get_context("forkserver")
    turns = {"first": ("2", "1") * 8, "second": ("3", "1") * 8}
    both = [context.Process(target=promote_each, args=(ws.home, *turn)) for turn in turns.items()]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0
    check_chain(ws)
    assert {move.reason for move in Ledger(ledger_file(ws)).moves("recommender")} == {None, *turns}
    settled(ws)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
