"""Calls that change products over the API."""

from typing import Any

from starlette.testclient import TestClient

from tests.serving.requests import ask, products
from tests.serving.shop import until

PATH = "/v1/products:batch"


def put(client: TestClient, *parts: Any) -> list[dict[str, Any]]:
    answer = client.put(PATH, json={"products": parts})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def soon(client: TestClient, *expected: str, **request: Any) -> None:
    """Wait until the list is `expected`."""
    until(lambda: products(ask(client, **request)) == [*expected])
