"""kill -9 in a loop: of a worker, of the whole service, of materialize, ingest and promote.

The service is asked by visitors meanwhile: what it acknowledged must be stored once. What a killed
command left behind must be whole, and the same command must succeed when it is run again.
"""

import multiprocessing
import os
import random
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

import pandas as pd

from features.datasets import simulated
from features.ingest import ingest
from features.materialize import materialize
from features.simulator import World
from features.workspace import Workspace
from tests.attack.findings import Finding, add_up
from tests.attack.settings import SEED
from tests.attack.target import target
from tests.attack.workspace import ORDERS, Shop, order
from tests.serving.ledger import Ledger, check_absorbed, check_kept, check_whole
from tests.serving.metrics import number
from tests.serving.real_shop import town
from tests.serving.server import Server, free_port
from tests.serving.shop import until
from tests.serving.traffic import connections, features, visiting
from training.bundle import CURRENT, load_bundle, read_champions
from training.registry import versions

PRELOADED: Final = [
    "feast", "mlflow", "features.logs.events", "features.logs.product_changes",
    "features.materialize", "features.simulator", "training.registry.versions", __name__,
]  # fmt: skip
ROUND: Final = ("worker", "materialize", "ingest", "promote", "materialize", "ingest", "promote")
"""What is killed while one service runs, before the service itself is."""


def _materialize(home: Path) -> None:
    ws = Workspace.open(home)
    materialize(ws, ws.now())


def _ingest(home: Path) -> None:
    ws = Workspace.open(home)
    ingest(ws, simulated.load(World.open(ws)))


def _promote(home: Path) -> None:
    ws = Workspace.open(home)
    current = read_champions(ws.bundles / CURRENT)["recommender"]
    versions.promote(ws, "recommender", "2" if str(current).endswith("@1") else "1")


COMMANDS: Final[dict[str, Callable[[Path], None]]] = {
    "materialize": _materialize, "ingest": _ingest, "promote": _promote,
}  # fmt: skip


@dataclass(kw_only=True)
class Killer:
    """Kills processes that work in the workspace `ws`, at random moments."""

    ws: Workspace
    rng: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    whole_s: dict[str, float] = field(default_factory=dict)
    """How long each command takes when it is not killed."""
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Import once what the commands need."""
        self._forks = multiprocessing.get_context("forkserver")
        self._forks.set_forkserver_preload(PRELOADED)
        for name in COMMANDS:
            for _ in range(2):  # the first one imports what was not preloaded
                self._finish(name)

    def command(self, name: str) -> None:
        """Kill a command; see that what it left is whole."""
        process, _ = self._begin(name)
        time.sleep(self.rng.uniform(0, self.whole_s[name]))
        process.kill()
        process.join()
        if process.exitcode == -signal.SIGKILL:
            self.kills[name] += 1
        try:
            check_whole(self.ws)
            champion = read_champions(self.ws.bundles / CURRENT)["recommender"]
            load_bundle(self.ws.bundles / champion.folder)
        except Exception as error:  # what is damaged can raise anything
            self.faults.append(f"after a kill of {name}: {error!r}"[:300])

    def again(self) -> None:
        """Let every command succeed."""
        for name in COMMANDS:
            self._finish(name)

    def worker(self, running: Server) -> None:
        """Kill the worker that holds more clients; wait until there are two again."""
        workers = running.workers()
        killed = max(workers, key=connections) if len(workers) == 2 else workers[0]
        os.kill(killed, signal.SIGKILL)
        self.kills["worker"] += 1
        until(lambda: killed not in running.workers() and len(running.workers()) == 2)

    def service(self, running: Server) -> None:
        """Kill supervisor and workers at once."""
        os.kill(running.process.pid, signal.SIGSTOP)  # it would start the workers again
        for pid in (*running.workers(), running.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.kills["service"] += 1
        until(running.gone)

    def _begin(self, name: str) -> tuple[ForkServerProcess, float]:
        if name == "materialize":
            self.ws.advance(self.ws.now() + pd.Timedelta(hours=1))
        process = self._forks.Process(target=COMMANDS[name], args=(self.ws.home,))
        process.start()
        return process, time.monotonic()

    def _finish(self, name: str) -> None:
        process, begun = self._begin(name)
        process.join(300)
        if process.exitcode != 0:
            self.faults.append(f"{name} fails: exit code {process.exitcode}")
        self.whole_s[name] = time.monotonic() - begun


def kills(shop: Shop, log: Path, *, count: int, seed: int = SEED) -> Finding:
    """Kill `count` processes; everything acknowledged must be there once, after each round."""
    ws, port = Workspace.open(shop.home), free_port()
    held = [order(n, ws) for n in range(ORDERS)]
    ledger = Ledger(sent={event["event_id"]: event for event in held})
    killer = Killer(ws=ws, rng=random.Random(seed))
    asked = replace(town(ws, f"http://127.0.0.1:{port}"), key=shop.keys["admin"])
    with visiting(asked, ledger, seed=seed, pause_s=0.01):
        while killer.kills.total() < count:
            with target(shop.home, log, workers=2, port=port) as running:
                until(lambda: number(running, "regulars_ready") == 1)
                for what in ROUND[: max(0, count - killer.kills.total() - 1)]:
                    time.sleep(killer.rng.uniform(0, 0.5))
                    killer.worker(running) if what == "worker" else killer.command(what)
                time.sleep(killer.rng.uniform(0, 2))
                killer.service(running)
                time.sleep(0.5)  # until visitors noted what they were told
                _check(killer, lambda: check_kept(ws, ledger), "the logs")
    killer.again()
    ws.advance(ws.now() + pd.Timedelta(hours=1))
    features(ws, "materialize")
    _check(killer, lambda: check_absorbed(ws, ledger), "the tables")
    total = add_up("kills", **killer.kills)
    told = ", ".join(f"{name} {n}" for name, n in killer.kills.items())
    return Finding(
        attack="kill -9",
        count=killer.kills.total(),
        figures=f"{told}; {len(ledger.acknowledged):,} events and {len(ledger.shown):,} lists "
        f"acknowledged; all runs: {sum(total.values()):,} kills",
        faults=(*ledger.faults[:5], *killer.faults),
    )


def _check(killer: Killer, check: Callable[[], None], what: str) -> None:
    try:
        check()
    except AssertionError:
        killer.faults.append(f"{what}: {' '.join(traceback.format_exc(limit=-2).split())}"[-500:])
