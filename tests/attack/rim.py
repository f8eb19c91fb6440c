"""Hostile connections of each kind, while a caller with a key of its own goes on asking."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.attack.caller import Caller, Measured
from tests.attack.findings import Finding
from tests.attack.hostile import KINDS
from tests.attack.settings import CONNECTIONS
from tests.attack.target import Use, target, use
from tests.attack.wire import allow_descriptors, ask, request
from tests.attack.workspace import Shop
from tests.serving.server import Server
from tests.serving.shop import until

SLOWER: Final = 3.0
"""How many times its quiet p99 the caller's p99 may become."""
GROWTH: Final = 20 * 2**20
"""Bytes by which the server may grow."""
CALM_S: Final = 5.0
"""After which all is as before."""
MANY: Final = {"many dripping bodies of one key": 600}
TRIES: Final = 3
"""A machine that others use too is slow at times: so often is a latency measured anew."""
UNPACED: Final = {"endless pipelining", "slow reader"}
"""Whole requests as fast as they are taken: each is answered, which slows the others."""


@dataclass(kw_only=True)
class Attack:
    """A process of hostile connections."""

    process: "subprocess.Popen[str]"
    seen: dict[str, int] = field(default_factory=dict)


@contextmanager
def attacking(kind: str, running: Server, *, key: str, count: int) -> Iterator[Attack]:
    """Attack until the block ends; the process gives way to the server's (nice 19)."""
    command = [sys.executable, "-m", "tests.attack.hostile", kind, str(running.port), str(count)]
    attack = Attack(
        process=subprocess.Popen(
            ["nice", "-n", "19", *command, key], stdout=subprocess.PIPE, text=True
        )
    )
    try:
        threading.Thread(target=_read_ready, args=(attack,), daemon=True).start()
        until(lambda: bool(attack.seen) or attack.process.poll() is not None, seconds=30)
        yield attack
    finally:
        attack.process.send_signal(signal.SIGTERM)
        output, _ = attack.process.communicate(timeout=60)
        attack.seen = json.loads(output or "{}")


def _read_ready(attack: Attack) -> None:
    if attack.process.stdout is not None and attack.process.stdout.readline():
        attack.seen = {"ready": 1}


@dataclass(kw_only=True)
class Peak:
    """The most that a server uses until the block ends."""

    running: Server
    memory: int = 0

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Measure five times a second."""
        stop = threading.Event()

        def measure() -> None:
            while not stop.wait(0.2):
                self.memory = max(self.memory, use(self.running).memory)

        thread = threading.Thread(target=measure)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def rim(
    shop: Shop, log: Path, *, seconds: float, kinds: Sequence[str] = tuple(KINDS), calm: bool = True
) -> list[Finding]:
    """Attack by each kind for `seconds`, after as long a quiet; `calm`: wait CALM_S after each."""
    with target(shop.home, log) as running:
        caller = Caller(running.port, shop.keys["caller"])
        caller.measure(2 * seconds)  # what only the first requests need
        found = [
            _attacked(kind, running, caller, shop.keys["other"], seconds=seconds, calm=calm)
            for kind in kinds
        ]
        caller.close()
    return found


def _attacked(
    kind: str, running: Server, caller: Caller, key: str, *, seconds: float, calm: bool
) -> Finding:
    count = MANY.get(kind, CONNECTIONS)
    for attempt in range(TRIES):
        quiet, before, peak = caller.measure(seconds), use(running), Peak(running=running)
        with attacking(kind, running, key=key, count=count) as attack, peak.measuring():
            attacked = caller.measure(seconds)
        faults = _faults(kind, quiet, attacked, growth=peak.memory - before.memory)
        slow = attacked.p99 / quiet.p99
        if not (slow >= SLOWER and len(faults) == 1 and attempt + 1 < TRIES):
            break
    if calm:
        caller.close()
        time.sleep(CALM_S)
    after = use(running)
    if calm:
        faults += _differs(before, after, quiet, caller.measure(seconds))
    seen = ", ".join(f"{name} {number:,}" for name, number in sorted(attack.seen.items()))
    calls = len(attacked.milliseconds)
    figures = (
        f"p99 {quiet.p99:.1f} -> {attacked.p99:.1f} ms (x{slow:.1f}) of {calls} calls,"
        f" {len(attacked.failures)} failed; memory +{_mb(peak.memory - before.memory)} MB, "
        f"then {_mb(after.memory - before.memory):+.1f}; descriptors {before.descriptors} -> "
        f"{after.descriptors}; they: {seen}"
    )
    return Finding(attack=f"rim: {kind}", count=count, figures=figures, faults=tuple(faults))


def _faults(kind: str, quiet: Measured, attacked: Measured, *, growth: int) -> list[str]:
    faults = []
    if attacked.failures:
        faults.append(f"{len(attacked.failures)} calls failed, as {attacked.failures[0]}")
    if growth >= GROWTH:
        faults.append(f"{_mb(growth)} MB of growth")
    if attacked.p99 >= SLOWER * quiet.p99 and kind not in UNPACED:
        faults.append(f"p99 x{attacked.p99 / quiet.p99:.1f}")
    return faults


def _differs(before: Use, after: Use, quiet: Measured, calm: Measured) -> list[str]:
    faults = []
    if calm.failures:
        faults.append(f"{len(calm.failures)} calls failed after it, as {calm.failures[0]}")
    if calm.p99 >= SLOWER * quiet.p99:
        faults.append(f"p99 x{calm.p99 / quiet.p99:.1f} after it")
    if after.memory - before.memory >= GROWTH:
        faults.append(f"{_mb(after.memory - before.memory)} MB more after it")
    if after.connections > before.connections:
        faults.append(f"{after.connections - before.connections} connections left")
    if after.descriptors > before.descriptors + 2:
        faults.append(f"{after.descriptors - before.descriptors} descriptors left")
    return faults


def _mb(size: int) -> float:
    return round(size / 2**20, 1)


def descriptors(shop: Shop, log: Path, *, idle: int = 2_400, limit: int = 1_024) -> Finding:
    """Hold `idle` connections to a server that may have `limit` descriptors per process."""
    allow_descriptors()
    limited = ["prlimit", f"--nofile={limit}:{limit}"]
    answered, failures = 0, []
    with target(shop.home, log, before=limited) as running:
        caller = Caller(running.port, shop.keys["caller"])
        caller.measure(1)
        with attacking("idle", running, key=shop.keys["other"], count=idle) as attack:
            for _ in range(10):
                try:
                    answered += (
                        ask(running.port, request("GET", "/livez"), timeout_s=5).status == 200
                    )
                except OSError as error:
                    failures.append(f"/livez: {error!r}")
            measured = caller.measure(3)
        caller.close()
    faults = [f"{len(f)} of {n} calls failed, as {f[0]}" for f, n in (
        (failures, 10), (measured.failures, len(measured.milliseconds) + len(measured.failures))
    ) if f]  # fmt: skip
    return Finding(
        attack="descriptors: idle connections",
        count=idle,
        figures=f"limit {limit}; /livez {answered} of 10; a caller "
        f"{len(measured.milliseconds)} calls, p99 {measured.p99:.1f} ms; they: {attack.seen}",
        faults=tuple(faults),
    )
