"""kill -9 of a promotion at random moments: serving reads a whole bundle at each.

REGULARS_KILLS says at how many moments.
"""

import multiprocessing
import os
import random
import shutil
import signal
import time
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

KILLS: Final = int(os.environ.get("REGULARS_KILLS", "5"))
LONGEST_S: Final = 30.0
"""What a kill and the promotion after it may take."""


def promote_as_command(home: Path, version: str) -> None:
    """What `python -m training promote` does, once it is imported."""
    promote(Workspace.open(home), "recommender", version)


def served(ws: Workspace) -> str:
    """Return the version that serving reads, whose bundle must be whole."""
    champion = read_champions(ws.bundles / "current.json")["recommender"]
    assert load_bundle(ws.bundles / champion.folder).version == champion.version
    return champion.version


def start(home: Path, version: str) -> ForkServerProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mlflow", "training.registry.versions"])
    process = context.Process(target=promote_as_command, args=(home, version))
    process.start()
    return process


@pytest.mark.slow
@pytest.mark.timeout(300 + LONGEST_S * KILLS)
def test_a_killed_promotion_leaves_a_whole_bundle_and_can_be_done_again(
    shop: Shop, tmp_path: Path
) -> None:
    rng, ws = random.Random(5), registered(shop, tmp_path / "shop")
    fit(ws, "own_purchases", as_of=shop.full.as_of)
    longest = 0.0
    for version in ("2", "1"):  # how long it takes
        began = time.monotonic()
        process = start(ws.home, version)
        process.join()
        assert process.exitcode == 0
        longest = time.monotonic() - began
    killed = 0
    for number in range(KILLS):
        version = "2" if served(ws) == "1" else "1"
        shutil.rmtree(ws.bundles / "recommender" / version, ignore_errors=True)  # to export it
        process = start(ws.home, version)
        time.sleep(rng.uniform(0, longest))
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        assert served(ws) in ("1", "2")
        if number % 2:  # else the next promotion is of what this one had begun
            promote(ws, "recommender", version)
            assert served(ws) == version
            assert find(ws, "recommender", "champion").version == version
    print(f"\n{killed} of {KILLS} were killed")
    for version in ("1", "2"):
        export(ws, "recommender", version)
    assert not [path for path in (ws.bundles / "recommender").iterdir() if path.name[0] == "."]
