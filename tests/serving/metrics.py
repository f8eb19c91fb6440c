"""Values of `/metrics`."""

from contextlib import suppress

import httpx
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from tests.serving.server import Server

DEPENDENCIES = {
    "champion",
    "churn",
    "online_store",
    "event_log",
    "product_log",
    "exposure_log",
    "idempotency",
}


Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(client: TestClient) -> Samples:
    page = client.get("/metrics").text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0.0)


def up(client: TestClient) -> dict[str, float]:
    scraped = scrape(client)
    return {d: value(scraped, "regulars_up", dependency=d) for d in DEPENDENCIES}


def number(running: Server, name: str, **labels: str) -> float:
    with suppress(httpx.TransportError):
        page = running.http.get("/metrics").text
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return sample.value
    return -1
