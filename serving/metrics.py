"""What Prometheus reads from `/metrics`, over all workers of one service."""

import os
from typing import Final

import msgspec
import prometheus_client
from prometheus_client import Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from serving.schemas.base import Answer
from serving.schemas.events import EventsAnswer
from serving.schemas.predictions import PredictionAnswer
from serving.schemas.recommendations import RecommendationsAnswer

_SHARED: Final = "PROMETHEUS_MULTIPROC_DIR" in os.environ  # as prometheus_client saw it
CONTENT_TYPE: Final = prometheus_client.CONTENT_TYPE_LATEST
REQUESTS: Final = Counter("regulars_requests_total", "HTTP answers", ["endpoint", "status"])
SECONDS: Final = Histogram(
    "regulars_request_seconds",
    "Time to answer",
    ["endpoint"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0),
)
ANSWERS: Final = Counter(
    "regulars_answers_total",
    "Recommendation lists and predictions by who made them and why not the model",
    ["endpoint", "model_version", "fallback_reason"],
)
EVENTS: Final = Counter("regulars_events_total", "Posted events by what became of them", ["result"])


def count(endpoint: str, answer: msgspec.Struct) -> None:
    """Count what `answer` says."""
    if isinstance(answer, EventsAnswer):
        for result in ("accepted", "duplicates"):
            EVENTS.labels(result).inc(getattr(answer, result))
        EVENTS.labels("rejected").inc(len(answer.rejected))
    elif isinstance(answer, RecommendationsAnswer):
        for part in answer.results:
            if part.answer is not None:
                count(endpoint, part.answer)
    elif isinstance(answer, Answer):
        version = f"{answer.model.name}@{answer.model.version}"
        version = version if answer.model.version else answer.model.name
        given = answer.predictions if isinstance(answer, PredictionAnswer) else [answer]
        for one in given:
            ANSWERS.labels(endpoint, version, one.fallback_reason or "none").inc()


def page() -> bytes:
    """Return the metrics in Prometheus's text format."""
    if not _SHARED:
        return prometheus_client.generate_latest()
    registry = prometheus_client.CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return prometheus_client.generate_latest(registry)
