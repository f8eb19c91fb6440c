"""Prometheus metrics of all workers of one service, served at `/metrics`.

The counters of a request are looked up by label once and cached: in a service with workers, where
each number lies in a mapped file, the lookup is most of the cost.
"""

import os
from collections import Counter as Counted
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import prometheus_client
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from serving.schemas.base import Answer
from serving.schemas.events import EventsAnswer
from serving.schemas.predictions import PredictionAnswer
from serving.schemas.recommendations import RecommendationsAnswer

_SHARED: Final = os.environ.get("PROMETHEUS_MULTIPROC_DIR")  # when prometheus_client was imported
CONTENT_TYPE: Final = prometheus_client.CONTENT_TYPE_LATEST
REQUESTS: Final = Counter("regulars_requests_total", "HTTP answers", ["endpoint", "status"])
SECONDS: Final = Histogram(
    "regulars_request_seconds",
    "Time to answer",
    ["endpoint"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0),
)
PROBLEMS: Final = Counter(
    "regulars_problems_total",
    "Requests that were refused or failed, by problem code; overloaded: load shedding",
    ["endpoint", "code"],
)
ANSWERS: Final = Counter(
    "regulars_answers_total",
    "Lists and predictions by model version, variant and reason of the fallback",
    ["endpoint", "model_version", "variant", "fallback_reason"],
)
EVENTS: Final = Counter("regulars_events_total", "Posted events by result", ["result"])
LINES_DROPPED: Final = Counter("regulars_log_lines_dropped_total", "Log lines not written")
CPU_SECONDS: Final = Counter("regulars_cpu_seconds_total", "CPU time of the workers")
MEMORY: Final = Gauge(
    "regulars_memory_bytes", "Resident memory of the workers", multiprocess_mode="livesum"
)
WORKERS: Final = Gauge("regulars_workers", "Worker processes", multiprocess_mode="livesum")
IN_FLIGHT: Final = Gauge(
    "regulars_in_flight", "Requests in progress, once a second", multiprocess_mode="livesum"
)
CONNECTIONS: Final = Gauge("regulars_connections", "Open connections", multiprocess_mode="livesum")
CONNECTIONS_CLOSED: Final = Counter(
    "regulars_connections_closed_total",
    "Connections that the server closed: head late, answer unread, evicted, or no room",
    ["reason"],
)
READY: Final = Gauge(
    "regulars_ready", "1 when every worker has loaded", multiprocess_mode="livemin"
)
UP: Final = Gauge(
    "regulars_up",
    "1 while every worker can use it: a store, or the champion",
    ["dependency"],
    multiprocess_mode="livemin",
)
REFUSED: Final = Gauge(
    "regulars_refused",
    "1 while a worker cannot use the newest version and answers with the previous one",
    ["part"],
    multiprocess_mode="livemax",
)
ANSWERING: Final = Gauge(
    "regulars_champion_workers",
    "Workers in which this version answers as champion",
    ["model_version"],
    multiprocess_mode="livesum",
)
FEATURE_AGE: Final = Gauge(
    "regulars_feature_age_seconds",
    "Seconds since the snapshot that is served, by the workspace's clock",
    ["of"],
    multiprocess_mode="livemax",
)
LOG_BYTES: Final = Gauge(
    "regulars_log_bytes",
    "Bytes in use in each log; its file may be larger, and new rows use the room",
    ["log"],
    multiprocess_mode="livemax",
)
LOG_LIMIT: Final = Gauge(
    "regulars_log_limit_bytes",
    "Bytes at which a log takes no more",
    ["log"],
    multiprocess_mode="livemin",
)
DISK_FREE: Final = Gauge(
    "regulars_disk_free_bytes", "Free bytes on the disk of the stores", multiprocess_mode="livemin"
)
PRODUCTS: Final = Gauge(
    "regulars_catalogue_products", "Products that lists are made from", multiprocess_mode="livemin"
)
LOAD_FAILED: Final = Gauge(
    "regulars_load_failed_timestamp_seconds",
    "Time of the last failed load (Unix time; 0: never)",
    multiprocess_mode="max",
)


class Tally:
    """Counts the requests of one endpoint. Only for the event loop's thread."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._seconds = SECONDS.labels(endpoint)
        self._requests: dict[int, Counter] = {}
        self._answers: dict[tuple[str, str, str], Counter] = {}

    def request(self, status: int, seconds: float) -> None:
        """Count an HTTP answer."""
        counter = self._requests.get(status)
        if counter is None:
            counter = self._requests[status] = REQUESTS.labels(self._endpoint, status)
        counter.inc()
        self._seconds.observe(seconds)

    def problem(self, code: str) -> None:
        """Count a problem."""
        PROBLEMS.labels(self._endpoint, code).inc()

    def answer(self, answer: msgspec.Struct) -> None:
        """Count the contents of `answer`."""
        if isinstance(answer, EventsAnswer):
            _EVENTS["accepted"].inc(answer.accepted)
            _EVENTS["duplicates"].inc(answer.duplicates)
            _EVENTS["rejected"].inc(len(answer.rejected))
        elif isinstance(answer, PredictionAnswer):
            reasons = Counted(part.fallback_reason or "none" for part in answer.predictions)
            for reason, count in reasons.items():
                self._count(answer, reason, count)
        elif isinstance(answer, RecommendationsAnswer):
            for result in answer.results:
                if result.answer is not None:
                    self.answer(result.answer)
        elif isinstance(answer, Answer):
            self._count(answer, answer.fallback_reason or "none", 1)

    def _count(self, answer: Answer, reason: str, count: int) -> None:
        key = answer.model.label, variant(answer), reason
        counter = self._answers.get(key)
        if counter is None:
            counter = self._answers[key] = ANSWERS.labels(self._endpoint, *key)
        counter.inc(count)


_EVENTS: Final = {
    result: EVENTS.labels(result) for result in ("accepted", "duplicates", "rejected")
}


def variant(answer: Answer) -> str:
    """Return experiment and variant of `answer` as `key/variant`; `none` if it is in none."""
    assigned = answer.experiments[0] if answer.experiments else None  # at most one runs at a time
    return f"{assigned.key}/{assigned.variant}" if assigned else "none"


def page() -> bytes:
    """Return the metrics in Prometheus's text format."""
    if not _SHARED:
        return prometheus_client.generate_latest()
    _forget_the_dead(Path(_SHARED))
    registry = prometheus_client.CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return prometheus_client.generate_latest(registry)


def _forget_the_dead(folder: Path) -> None:
    """Drop the gauges of ended workers: a killed worker cannot do it itself."""
    for pid in {path.stem.rpartition("_")[2] for path in folder.glob("gauge_live*.db")}:
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            with suppress(FileNotFoundError):  # another worker was faster
                mark_process_dead(pid)  # type: ignore[no-untyped-call]
        except PermissionError:  # it is alive
            pass
