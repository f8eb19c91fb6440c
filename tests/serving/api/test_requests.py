"""House rules of the API: bad requests, errors, headers, idempotency."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from features.logs.events import EventLog
from features.workspace import Workspace
from serving.api.bodies import LARGEST_BODY
from serving.api.endpoints import endpoints
from tests.serving.bodies import ORDER, VIEW
from tests.serving.shop import serving

RECOMMENDATIONS, CHURN, EVENTS = "/v1/recommendations", "/v1/predictions/churn", "/v1/events"
PROBLEM = {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty workspace: what is bad about a request does not depend on the shop."""
    home = tmp_path_factory.mktemp("empty")
    return Workspace.create(home, clock="fixed:2024-03-01T00:00:00Z").home


@pytest.fixture(scope="module")
def api(home: Path) -> Iterator[TestClient]:
    with serving(REGULARS_HOME=str(home)) as client:
        yield client


def without(content: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in names}


def order(**changes: Any) -> dict[str, Any]:
    return {"events": [ORDER | changes]}


def item(**changes: Any) -> dict[str, Any]:
    return order(items=[ORDER["items"][0] | changes])


# What is posted, the status, and the pointer of the first error (None: there is none).
BAD: list[tuple[str, Any, int, str | None]] = [
    # not JSON at all
    (RECOMMENDATIONS, b"", 400, None),
    (RECOMMENDATIONS, b"{", 400, None),
    (RECOMMENDATIONS, b"\xff\xfe", 400, None),
    (RECOMMENDATIONS, b'{"customer_id": "\xff"}', 400, None),
    (RECOMMENDATIONS, b'{"customer_id": "\\ud800 alone"}', 400, None),
    (RECOMMENDATIONS, b'{"k": 1} and more', 400, None),
    (RECOMMENDATIONS, b'{"k": NaN}', 400, None),
    (RECOMMENDATIONS, b"<xml/>", 400, None),
    (RECOMMENDATIONS, b"[" * 100_000, 400, None),
    (CHURN, b"customer_ids=1", 400, None),
    # JSON of another shape
    (RECOMMENDATIONS, b"null", 422, ""),
    (RECOMMENDATIONS, b"[]", 422, ""),
    (RECOMMENDATIONS, b'"text"', 422, ""),
    (EVENTS, b"[]", 422, ""),
    # unknown fields, the not yet supported ones among them
    (RECOMMENDATIONS, {"user_id": "1"}, 422, "/user_id"),
    (RECOMMENDATIONS, {"filter": {"available": True}}, 422, "/filter/available"),
    (RECOMMENDATIONS, {"a/b~c": 1}, 422, "/a~1b~0c"),
    (CHURN, {"customer_ids": ["1"], "interval": True}, 422, "/interval"),
    (EVENTS, {"validate_only": True, "events": [VIEW]}, 422, "/validate_only"),
    (EVENTS, order(coupon="x"), 422, "/events/0/coupon"),
    (EVENTS, item(discount=1), 422, "/events/0/items/0/discount"),
    # ids
    (RECOMMENDATIONS, {"customer_id": ""}, 422, "/customer_id"),
    (RECOMMENDATIONS, {"customer_id": "x" * 129}, 422, "/customer_id"),
    (RECOMMENDATIONS, {"customer_id": "a\n"}, 422, "/customer_id"),
    (RECOMMENDATIONS, {"customer_id": "a\x00b"}, 422, "/customer_id"),
    (RECOMMENDATIONS, {"customer_id": "a\x85b"}, 422, "/customer_id"),
    (RECOMMENDATIONS, {"customer_id": 12}, 422, "/customer_id"),
    (RECOMMENDATIONS, {"customer_id": ["a"]}, 422, "/customer_id"),
    (RECOMMENDATIONS, {"exclude_product_ids": ["a", 1]}, 422, "/exclude_product_ids/1"),
    (RECOMMENDATIONS, {"exclude_product_ids": ["a"] * 1001}, 422, "/exclude_product_ids"),
    (RECOMMENDATIONS, {"scenario": ""}, 422, "/scenario"),
    (CHURN, {"customer_ids": ["a", "b\t"]}, 422, "/customer_ids/1"),
    # numbers and flags
    (RECOMMENDATIONS, {"k": 0}, 422, "/k"),
    (RECOMMENDATIONS, {"k": 101}, 422, "/k"),
    (RECOMMENDATIONS, {"k": -1}, 422, "/k"),
    (RECOMMENDATIONS, {"k": 2.5}, 422, "/k"),
    (RECOMMENDATIONS, {"k": "5"}, 422, "/k"),
    (RECOMMENDATIONS, {"k": True}, 422, "/k"),
    (RECOMMENDATIONS, b'{"k": 1e400}', 422, "/k"),
    (RECOMMENDATIONS, b'{"k": 123456789012345678901234567890}', 422, "/k"),
    (RECOMMENDATIONS, {"k": None}, 422, "/k"),
    (RECOMMENDATIONS, {"filter": {"in_stock": 1}}, 422, "/filter/in_stock"),
    (RECOMMENDATIONS, {"personalized": "yes"}, 422, "/personalized"),
    # how many
    (CHURN, {}, 422, "/customer_ids"),
    (CHURN, {"customer_ids": []}, 422, "/customer_ids"),
    (CHURN, {"customer_ids": ["a"] * 1001}, 422, "/customer_ids"),
    (CHURN, {"customer_ids": "a"}, 422, "/customer_ids"),
    (EVENTS, {}, 422, "/events"),
    (EVENTS, {"events": []}, 422, "/events"),
    (EVENTS, {"events": [VIEW] * 501}, 422, "/events"),
    (EVENTS, {"events": {}}, 422, "/events"),
    # events, each of them alone
    (EVENTS, {"events": [1]}, 422, "/events/0"),
    (EVENTS, {"events": [{}]}, 422, "/events/0/type"),
    (EVENTS, order(type="order_shipped"), 422, "/events/0/type"),
    (EVENTS, {"events": [without(ORDER, "event_id")]}, 422, "/events/0/event_id"),
    (EVENTS, {"events": [without(ORDER, "customer_id")]}, 422, "/events/0/customer_id"),
    (EVENTS, {"events": [without(ORDER, "order_id")]}, 422, "/events/0/order_id"),
    (EVENTS, {"events": [without(ORDER, "currency")]}, 422, "/events/0/currency"),
    (EVENTS, {"events": [without(ORDER, "items")]}, 422, "/events/0/items"),
    (EVENTS, {"events": [without(VIEW, "product_id")]}, 422, "/events/0/product_id"),
    (EVENTS, {"events": [VIEW | {"order_id": "o"}]}, 422, "/events/0/order_id"),
    (EVENTS, order(items=[]), 422, "/events/0/items"),
    (EVENTS, order(currency="gbp"), 422, "/events/0/currency"),
    (EVENTS, order(currency="GBP\n"), 422, "/events/0/currency"),
    (EVENTS, order(position=0), 422, "/events/0/position"),
    (EVENTS, order(time="yesterday"), 422, "/events/0/time"),
    (EVENTS, order(time="2024-02-30T00:00:00Z"), 422, "/events/0/time"),
    (EVENTS, order(time="2024-02-29T12:00:00"), 422, "/events/0/time"),
    (EVENTS, order(time=1709200000), 422, "/events/0/time"),
    (EVENTS, item(quantity=0), 422, "/events/0/items/0/quantity"),
    (EVENTS, item(quantity=-1), 422, "/events/0/items/0/quantity"),
    (EVENTS, item(quantity="2"), 422, "/events/0/items/0/quantity"),
    (EVENTS, item(quantity=1e12), 422, "/events/0/items/0/quantity"),
    (EVENTS, item(unit_price=-0.01), 422, "/events/0/items/0/unit_price"),
    (EVENTS, item(unit_price=None), 422, "/events/0/items/0/unit_price"),
]


@pytest.mark.parametrize(("path", "body", "status", "pointer"), BAD)
def test_a_bad_request_is_told_what_is_wrong(
    api: TestClient, path: str, body: Any, status: int, pointer: str | None
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = api.post(path, content=content)
    problem = answer.json()
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "private, no-store"
    assert set(problem) == PROBLEM
    assert (problem["status"], problem["instance"]) == (status, path)
    pointers = [error["pointer"] for error in problem["errors"]]
    assert pointers == ([] if pointer is None else [pointer])
    assert "Traceback" not in answer.text


def test_a_body_that_is_too_large_is_refused(api: TestClient) -> None:
    answer = api.post(EVENTS, content=b" " * (LARGEST_BODY + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_unknown_paths_and_methods_are_problems(api: TestClient) -> None:
    for path in ("/v1", "/v1/recommendations/anna", "/v2/recommendations", "/v1/nothing"):
        answer = api.post(path, json={})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert set(answer.json()) == PROBLEM
    answer = api.get(RECOMMENDATIONS)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert set(answer.json()) == PROBLEM
    assert api.delete("/docs").status_code == 405


def test_one_bad_event_does_not_fail_the_rest(api: TestClient, home: Path) -> None:
    foreign = order(event_id="foreign", order_id="f", currency="EUR")["events"][0]
    posted = [
        VIEW | {"event_id": "mixed"},
        VIEW | {"colour": "red"},
        foreign,
        VIEW | {"event_id": "future", "time": "2024-03-01T01:00:00Z"},
        VIEW | {"event_id": "old", "time": "1969-12-31T23:59:59Z"},
        VIEW | {"event_id": "far", "time": "9999-12-31T23:59:59-12:00"},
        VIEW | {"event_id": "mixed"},
    ]
    answer = api.post(EVENTS, json={"events": posted})
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["duplicates"]) == (1, 1)
    assert [(r["index"], r["code"]) for r in body["rejected"]] == [
        (1, "validation_failed"),
        (2, "foreign_currency"),
        (3, "future_time"),
        (4, "invalid_time"),
        (5, "invalid_time"),
    ]
    assert "colour" in body["rejected"][0]["detail"]
    log = EventLog(home / "events.db")
    assert "mixed" in set(log.events()["event_id"])
    log.close()


def test_the_same_key_and_body_give_the_same_answer(api: TestClient) -> None:
    body = {"events": [VIEW | {"event_id": "once"}]}
    headers = {"Idempotency-Key": "key-1"}
    first = api.post(EVENTS, json=body, headers=headers)
    again = api.post(EVENTS, json=body, headers=headers)
    assert first.json()["accepted"] == 1
    assert (again.status_code, again.content) == (first.status_code, first.content)
    other = api.post(EVENTS, json={"events": [VIEW | {"event_id": "two"}]}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    plain = api.post(EVENTS, json=body)
    assert (plain.json()["accepted"], plain.json()["duplicates"]) == (0, 1)


def test_a_recommendation_is_made_once_for_a_key(api: TestClient) -> None:
    headers = {"Idempotency-Key": "list"}
    first = api.post(RECOMMENDATIONS, json={"k": 3}, headers=headers).json()
    again = api.post(RECOMMENDATIONS, json={"k": 3}, headers=headers).json()
    fresh = api.post(RECOMMENDATIONS, json={"k": 3}).json()
    assert first == again
    assert first["recommendation_id"] != fresh["recommendation_id"]


@pytest.mark.parametrize("key", ["", "x" * 129, "tab\tbed"])
def test_an_idempotency_key_has_a_rule(api: TestClient, key: str) -> None:
    answer = api.post(EVENTS, json={"events": [VIEW]}, headers={"Idempotency-Key": key})
    assert answer.status_code == 422


def test_a_failed_request_keeps_no_answer(api: TestClient) -> None:
    headers = {"Idempotency-Key": "mended"}
    assert api.post(RECOMMENDATIONS, json={"k": 0}, headers=headers).status_code == 422
    assert api.post(RECOMMENDATIONS, json={"k": 1}, headers=headers).status_code == 200


def test_every_answer_is_private_and_names_its_request(api: TestClient) -> None:
    for path, body in ((RECOMMENDATIONS, {}), (CHURN, {"customer_ids": ["anna"]})):
        answer = api.post(path, json=body)
        assert answer.headers["cache-control"] == "private, no-store"
        assert {"request_id", "model", "experiments", "feature_age_s"} <= set(answer.json())
        assert set(answer.json()["model"]) == {"name", "version"}
    ids = {api.post(RECOMMENDATIONS, json={}).json()["request_id"] for _ in range(3)}
    assert len(ids) == 3


def test_ids_may_hold_any_script_and_slashes(api: TestClient) -> None:
    for customer_id in ("客户/1", "a b", "é", "😀" * 128, "../../etc", "'; DROP TABLE events; --"):
        answer = api.post(CHURN, json={"customer_ids": [customer_id]})
        assert answer.json()["predictions"][0]["customer_id"] == customer_id


def test_health_metrics_and_docs(api: TestClient) -> None:
    assert api.get("/livez").json() == {"status": "ok"}
    assert api.get("/readyz").json() == {"status": "ok"}
    api.post(RECOMMENDATIONS, json={})
    text = api.get("/metrics").text
    assert (
        'regulars_answers_total{endpoint="/v1/recommendations",'
        'fallback_reason="model_unavailable",model_version="popularity",variant="none"}'
    ) in text
    assert 'regulars_requests_total{endpoint="/v1/recommendations",status="200"}' in text
    page = api.get("/docs")
    assert page.status_code == 200
    assert "http" not in page.text.replace("https://", "http").split("<body>")[1]
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert f"docs/assets/{asset}" in page.text
        assert api.get(f"/docs/assets/{asset}").status_code == 200


def test_the_openapi_document_names_what_is_there(api: TestClient) -> None:
    document = api.get("/openapi.json").json()
    paths = {path for path in document["paths"] if path.startswith("/v1")}
    assert paths == {endpoint.path for endpoint in endpoints()} >= {RECOMMENDATIONS, CHURN, EVENTS}
    schemas = document["components"]["schemas"]
    assert schemas["RecommendationRequest"]["additionalProperties"] is False
    assert set(schemas["ProblemDetails"]["required"]) == PROBLEM
    text = json.dumps(document)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in schemas
