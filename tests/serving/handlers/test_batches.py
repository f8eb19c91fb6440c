"""Lists for many customers in one request: each part as if it had been asked alone."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from starlette.testclient import TestClient

from experiments.exposures import DATABASE, read
from features.workspace import Workspace
from serving.answers.drafts import Draft, scored
from serving.backend import Backend, Settings
from serving.schemas.recommendations import RecommendationParts, RecommendationRequest
from tests.serving.requests import ask, locked, products
from tests.serving.shop import serving

PATH = "/v1/recommendations:batch"


def batch(client: TestClient, *parts: Any) -> dict[str, Any]:
    answer = client.post(PATH, json={"requests": parts})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_each_part_is_answered_as_if_alone(client: TestClient) -> None:
    asked: list[dict[str, Any]] = [
        {"customer_id": "anna", "k": 3},
        {"customer_id": "nobody"},
        {"customer_id": "ben", "strategy": "new_to_you", "explain": True},
        {},
        {"customer_id": "anna", "k": 3},
    ]
    body = batch(client, *asked)
    assert body.keys() == {"request_id", "results"}
    own = {"request_id", "recommendation_id"}
    for one, result in zip(asked, body["results"], strict=True):
        assert result.keys() == {"status", "answer"}
        assert result["status"] == 200
        alone = ask(client, **one)
        assert {n: v for n, v in result["answer"].items() if n not in own} == {
            n: v for n, v in alone.items() if n not in own
        }
        assert result["answer"]["request_id"] == body["request_id"]
    ids = {result["answer"]["recommendation_id"] for result in body["results"]}
    assert len(ids) == len(asked)


def test_a_bad_part_fails_alone(client: TestClient) -> None:
    body = batch(client, {"k": 0}, {"customer_id": "anna"}, 5, {"user_id": "anna"}, {"k": 1})
    assert [result["status"] for result in body["results"]] == [422, 200, 422, 422, 200]
    pointers = []
    for result in body["results"]:
        if result["status"] == 422:
            assert result.keys() == {"status", "problem"}
            problem = result["problem"]
            assert (problem["status"], problem["code"]) == (422, "validation_failed")
            assert problem["request_id"] == body["request_id"]
            assert problem["instance"] == PATH
            pointers += [error["pointer"] for error in problem["errors"]]
    assert pointers == ["/requests/0/k", "/requests/2", "/requests/3/user_id"]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ('{"requests": [{]}', 400),
        ("{}", 422),
        ('{"requests": []}', 422),
        ('{"requests": [' + ",".join(["{}"] * 101) + "]}", 422),
        ('{"requests": [{}], "k": 5}', 422),
    ],
)
def test_a_bad_body_is_refused_whole(client: TestClient, content: str, status: int) -> None:
    assert client.post(PATH, content=content).status_code == status


def test_every_part_has_its_exposure(ws: Workspace, client: TestClient) -> None:
    body = batch(client, {"customer_id": "anna"}, {"k": 0}, *({"customer_id": "ben"},) * 98)
    given = [result["answer"] for result in body["results"] if result["status"] == 200]
    shown = read(ws.experiments / DATABASE).set_index("recommendation_id", verify_integrity=True)
    assert len(shown) == len(given) == 99
    shown = shown.loc[[answer["recommendation_id"] for answer in given]]
    assert shown["product_ids"].tolist() == [products(answer) for answer in given]
    assert shown["unit_id"].tolist() == ["anna", *["ben"] * 98]


def test_a_log_that_fails_is_told_in_each_part(ws: Workspace) -> None:
    (ws.experiments / DATABASE).mkdir(parents=True)
    with serving(REGULARS_HOME=str(ws.home)) as client:
        body = batch(client, {"customer_id": "anna"}, {})
    reasons = [result["answer"]["fallback_reason"] for result in body["results"]]
    assert reasons == ["exposure_log_unavailable"] * 2


def test_the_same_key_gives_the_same_answer(ws: Workspace, client: TestClient) -> None:
    content = {"requests": [{"customer_id": "anna"}, {"k": 0}]}
    headers = {"Idempotency-Key": "b1"}
    first, again = (client.post(PATH, json=content, headers=headers).json() for _ in range(2))
    assert first == again
    assert len(read(ws.experiments / DATABASE)) == 1
    other = client.post(PATH, json={"requests": [{}]}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_metrics_count_the_parts(client: TestClient) -> None:
    def counted() -> float:
        name = f'endpoint="{PATH}",fallback_reason="unknown_customer"'
        lines = [line for line in client.get("/metrics").text.splitlines() if name in line]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if "answers_total" in line)

    before = counted()
    batch(client, {"customer_id": "nobody"}, {"customer_id": "no one"}, {"k": 0})
    assert counted() == before + 2


def test_a_part_that_breaks_the_server_fails_alone(
    ws: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    """A model that raises: a part's own 500, and the stack trace only in the log."""
    with serving(REGULARS_HOME=str(ws.home)) as client:
        backend = client.app.state.backend  # type: ignore[attr-defined]
        (name, ranker), *_ = backend.models.served.rankers.items()
        object.__setattr__(ranker, "score", None)
        assert backend.models.served.champion == name
        body = batch(client, {"customer_id": "anna"}, {"customer_id": "nobody"})
    assert [result["status"] for result in body["results"]] == [500, 200]
    assert "Traceback" not in str(body)
    assert body["results"][0]["problem"]["code"] == "internal_error"
    assert "'NoneType' object is not callable" in caplog.text


def test_others_get_their_turn_between_two_parts(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While exposures are being written too."""

    async def turns() -> int:
        backend = Backend(Settings.of({"REGULARS_HOME": str(ws.home)}))
        backend.models.refresh()
        await backend.recommendations.answer(RecommendationRequest(), request_id="first")
        taken = 0

        async def other() -> None:
            nonlocal taken
            while True:
                await asyncio.sleep(0)
                taken += 1

        task = asyncio.create_task(other())
        parts = RecommendationParts(requests=[b'{"customer_id": "anna"}'] * 20)  # type: ignore[list-item]
        seen: list[int] = []

        def watched(draft: Draft) -> Draft:
            seen.append(taken)
            return scored(draft)

        monkeypatch.setattr("serving.handlers.recommendations.scored", watched)
        with locked(ws.experiments / DATABASE) as holder:
            alone = asyncio.create_task(
                backend.recommendations.answer(RecommendationRequest(), request_id="alone")
            )
            while not seen:
                await asyncio.sleep(0)
            await asyncio.sleep(0.01)  # it is being written
            seen.clear()
            batch = asyncio.create_task(backend.batches.answer(parts, request_id="r"))
            while len(seen) < len(parts.requests):
                await asyncio.sleep(0.001)
            holder.execute("ROLLBACK")
            await asyncio.gather(alone, batch)
        task.cancel()
        backend.close()
        return sum(later > earlier for earlier, later in pairwise(seen))

    assert asyncio.run(turns()) == 19


def test_a_batch_that_is_cancelled_leaves_no_task_and_writes_nothing_more(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the deadline does, here between two parts."""

    async def cancelled() -> tuple[int, int]:
        backend = Backend(Settings.of({"REGULARS_HOME": str(ws.home)}))
        backend.models.refresh()
        parts = RecommendationParts(requests=[b'{"customer_id": "anna"}'] * 20)  # type: ignore[list-item]
        seen = 0
        running: asyncio.Task[Any]

        def watched(draft: Draft) -> Draft:
            nonlocal seen
            seen += 1
            if seen == 5:
                running.cancel()
            return scored(draft)

        monkeypatch.setattr("serving.handlers.recommendations.scored", watched)
        before = asyncio.all_tasks()
        with locked(ws.experiments / DATABASE) as holder:
            running = asyncio.create_task(backend.batches.answer(parts, request_id="r"))
            with pytest.raises(asyncio.CancelledError):
                await running
            made = asyncio.all_tasks() - before
            left = [task for task in made if "_result" in repr(task.get_coro())]
            holder.execute("ROLLBACK")
            while asyncio.all_tasks() - before:  # the log's own, and what was left
                await asyncio.sleep(0.001)
        backend.close()
        return len(left), seen

    assert asyncio.run(cancelled()) == (0, 5)
    assert len(read(ws.experiments / DATABASE)) == 0
