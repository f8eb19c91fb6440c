"""Fuzzed calls over raw sockets, from client processes of their own:

    python -m tests.attack.fuzz PORT SEED SECONDS CALLS < {"key": KEY, "endpoints": [[M, P], ...]}

The clients print a JSON of what they saw. CALLS 0: as many as SECONDS allow.
"""

import json
import random
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from serving.problems import CODES
from tests.attack.findings import Finding, add_up
from tests.attack.fuzz_requests import Generator, Sent
from tests.attack.settings import SEED
from tests.attack.wire import Answer, Connection

BATCH: Final = 16
"""Requests that are sent before their answers are read."""
LONGEST_S: Final = 20.0
PROBLEMS: Final = {status for status, _ in CODES.values()} - {500}
NO_FAULT: Final = PROBLEMS | {411, 417, 426, 501, 505}
"""Statuses of an answer that refuses a request; the second set comes from below the API."""
CLIENTS: Final = 6


class Fuzzer:
    """One client: sends batches and holds each answer to the promises."""

    def __init__(self, port: int, generator: Generator) -> None:
        self._port, self._make = port, generator
        self._connection: Connection | None = None
        self._waiting: list[Sent] = []
        self.calls, self.slowest = 0, 0.0
        self.statuses: Counter[str] = Counter()
        self.faults: list[str] = []

    def run(self, *, seconds: float, calls: int) -> None:
        """Send requests for `seconds`, or `calls` of them."""
        end = time.monotonic() + seconds
        while self.calls < calls if calls else time.monotonic() < end:
            begun = time.monotonic()
            self._batch()
            self.slowest = max(self.slowest, time.monotonic() - begun)

    def _batch(self) -> None:
        """Send clean requests at once, then perhaps one that is not, each on a kept connection."""
        clean, odd = self._waiting, None
        self._waiting = []
        while odd is None and len(clean) < BATCH:
            sent = self._make.next()
            if sent.framing == "clean":
                clean.append(sent)
            else:
                odd = sent
        try:
            if clean:
                self._send_clean(clean)
            if odd is not None:
                self._send_odd(odd)
        except TimeoutError:
            self._fault("no answer and no end", odd or clean[0])
            self._drop()

    def _send_clean(self, sent: list[Sent]) -> None:
        new, connection = self._connection is None, self._open()
        for number, one in enumerate(sent):
            try:
                if number == 0:
                    connection.send(b"".join(s.data for s in sent))
                answer = connection.answer(method=one.method)
            except (ConnectionError, ValueError, IndexError) as error:
                if number == 0 and new:
                    self._fault(f"no answer: {error!r}", one)
                    sent = sent[1:]
                self._waiting = sent[number:]
                self._drop()
                return
            self._check(one, answer)
            if answer.closes:
                self._waiting = sent[number + 1 :]
                self._drop()
                return

    def _send_odd(self, one: Sent) -> None:
        """Send `one` and a request after it, to see whether something else is answered first."""
        connection, sentinel = self._open(), self._make.sentinel()
        self.calls += 1
        try:
            connection.send(one.data + sentinel.data)
            if one.framing == "cut":
                connection.socket.shutdown(socket.SHUT_WR)  # the server may wait for more
        except ConnectionError:
            pass  # an answer may still be there
        try:
            first = connection.answer(method=one.method)
            self._check(one, first, odd=True)
            self.calls -= 1
            if first.closes or one.framing == "cut":
                if b"x-request-id: hidden" in connection.ended().lower():
                    self._fault("a hidden request was answered", one)
                self._drop()
            else:
                self._check(sentinel, connection.answer(method=sentinel.method), odd=True)
        except ConnectionError:
            self.statuses["closed"] += 1
            self._drop()
        except (ValueError, IndexError) as error:
            self._fault(f"not HTTP: {error!r}", one)
            self._drop()

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = Connection(self._port, timeout_s=LONGEST_S)
        return self._connection

    def _check(self, one: Sent, answer: Answer, *, odd: bool = False) -> None:
        self.calls += 1
        self.statuses[str(answer.status)] += 1
        name = answer.headers.get("x-request-id", "")
        if name.startswith("hidden"):
            self._fault("a hidden request was answered", one)
        elif name.startswith("fuzz-") and name != one.name and not odd:
            self._fault(f"the answer of {name}", one)
        if answer.status < 400:
            return
        if answer.status not in NO_FAULT:
            self._fault(f"{answer.status} {answer.body[:200]!r}", one)
        if one.target.startswith("/v1/") and one.method != "HEAD":
            self._check_problem(one, answer)

    def _check_problem(self, one: Sent, answer: Answer) -> None:
        if answer.headers.get("content-type") != "application/problem+json":
            self._fault(f"{answer.status} is no problem: {answer.body[:100]!r}", one)
            return
        problem: dict[str, Any] = json.loads(answer.body)
        status, title = CODES.get(problem.get("code", ""), (0, ""))
        if (status, title) != (answer.status, problem.get("title")) or not problem.get(
            "request_id"
        ):
            self._fault(f"{answer.status} {problem}", one)

    def _fault(self, what: str, one: Sent) -> None:
        self.statuses["FAULTS"] += 1
        if len(self.faults) < 20:
            self.faults.append(f"{what}: {one.data[:300]!r}")

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def fuzz(
    port: int, key: str, *, endpoints: Sequence[tuple[str, str]], log: Path, seconds: float = 0,
    calls: int = 0, clients: int = CLIENTS, seed: int = SEED,
) -> Finding:  # fmt: skip
    """Send fuzzed calls to the server on `port`; its stderr is in `log`, the sums in FOLDER."""
    settings = json.dumps({"key": key, "endpoints": endpoints})
    earlier, begun = add_up("fuzz", calls=0)["calls"], time.monotonic()  # other calls each run
    command = [sys.executable, "-m", "tests.attack.fuzz", str(port)]
    running = []
    for number in range(clients):
        words = [f"{seed}/{earlier}/{number}", str(seconds), str(-(-calls // clients))]
        process = subprocess.Popen(
            [*command, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if process.stdin is not None:
            process.stdin.write(settings)
            process.stdin.close()
            process.stdin = None
        running.append(process)
    seen = [json.loads(p.communicate(timeout=seconds + 3_600)[0] or "{}") for p in running]
    took = time.monotonic() - begun
    statuses: Counter[str] = Counter()
    for one in seen:
        statuses.update(one.get("statuses", {}))
    done = sum(one.get("calls", 0) for one in seen)
    faults = [fault for one in seen for fault in one.get("faults", ["a client failed"])]
    faults += [f"{n} tracebacks in the server's log end in {e}" for e, n in _errors(log).items()]
    slowest = max(one.get("slowest", 0.0) for one in seen)
    total = add_up("fuzz", calls=done, faults=statuses["FAULTS"])
    told = ", ".join(f"{status} {count:,}" for status, count in sorted(statuses.items()))
    return Finding(
        attack="fuzz: raw sockets",
        count=done,
        figures=f"{done / took:,.0f}/s, slowest batch {slowest:.1f} s; "
        f"{told}; all runs: {total['calls']:,} calls, {total['faults']:,} faults",
        faults=tuple(faults),
    )


def _errors(log: Path) -> Counter[str]:
    """Return how often each error ends a traceback in `log`, without addresses."""
    text = log.read_text(errors="replace")
    ends = re.findall(r"^Traceback .*\n(?:[ \t].*\n|\n)*(\S.*)", text, re.MULTILINE)
    return Counter(re.sub(r"0x[0-9a-f]+", "0x", end)[:200] for end in ends)


if __name__ == "__main__":
    port, seed, seconds, calls = sys.argv[1:]
    given = json.load(sys.stdin)
    found = Fuzzer(int(port), Generator(random.Random(seed), **given))
    found.run(seconds=float(seconds), calls=int(calls))
    print(json.dumps({"calls": found.calls, "slowest": found.slowest,
                      "statuses": found.statuses, "faults": found.faults}))  # fmt: skip
