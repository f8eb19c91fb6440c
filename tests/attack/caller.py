"""A caller with a key, whom attacks must not hurt: its latency and its failures."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Final

from tests.attack.wire import Connection, request

PAUSE_S: Final = 0.01
PATIENCE_S: Final = 10.0


@dataclass(kw_only=True)
class Measured:
    """What a caller saw."""

    milliseconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def p99(self) -> float:
        """The 99th percentile of the latency, in milliseconds."""
        if len(self.milliseconds) < 2:
            return float("inf")
        return quantiles(self.milliseconds, n=100, method="inclusive")[98]


class Caller:
    """Asks for lists, in turns on a connection that it keeps and on a new one."""

    def __init__(self, port: int, key: str, body: bytes = b'{"customer_id":"C01","k":5}') -> None:
        self._port = port
        self._request = request("POST", "/v1/recommendations", key=key, body=body)
        self._kept: Connection | None = None

    def measure(self, seconds: float) -> Measured:
        """Ask for `seconds`."""
        found, end = Measured(), time.monotonic() + seconds
        while time.monotonic() < end:
            for kept in (True, False):
                self._one(kept, found)
                time.sleep(PAUSE_S)
        return found

    @contextmanager
    def measuring(self) -> Iterator[Measured]:
        """Ask until the block ends."""
        found, stop = Measured(), threading.Event()

        def run() -> None:
            while not stop.is_set():
                for kept in (True, False):
                    self._one(kept, found)
                    time.sleep(PAUSE_S)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield found
        finally:
            stop.set()
            thread.join()

    def _one(self, kept: bool, found: Measured) -> None:
        begun = time.perf_counter()
        try:
            status = self._ask_kept() if kept else self._ask_new()
        except OSError as error:
            found.failures.append(f"{'kept' if kept else 'new'}: {error!r}"[:200])
            return
        found.milliseconds.append(1000 * (time.perf_counter() - begun))
        if status != 200:
            found.failures.append(f"{'kept' if kept else 'new'}: {status}")

    def _ask_new(self) -> int:
        with closing(Connection(self._port, timeout_s=PATIENCE_S)) as connection:
            return connection.ask(self._request).status

    def _ask_kept(self) -> int:
        if self._kept is None:
            self._kept = Connection(self._port, timeout_s=PATIENCE_S)
        try:
            answer = self._kept.ask(self._request)
        except ConnectionError:  # it was idle for too long, which is no failure: ask again
            self.close()
            return self._ask_new()
        except OSError:
            self.close()
            raise
        if answer.closes:
            self.close()
        return answer.status

    def close(self) -> None:
        """Close the connection that it keeps."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None
