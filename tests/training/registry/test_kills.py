"""kill -9 of a promotion at random moments: serving reads a whole bundle at each.

REGULARS_KILLS says at how many moments.
"""

import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

import pytest

from features.workspace import Workspace
from tests.training.registry.copies import registered
from tests.training.shop import Shop
from training.bundle import load_bundle, read_champions
from training.fit import fit
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
        if number % 2:  # else the next process begins with what this one left
            for version in ("1", "2"):
                promote(ws, "recommender", version)
                assert served(ws) == version
                assert find(ws, "recommender", "champion").version == version
    for version in ("1", "2"):
        export(ws, "recommender", version)
    assert not [path for path in (ws.bundles / "recommender").iterdir() if path.name[0] == "."]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
