"""Hours of a shop in minutes: all kinds of requests while versions, features and stores change.

`make soak MINUTES=30` runs it for longer.
"""

import os
import shutil
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd
import psutil
import pytest

from configs.json_files import read_json, write_json
from features.workspace import Workspace
from tests.serving.faults import FAILED, GARBAGE
from tests.serving.ledger import Ledger, check_absorbed, check_kept
from tests.serving.metrics import number
from tests.serving.real_shop import TOWERS, town
from tests.serving.server import Server, server
from tests.serving.shop import until
from tests.serving.traffic import connections, features, visiting
from training.registry import versions

MINUTES: Final = float(os.environ.get("REGULARS_SOAK_MINUTES", "1"))
GROWTH: Final = 0.05 if MINUTES >= 30 else 0.15
"""By how much a worker's memory may grow after the first round."""
MEDIAN_S: Final = 10
"""Memory after the first round and at the end: medians of so many seconds."""
RESET_S: Final = 5.0
"""Within which the connections of a killed worker break."""


@dataclass(kw_only=True)
class Memory:
    """The resident memory of each worker, by second."""

    running: Server
    bytes: dict[int, list[tuple[float, int]]] = field(default_factory=dict)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure until the block ends."""
        stop = threading.Event()

        def measure() -> None:
            while not stop.wait(1):
                for pid in self.running.workers():
                    try:
                        used = psutil.Process(pid).memory_info().rss
                    except psutil.NoSuchProcess:
                        continue
                    self.bytes.setdefault(pid, []).append((time.monotonic(), used))

        thread = threading.Thread(target=measure)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def growth(self, since: float) -> dict[int, float]:
        """Return by how much each worker grew from `since` to the end, medians of MEDIAN_S."""
        grown = {}
        for pid in self.running.workers():
            used = [bytes for at, bytes in self.bytes[pid] if at >= since]
            grown[pid] = (
                statistics.median(used[-MEDIAN_S:]) / statistics.median(used[:MEDIAN_S]) - 1
            )
        return grown


@dataclass(kw_only=True)
class Round:
    """What happens to a shop while it is asked."""

    ws: Workspace
    running: Server
    ledger: Ledger
    kills: list[float] = field(default_factory=list)

    def swap(self) -> None:
        """Promote the version that is not the champion; all lists come to be its own."""
        current = read_json(self.ws.bundles / "current.json")
        (other,) = {*TOWERS} - {current["recommender"].partition("/")[2]}
        versions.promote(self.ws, "recommender", other)
        self._more_lists(f"recommender@{other}")

    def break_champion(self) -> None:
        """Promote what cannot be loaded: the champion goes on, and the alarm tells."""
        current = self.ws.bundles / "current.json"
        champion = read_json(current)
        broken = self.ws.bundles / "recommender" / "99"
        shutil.copytree(self.ws.bundles / champion["recommender"], broken)
        for file in (broken / "model").iterdir():
            file.write_bytes(GARBAGE)
        failed = self._number(FAILED)
        write_json(current, champion | {"recommender": "recommender/99"})
        until(lambda: self._number(FAILED) > failed)
        self._more_lists(champion["recommender"].replace("/", "@"))
        write_json(current, champion)
        shutil.rmtree(broken)

    def materialize(self) -> None:
        """Move the clock on, and the features after it."""
        self.ws.advance(self.ws.now() + pd.Timedelta(hours=1))
        features(self.ws, "materialize")
        until(lambda: self._number("regulars_feature_age_seconds", of="products") == 0)

    def lose_stores(self) -> None:
        """Take events and customers away: events are refused, lists go on, alarms tell."""
        files = {"event_log": self.ws.events_db, "online_store": self.ws.feast / "online.db"}
        refused = self.ledger.told("order 503 store_unavailable")
        for file in files.values():
            file.rename(file.with_suffix(".away"))
        for name in files:
            until(lambda name=name: self._up(name) == 0)  # type: ignore[misc]
        until(lambda: self.ledger.told("order 503 store_unavailable") > refused)
        for file in files.values():
            file.with_suffix(".away").rename(file)
        for name in files:
            until(lambda name=name: self._up(name) == 1)  # type: ignore[misc]
        taken = self.ledger.told("order 202")
        until(lambda: self.ledger.told("order 202") > taken + 3)

    def kill_worker(self) -> None:
        """Kill the one that is busier: the other answers, and the supervisor starts one anew."""
        self.kills.append(time.monotonic())
        killed = max(self.running.workers(), key=connections)
        os.kill(killed, signal.SIGKILL)
        until(lambda: killed not in self.running.workers() and len(self.running.workers()) == 2)
        until(lambda: self._number("regulars_workers") == 2 and self._number("regulars_ready") == 1)

    def _more_lists(self, of: str) -> None:
        """Wait until lists are made by the version `of` alone."""

        def alone() -> bool:
            before = self.ledger.lists.copy()
            time.sleep(1)
            after = self.ledger.lists - before
            return {who for who, _ in after if who.startswith("recommender")} == {of}

        until(alone)

    def _up(self, name: str) -> float:
        return self._number("regulars_up", dependency=name)

    def _number(self, name: str, **labels: str) -> float:
        return number(self.running, name, **labels)


@pytest.mark.slow
@pytest.mark.timeout(600 + 60 * MINUTES)
def test_a_shop_is_answered_whatever_happens(simulated_shop: Path, tmp_path: Path) -> None:
    ws = Workspace.open(Path(shutil.copytree(simulated_shop, tmp_path / "shop")))
    ledger, log = Ledger(), tmp_path / "log"
    with server(ws.home, log, workers=2) as running:
        until(lambda: number(running, "regulars_workers") == 2)
        until(lambda: number(running, "regulars_ready") == 1)
        memory = Memory(running=running)
        happens = Round(ws=ws, running=running, ledger=ledger)
        acts: list[Callable[[], None]] = [
            *(happens.swap, happens.kill_worker, happens.break_champion),
            *(happens.materialize, happens.lose_stores, happens.swap),
        ]
        with memory.measured(), visiting(town(ws, running.http.base_url), ledger):
            end = time.monotonic() + 60 * MINUTES
            for act in acts:
                act()
            warm = time.monotonic()
            end = max(end, warm + 2 * MEDIAN_S)
            while time.monotonic() < end:
                time.sleep(max(0.0, min(20.0, end - time.monotonic())))
                if end - time.monotonic() > 60:
                    for act in acts:
                        if act != happens.kill_worker:  # the two of the first round are measured
                            act()
        grown = memory.growth(warm)
    print(f"\n{ledger}\nmemory: {grown}, {len(happens.kills)} kills")
    assert not ledger.faults, ledger.faults[:10]
    assert ledger.resets
    assert all(any(0 <= at - kill <= RESET_S for kill in happens.kills) for at in ledger.resets)
    assert not {why for _, why in ledger.lists} & {"model_unavailable", "stale_features"}
    check_kept(ws, ledger)
    ws.advance(ws.now() + pd.Timedelta(hours=1))
    features(ws, "materialize")
    check_absorbed(ws, ledger)
    assert max(grown.values()) < GROWTH, grown
