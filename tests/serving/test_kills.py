"""kill -9 at random moments: of workers, of the whole service, of `features materialize`.

REGULARS_KILLS says at how many moments of each.
"""

import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

import pandas as pd
import pytest

from features.customer_row import ONLINE_VALUE, unpack
from features.materialize import materialize as put_online
from features.workspace import Workspace
from tests.serving.ledger import Ledger, check_absorbed, check_kept, check_whole
from tests.serving.metrics import number
from tests.serving.real_shop import town
from tests.serving.server import Server, free_port, server
from tests.serving.shop import until
from tests.serving.traffic import connections, features, visiting

KILLS: Final = int(os.environ.get("REGULARS_KILLS", "3"))
LONGEST_S: Final = 60.0
"""What a kill and the start after it may take."""
PRELOADED: Final = [
    "feast",
    "features.logs.events",
    "features.logs.product_changes",
    "features.materialize",
]


@pytest.fixture
def real_ws(simulated_shop: Path, tmp_path: Path) -> Workspace:
    """The simulated shop, for this test alone."""
    return Workspace.open(Path(shutil.copytree(simulated_shop, tmp_path / "shop")))


def kill_worker(running: Server) -> None:
    """Kill the worker that holds more clients; wait until there are two again."""
    killed = max(running.workers(), key=connections)
    os.kill(killed, signal.SIGKILL)
    until(lambda: killed not in running.workers() and len(running.workers()) == 2)


def kill_all(running: Server) -> None:
    """Kill supervisor and workers at once."""
    os.kill(running.process.pid, signal.SIGSTOP)  # it would start the workers again
    for pid in (*running.workers(), running.process.pid):
        os.kill(pid, signal.SIGKILL)
    until(running.gone)


@pytest.mark.slow
@pytest.mark.timeout(120 + LONGEST_S * KILLS)
def test_what_was_acknowledged_survives_kills_at_any_moment(
    real_ws: Workspace, tmp_path: Path
) -> None:
    rng, ledger, port = random.Random(1), Ledger(), free_port()
    kills: list[str] = []
    with visiting(town(real_ws, f"http://127.0.0.1:{port}"), ledger, pause_s=0.005):
        while len(kills) < KILLS:
            with server(real_ws.home, tmp_path / "log", workers=2, port=port) as running:
                until(lambda: number(running, "regulars_ready") == 1)
                if len(kills) + 1 < KILLS:
                    time.sleep(rng.uniform(0, 2))
                    kills.append("worker")
                    kill_worker(running)
                time.sleep(rng.uniform(0, 2))
                kills.append("all")
                kill_all(running)
                check_kept(real_ws, ledger)
    print(f"\n{ledger}\n{kills}")
    assert not ledger.faults, ledger.faults[:10]
    assert len(ledger.resets) >= kills.count("all")
    real_ws.advance(real_ws.now() + pd.Timedelta(hours=1))
    features(real_ws, "materialize")
    check_absorbed(real_ws, ledger)


def materialize(home: Path) -> None:
    """What `python -m features materialize` does, once it is imported."""
    ws = Workspace.open(home)
    put_online(ws, ws.now())


def stored_times(ws: Workspace) -> set[int]:
    """Return the snapshots of the online rows, each of which can be read."""
    with closing(sqlite3.connect(ws.feast / "online.db")) as database:
        (table,) = database.execute(
            "SELECT name FROM sqlite_master WHERE name LIKE '%customer_online'"
        ).fetchone()
        query = f'SELECT value FROM "{table}" WHERE feature_name = ?'
        values = database.execute(query, (ONLINE_VALUE,)).fetchall()
    from feast.protos.feast.types.Value_pb2 import Value

    packed = [Value.FromString(value).bytes_val for (value,) in values]
    return {unpack(row)["snapshot_timestamp"] for row in packed}


@pytest.mark.slow
@pytest.mark.timeout(120 + LONGEST_S * KILLS)
def test_a_killed_materialize_leaves_whole_rows_and_can_be_done_again(
    real_ws: Workspace, tmp_path: Path
) -> None:
    """Moments are drawn over the work itself: a process that is forked with all of it imported."""
    rng, ledger = random.Random(2), Ledger()
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(PRELOADED)

    def begin() -> tuple[ForkServerProcess, float]:
        real_ws.advance(real_ws.now() + pd.Timedelta(hours=1))
        process = forks.Process(target=materialize, args=(real_ws.home,))
        process.start()
        return process, time.monotonic()

    cuts = set(stored_times(real_ws))
    killed = []
    with server(real_ws.home, tmp_path / "log") as running:
        visitors = visiting(town(real_ws, running.http.base_url), ledger, visitors=2, pause_s=0.05)
        with visitors:
            for _ in range(2):  # the first one imports what was not preloaded
                process, begun = begin()
                process.join()
                assert process.exitcode == 0
                whole_s = time.monotonic() - begun
            for _ in range(2 * KILLS):
                process, begun = begin()
                time.sleep(rng.uniform(0, whole_s))
                process.kill()
                process.join()
                killed.append(process.exitcode == -signal.SIGKILL)
                times = stored_times(real_ws)
                assert len(times) == 1, times
                cuts |= times
                check_whole(real_ws)
            process, _ = begin()
            process.join()
            assert process.exitcode == 0
            until(lambda: number(running, "regulars_feature_age_seconds", of="products") == 0)
    print(
        f"\n{ledger}\n{sum(killed)} of {len(killed)} killed, in {whole_s:.1f} s; {len(cuts)} cuts"
    )
    assert any(killed)
    assert not ledger.faults, ledger.faults[:10]
    assert not ledger.resets
    assert not {why for _, why in ledger.lists} & {"model_unavailable", "store_unavailable"}
    check_kept(real_ws, ledger)
    real_ws.advance(real_ws.now() + pd.Timedelta(hours=1))
    features(real_ws, "materialize")
    check_absorbed(real_ws, ledger)
