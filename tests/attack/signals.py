"""Signals to a service under load: a stopped worker, a polite end, a worker that is told to end."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from serving.client import Client
from tests.attack.findings import Finding
from tests.attack.settings import share_s
from tests.attack.target import target
from tests.attack.wire import Connection, ask, request
from tests.attack.workspace import Shop
from tests.serving.server import Server
from tests.serving.shop import until

CLIENTS: Final = 8
PAUSES_S: Final = (0.02, 0.3)
"""Of clients that are busy, and mostly idle."""
BODY: Final = b'{"customer_id":"C01","k":5}'


def stopped_worker(running: Server, shop: Shop, *, seconds: float = 3) -> Finding:
    """SIGSTOP a worker: the others answer new connections, and nothing is lost at SIGCONT."""
    faults, answered = [], 0
    sent = request("POST", "/v1/recommendations", key=shop.keys["caller"], body=BODY)
    workers = _workers(running)
    kept = [Connection(running.port) for _ in range(CLIENTS)]
    for connection in kept:
        connection.ask(sent)
    os.kill(workers[0], signal.SIGSTOP)
    try:
        for connection in kept:
            connection.send(sent)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                answered += ask(running.port, sent, timeout_s=5).status == 200
            except OSError as error:
                faults.append(f"a new connection got no answer: {error!r}")
    finally:
        os.kill(workers[0], signal.SIGCONT)
    waiting = [connection.answer().status for connection in kept]
    if set(waiting) != {200}:
        faults.append(f"after SIGCONT: {waiting}")
    for connection in kept:
        connection.close()
    figures = f"{answered} new connections answered meanwhile, {len(waiting)} kept ones after it"
    return Finding(attack="SIGSTOP of a worker", count=1, figures=figures, faults=tuple(faults))


def ended_workers(running: Server, shop: Shop, *, times: int = 3) -> Finding:
    """SIGTERM a worker under load, again and again: no request of the project's client fails."""
    with _clients(running, shop.keys["caller"]) as seen:
        for _ in range(times):
            time.sleep(1)
            (ended, *_) = _workers(running)
            os.kill(ended, signal.SIGTERM)
            until(lambda ended=ended: ended not in running.workers())  # type: ignore[misc]
            until(lambda: len(running.workers()) == 2)
            until(running.ready)
        time.sleep(1)
    figures = f"{seen.answered:,} calls of {CLIENTS} clients, {len(seen.failures)} failed"
    return Finding(
        attack="SIGTERM of a worker", count=times, figures=figures, faults=tuple(seen.failures)
    )


def polite_end(running: Server, shop: Shop) -> Finding:
    """SIGTERM the service: kept connections are told before they end; no answer is cut off."""
    told, lost, cut = [0], list[str](), list[str]()
    sent = request("POST", "/v1/recommendations", key=shop.keys["caller"], body=BODY)

    def ask_on(pause_s: float) -> None:
        with Connection(running.port) as connection:
            while True:
                try:
                    answer = connection.ask(sent)
                except ConnectionError as error:
                    (cut if "HTTP" in str(error) else lost).append(repr(error)[:120])
                    return
                if answer.closes:
                    told[0] += 1
                    return
                time.sleep(pause_s)

    threads = [threading.Thread(target=ask_on, args=(PAUSES_S[n % 2],)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    begun = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    code = running.process.wait(timeout=60)
    took = time.monotonic() - begun
    for thread in threads:
        thread.join()
    faults = [f"{len(f)} {what}, as {f[0]}" for f, what in (
        (lost, "requests lost"), (cut, "answers cut off")) if f
    ]  # fmt: skip
    if code != 0:
        faults.append(f"exit code {code}")
    return Finding(
        attack="SIGTERM of the service",
        count=CLIENTS,
        figures=f"{told[0]} of {CLIENTS} kept connections told; ended in {took:.1f} s",
        faults=tuple(faults),
    )


@dataclass(kw_only=True)
class Seen:
    """What clients saw."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)


@contextmanager
def _clients(running: Server, key: str) -> Iterator[Seen]:
    """Let the project's own clients ask until the block ends."""
    seen, stop = Seen(), threading.Event()

    def ask_on() -> None:
        with Client(key, url=f"http://127.0.0.1:{running.port}") as client:
            while not stop.is_set():
                try:
                    client.recommend(customer_id="C01", k=5)
                    seen.answered += 1
                except Exception as error:  # what a caller would have to handle
                    seen.failures.append(repr(error)[:200])
                time.sleep(0.01)

    threads = [threading.Thread(target=ask_on) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _workers(running: Server) -> list[int]:
    until(lambda: len(running.workers()) == 2)
    until(lambda: running.http.get("/readyz").status_code == httpx.codes.OK)
    return running.workers()


def signals(shop: Shop, log: Path, *, times: int | None = None) -> list[Finding]:
    """Send all of them to one service; SIGTERM to its workers so many `times`."""
    times = times or max(2, round(share_s(0.1) / 10))
    with target(shop.home, log) as running:
        return [
            stopped_worker(running, shop),
            ended_workers(running, shop, times=times),
            polite_end(running, shop),
        ]
