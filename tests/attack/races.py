"""Requests, services and commands that run at the same time."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from features.workspace import Workspace
from tests.attack.findings import Finding
from tests.attack.target import processes, target
from tests.attack.wire import Answer, Connection, request
from tests.attack.workspace import EXPERIMENT, Shop, order
from tests.serving.server import Server

RACING: Final = 20
STARTS: Final = 12
PROCESSES: Final = 4
"""How many processes of `:start` may run at once."""
PYTHON: Final = [sys.executable, "-m"]


def together(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Return what `act(number)` returns on `count` threads that begin at once."""
    barrier = threading.Barrier(count)
    results: list[Any] = [None] * count

    def run(number: int) -> None:
        barrier.wait()
        try:
            results[number] = act(number)
        except Exception as error:  # a thread's error would be lost
            results[number] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _asked(running: Server, data: bytes) -> Answer:
    with Connection(running.port) as connection:
        return connection.ask(data)


def one_name(running: Server, shop: Shop, *, rounds: int = 5) -> Finding:
    """Ask by RACING connections with one Idempotency-Key: there is one answer."""
    faults = []
    for number in range(rounds):
        named = [f"Idempotency-Key: race/{number}"]
        asked = request(
            "POST", "/v1/recommendations", key=shop.keys["caller"],
            body=b'{"customer_id":"C01","k":5}', headers=named,
        )  # fmt: skip
        got = together(RACING, lambda _, asked=asked: _asked(running, asked))  # type: ignore[misc]
        answers = {(a.status, a.body) if isinstance(a, Answer) else repr(a) for a in got}
        if len(answers) != 1 or not all(isinstance(a, Answer) and a.status == 200 for a in got):
            faults.append(f"{len(answers)} answers to one Idempotency-Key: {answers}"[:300])
    return Finding(attack="race: one Idempotency-Key", count=RACING * rounds, faults=tuple(faults))


def _content(answer: Answer | Exception) -> dict[str, Any]:
    return dict(json.loads(answer.body)) if isinstance(answer, Answer) else {"error": repr(answer)}


def one_event(first: Server, second: Server, shop: Shop, *, rounds: int = 5) -> Finding:
    """Post one order to two services of one workspace at once: it counts once, in both."""
    faults, ws = [], Workspace.open(shop.home)
    for number in range(rounds):
        event = order(9_000 + number, ws)
        body = json.dumps({"events": [event]}).encode()
        asked = request("POST", "/v1/events", key=shop.keys["events"], body=body)
        got = together(RACING, lambda n, asked=asked: _asked((first, second)[n % 2], asked))  # type: ignore[misc]
        told = [_content(a) for a in got]
        if sum(t.get("accepted", 0) for t in told) != 1 or any("error" in t for t in told):
            faults.append(f"one order: {told[:3]}"[:300])
        wanted = json.dumps({"customer_id": event["customer_id"]}).encode()
        card = request("POST", "/v1/customers:predictions", key=shop.keys["caller"], body=wanted)
        for running in (first, second):
            orders = json.loads(_asked(running, card).body).get("historic_number_of_orders")
            if orders != 1:
                faults.append(f"the card after it: {orders} orders")
    return Finding(
        attack="race: one order, two services", count=RACING * rounds, faults=tuple(faults)
    )


def many_starts(running: Server, shop: Shop) -> Finding:
    """Start a dozen experiments at once: few processes run, the others are told to come back."""
    ending = f"/v1/experiments/{EXPERIMENT}:stop"  # one experiment runs at a time
    _asked(running, request("POST", ending, key=shop.keys["admin"], body=b"{}"))
    most, stop = [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            found = [p for p in processes(running) if "experiments" in _words(p)]
            most[0] = max(most[0], len(found))

    def start(number: int) -> Answer:
        arms = {n: {"model": m} for n, m in (("a", "champion"), ("b", "popularity"))}
        body = json.dumps({"variants": arms, "control": "a"}).encode()
        path = f"/v1/experiments/race-{number}:start"
        return _asked(running, request("POST", path, key=shop.keys["admin"], body=body))

    watcher = threading.Thread(target=watch)
    watcher.start()
    got = together(STARTS, start)
    stop.set()
    watcher.join()
    statuses = sorted(a.status if isinstance(a, Answer) else 0 for a in got)
    refused = [a for a in got if isinstance(a, Answer) and a.status in {429, 503}]
    faults = [f"{most[0]} processes at once"] if most[0] > PROCESSES else []
    if 0 in statuses or 500 in statuses:
        faults.append(f"statuses {statuses}")
    if any("retry-after" not in a.headers for a in refused):
        faults.append("a refusal without Retry-After")
    figures = f"at most {most[0]} processes; statuses {statuses}"
    return Finding(
        attack="race: a dozen starts", count=STARTS, figures=figures, faults=tuple(faults)
    )


def _words(process: Any) -> list[str]:
    try:
        return list(process.cmdline())
    except Exception:  # it ended meanwhile
        return []


def two_commands(shop: Shop) -> Finding:
    """Run `features materialize` twice at once: both succeed, or one says why not in a line."""
    command = [*PYTHON, "features", "materialize", "--home", str(shop.home)]
    ended = together(
        2, lambda _: subprocess.run(command, capture_output=True, text=True, check=False)
    )
    faults = [
        f"exit code {e.returncode}: {e.stderr[-300:]}"
        for e in ended
        if e.returncode and ("Traceback" in e.stderr or "error:" not in e.stderr)
    ]
    if all(e.returncode for e in ended):
        faults.append(f"neither succeeded: {ended[0].stderr[-200:]}")
    codes = [e.returncode for e in ended]
    return Finding(
        attack="race: two materialize", count=2, figures=f"exit codes {codes}", faults=tuple(faults)
    )


def races(shop: Shop, log: Path) -> list[Finding]:
    """Run all of them; the workspace's data are the same after it, but for new orders."""
    with target(shop.home, log) as first, target(shop.home, log, workers=1) as second:
        found = [one_name(first, shop), one_event(first, second, shop), many_starts(first, shop)]
        return [*found, two_commands(shop)]
