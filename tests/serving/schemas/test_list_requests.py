"""What a request may ask of a list: bad values are told, good ones described."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from starlette.testclient import TestClient

from features.workspace import Workspace
from tests.serving.shop import serving
from training.lists.slates import Strategy


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The API of an empty workspace: what is bad about a request does not depend on the shop."""
    home = tmp_path_factory.mktemp("empty")
    Workspace.create(home, clock="fixed:2024-03-01T00:00:00Z")
    with serving(REGULARS_HOME=str(home)) as client:
        yield client


BAD: list[tuple[dict[str, Any], str]] = [
    ({"strategy": "best"}, "/strategy"),
    ({"strategy": None}, "/strategy"),
    ({"diversity": -0.1}, "/diversity"),
    ({"diversity": 1.01}, "/diversity"),
    ({"diversity": "0.5"}, "/diversity"),
    ({"max_per_category": 0}, "/max_per_category"),
    ({"max_per_category": 101}, "/max_per_category"),
    ({"session_product_ids": ["a"] * 101}, "/session_product_ids"),
    ({"session_product_ids": ["a", ""]}, "/session_product_ids/1"),
    ({"session_product_ids": "a"}, "/session_product_ids"),
    ({"explain": 1}, "/explain"),
    ({"language": "de"}, "/language"),
    ({"language": None}, "/language"),
    ({"filter": []}, "/filter"),
    ({"filter": {"brand": "x"}}, "/filter/brand"),
    ({"filter": {"categories": ["a", 1]}}, "/filter/categories/1"),
    ({"filter": {"categories": [""]}}, "/filter/categories/0"),
    ({"filter": {"categories": ["a"] * 101}}, "/filter/categories"),
    ({"filter": {"price_min": -1}}, "/filter/price_min"),
    ({"filter": {"price_max": "4"}}, "/filter/price_max"),
    ({"filter": {"price_min": 4, "price_max": 3.99}}, "/filter"),
    ({"filter": {"store_id": ""}}, "/filter/store_id"),
    ({"filter": {"store_id": 7}}, "/filter/store_id"),
]


@pytest.mark.parametrize(("body", "pointer"), BAD)
def test_a_bad_request_is_told_what_is_wrong(
    api: TestClient, body: dict[str, Any], pointer: str
) -> None:
    answer = api.post("/v1/recommendations", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_the_openapi_document_describes_the_rules(api: TestClient) -> None:
    schemas = api.get("/openapi.json").json()["components"]["schemas"]
    asked = schemas["RecommendationRequest"]["properties"]
    assert set(asked["strategy"]["enum"]) == {*get_args(Strategy)}
    assert (asked["diversity"]["minimum"], asked["diversity"]["maximum"]) == (0, 1)
    assert set(schemas["Filter"]["properties"]) == {
        "categories",
        "in_stock",
        "price_min",
        "price_max",
        "store_id",
    }
    assert schemas["Filter"]["additionalProperties"] is False
    assert {"filled", "reasons"} <= set(schemas["RecommendedItem"]["properties"])
    assert not {"filled", "reasons"} & set(schemas["RecommendedItem"]["required"])
