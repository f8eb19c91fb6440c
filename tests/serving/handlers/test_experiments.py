"""Experiments over HTTP: their life, and what they refuse."""

import asyncio
from typing import Any

import pytest
from starlette.testclient import TestClient

from experiments.lifecycle import status
from features.workspace import Workspace
from serving.handlers.experiments import Experiments
from serving.problems import Problem
from tests.serving.shop import put_champions, until

SIDES = {"own": {"model": "recommender@1"}, "popular": {"model": "recommender@2"}}
BOTH: dict[str, Any] = {"variants": SIDES, "control": "popular"}


def post(client: TestClient, key: str, verb: str, **body: Any) -> Any:
    """Return the answer; a start that takes the service too long is sent again, as it asks."""
    while True:
        answer = client.post(f"/v1/experiments/{key}:{verb}", json=body)
        if answer.status_code != 503 or answer.json()["code"] != "timed_out":
            return answer


def test_a_life_over_http(ws: Workspace, client: TestClient) -> None:
    assert client.get("/v1/experiments").json()["experiments"] == []
    sides = SIDES | {"own": {"model": "champion"}}
    body = BOTH | {"variants": sides, "exposed_share": 0.5, "window_days": 7}
    started = post(client, "spring", "start", **body)
    assert started.status_code == 200, started.text
    found = started.json()["experiment"]
    assert found["variants"]["own"] == {"model": "recommender@1", "weight": 1}
    assert (found["status"], found["window_days"], found["alpha"]) == ("running", 7, 0.05)
    until(lambda: _variants(client) == {None, "own", "popular"})
    ramped = post(client, "spring", "ramp", exposed_share=1).json()["experiment"]
    assert ramped["exposed_share"] == 1
    until(lambda: _variants(client) == {"own", "popular"})
    (listed,) = client.get("/v1/experiments").json()["experiments"]
    assert listed == ramped
    stopped = post(client, "spring", "stop", reason="planned").json()["experiment"]
    assert stopped["status"] == "stopped"
    assert [c["verb"] for c in stopped["changes"]] == ["start", "ramp", "stop"]
    assert stopped["changes"][-1]["reason"] == "planned"
    until(lambda: _variants(client) == {None})
    assert status(ws, "spring").status == "stopped"


def _variants(client: TestClient) -> set[str | None]:
    """Return the variants that 20 customers who bought are in; None: in no experiment."""
    found: set[str | None] = set()
    for number in range(20):
        order = {
            "event_id": f"e{number}",
            "type": "order_completed",
            "customer_id": f"c{number}",
            "time": "2024-03-01T00:00:00Z",
            "order_id": f"c{number}",
            "currency": "GBP",
            "items": [{"product_id": "tea", "quantity": 1, "unit_price": 2}],
        }
        client.post("/v1/events", json={"events": [order]})
        answer = client.post("/v1/recommendations", json={"customer_id": f"c{number}"}).json()
        found |= {e["variant"] for e in answer["experiments"]} or {None}
    return found


def test_names_of_any_characters_are_kept(client: TestClient) -> None:
    variants = {"😀": {"model": "recommender@1"}, "茶": {"model": "recommender@2"}}
    answer = post(client, "smiling", "start", variants=variants, control="😀")
    assert answer.status_code == 200, answer.text
    (found,) = client.get("/v1/experiments").json()["experiments"]
    assert (set(found["variants"]), found["control"]) == ({"😀", "茶"}, "😀")


def test_the_same_start_again_changes_nothing(client: TestClient) -> None:
    first = post(client, "spring", "start", **BOTH).json()["experiment"]
    again = post(client, "spring", "start", **BOTH)
    assert (again.status_code, again.json()["experiment"]) == (200, first)
    other = post(client, "spring", "start", **BOTH, window_days=3)
    assert (other.status_code, other.json()["code"]) == (409, "experiment_conflict")
    second = post(client, "summer", "start", **BOTH)
    assert second.status_code == 409
    assert "'spring' is running: stop it before 'summer' starts" in second.json()["detail"]
    killed = post(client, "spring", "kill", reason="empty lists").json()["experiment"]
    assert (killed["status"], killed["changes"][-1]["reason"]) == ("killed", "empty lists")
    assert post(client, "spring", "stop").status_code == 409
    assert post(client, "spring", "ramp", exposed_share=1).status_code == 409
    assert post(client, "spring", "start", **BOTH).status_code == 409


def test_a_repeated_step_with_its_key_is_taken_once(client: TestClient) -> None:
    post(client, "spring", "start", **BOTH)
    headers = {"Idempotency-Key": "once"}
    first, again = (
        client.post("/v1/experiments/spring:stop", json={}, headers=headers) for _ in range(2)
    )
    assert (again.status_code, again.content) == (200, first.content)


def test_the_versions_that_are_meant_must_be_there(ws: Workspace, client: TestClient) -> None:
    put_champions(ws, churn="1")
    missing = {"own": {"model": "champion"}, "popular": {"model": "recommender@2"}}
    answer = post(client, "spring", "start", **BOTH | {"variants": missing})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert "promote recommender" in answer.json()["detail"]
    assert client.get("/v1/experiments").json()["experiments"] == []


@pytest.mark.parametrize("content", [None, b"", b"SQLite format 3\0" + bytes(4_000)])
def test_a_registry_that_cannot_be_read_is_an_outage(
    ws: Workspace, client: TestClient, content: bytes | None
) -> None:
    """The caller gets a sentence of ours: the command's own line names files."""
    if content is not None:
        (ws.home / "mlflow.db").write_bytes(content)
    missing = {"own": {"model": "recommender@9"}, "popular": {"model": "recommender@2"}}
    answer = post(client, "spring", "start", **BOTH | {"variants": missing})
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.json()["detail"] == "a store that this needs cannot be read now; retry later"
    assert answer.headers["retry-after"] == "1"
    assert client.get("/v1/experiments").json()["experiments"] == []


# Key, verb, body, the status, and the pointer of the first error (None: there is none).
BAD: list[tuple[str, str, dict[str, Any], int, str | None]] = [
    ("spring", "ramp", {"exposed_share": 0.5}, 404, None),
    ("spring", "stop", {}, 404, None),
    ("spring", "kill", {"reason": "harm"}, 404, None),
    ("..", "stop", {}, 404, None),
    ("%00", "stop", {}, 404, None),
    ("a" * 64, "stop", {}, 404, None),
    ("spring", "pause", {}, 404, None),
    ("Spring", "start", BOTH, 404, None),
    ("spring", "start", {}, 422, "/variants"),
    ("spring", "start", BOTH | {"control": "older"}, 422, ""),
    ("spring", "start", BOTH | {"key": "spring"}, 422, "/key"),
    ("spring", "start", BOTH | {"exposed_share": 0}, 422, "/exposed_share"),
    ("spring", "start", BOTH | {"window_days": "7"}, 422, "/window_days"),
    (
        "spring",
        "start",
        {"variants": {"a": {"model": "champion"}, "b": {"model": "no/model"}}, "control": "a"},
        422,
        "/variants/b/model",
    ),
    ("spring", "ramp", {}, 422, "/exposed_share"),
    ("spring", "ramp", {"exposed_share": 1.5}, 422, "/exposed_share"),
    ("spring", "kill", {}, 422, "/reason"),
    ("spring", "kill", {"reason": ""}, 422, "/reason"),
    ("spring", "stop", {"weights": {}}, 422, "/weights"),
]


def test_what_is_wrong_is_told(client: TestClient) -> None:
    for key, verb, body, code, pointer in BAD:
        answer = client.post(f"/v1/experiments/{key}:{verb}", json=body)
        assert answer.status_code == code, (key, verb, body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        pointers = [error["pointer"] for error in answer.json()["errors"]]
        assert pointers == ([] if pointer is None else [pointer])


def test_a_spoilt_state_is_told_and_ends_with_it(ws: Workspace, client: TestClient) -> None:
    file = ws.experiments / "spoilt" / "state.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    for method, path in (("GET", ""), ("GET", "/spoilt/results"), ("POST", "/other:ramp")):
        body = {"exposed_share": 0.5} if method == "POST" else None
        answer = client.request(method, f"/v1/experiments{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    file.unlink()
    assert client.get("/v1/experiments").status_code == 503  # a folder without a state lost it
    file.parent.rmdir()
    assert client.get("/v1/experiments").json()["experiments"] == []


def test_without_stores_there_are_no_experiments() -> None:
    with pytest.raises(Problem) as refused:
        asyncio.run(Experiments(None).states(request_id="r"))
    assert refused.value.status == 503
