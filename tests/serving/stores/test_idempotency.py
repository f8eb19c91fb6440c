"""The same `Idempotency-Key`: one answer, to its caller alone, at its path alone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from experiments.exposures import DATABASE, read
from features.workspace import Workspace
from serving.access import keys
from serving.stores.idempotency import (
    CLAIM_S,
    KEPT_S,
    Claim,
    IdempotencyName,
    IdempotencyStore,
    KeyReused,
    StoredAnswer,
)
from tests.serving.requests import EVENTS, PATH, VIEW, locked
from tests.serving.shop import serving, until

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAME = IdempotencyName(caller="a", path=PATH, key="k")
KEPT = StoredAnswer(status=200, answer=b"{}")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return Workspace.create(tmp_path / "shop", clock="fixed:2024-03-01T00:00:00Z").home


@pytest.fixture
def api(home: Path) -> Iterator[TestClient]:
    with serving(REGULARS_HOME=str(home)) as client:
        yield client


def test_another_caller_or_path_never_meets_the_answer(home: Path) -> None:
    texts = [keys.create(home, n, scopes=["admin"], now=NOW)[1] for n in ("one", "two")]
    with serving(REGULARS_HOME=str(home)) as client:

        def ask(text: str, path: str, body: Any) -> Any:
            headers = {"Authorization": f"Bearer {text}", "Idempotency-Key": "same"}
            answer = client.post(path, json=body, headers=headers)
            assert answer.status_code in {200, 202}, answer.text
            return answer.json()

        first = ask(texts[0], PATH, {})
        assert ask(texts[0], PATH, {}) == first
        assert ask(texts[1], PATH, {})["recommendation_id"] != first["recommendation_id"]
        assert ask(texts[0], EVENTS, {"events": [VIEW]})["accepted"] == 1
        assert ask(texts[1], EVENTS, {"events": [VIEW | {"event_id": "w"}]})["accepted"] == 1


def test_two_at_once_get_one_answer_and_are_shown_one_list(home: Path, api: TestClient) -> None:
    headers = {"Idempotency-Key": "at once"}
    assert api.post(PATH, json={}).status_code == 200  # the log stands
    with ThreadPoolExecutor(4) as pool, locked(home / "experiments" / DATABASE) as holder:
        asked = [pool.submit(api.post, PATH, json={}, headers=headers) for _ in range(4)]
        load = api.app.state.backend.load  # type: ignore[attr-defined]
        until(lambda: load.in_flight == 4)
        other = api.post(PATH, json={"k": 1}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        holder.execute("ROLLBACK")
        answers = [future.result() for future in asked]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["x-request-id"] for answer in answers}) == 4
    assert len(read(home / "experiments" / DATABASE)) == 2


def test_events_are_answered_alike_to_all_who_post_them_at_once(
    home: Path, api: TestClient
) -> None:
    headers = {"Idempotency-Key": "events"}
    with ThreadPoolExecutor(3) as pool, locked(home / "events.db") as holder:
        asked = [
            pool.submit(api.post, EVENTS, json={"events": [VIEW]}, headers=headers)
            for _ in range(3)
        ]
        until(lambda: api.app.state.backend.load.in_flight == 3)  # type: ignore[attr-defined]
        holder.execute("ROLLBACK")
        answers = [future.result() for future in asked]
    assert {(a.status_code, a.json()["accepted"]) for a in answers} == {(202, 1)}


def test_a_failed_answer_is_not_kept_and_frees_the_key(home: Path, api: TestClient) -> None:
    headers = {"Idempotency-Key": "mended"}
    with locked(home / "events.db"):  # longer than the log waits
        failed = api.post(EVENTS, json={"events": [VIEW]}, headers=headers)
    assert (failed.status_code, failed.json()["code"]) == (503, "store_unavailable")
    done = api.post(EVENTS, json={"events": [VIEW]}, headers=headers)
    assert (done.status_code, done.json()["accepted"]) == (202, 1)


def test_a_name_is_claimed_once_until_kept_or_freed(tmp_path: Path) -> None:
    now = [1000.0]
    one, two = (IdempotencyStore(tmp_path / "answered.db", clock=lambda: now[0]) for _ in range(2))
    claim = one.claim(NAME, b"body")
    assert isinstance(claim, Claim)
    assert two.claim(NAME, b"body") == "being_made"
    with pytest.raises(KeyReused):
        two.claim(NAME, b"other")
    one.free(claim)
    again = two.claim(NAME, b"other")
    assert isinstance(again, Claim)
    two.keep(again, KEPT)
    two.free(again)  # what is kept stays
    assert one.claim(NAME, b"other") == KEPT
    for name in (
        IdempotencyName(caller="b", path=PATH, key="k"),
        IdempotencyName(caller="a", path=EVENTS, key="k"),
    ):
        assert isinstance(one.claim(name, b"other"), Claim)
    now[0] += KEPT_S + 1
    assert isinstance(one.claim(NAME, b"third"), Claim)
    one.close()
    two.close()


def test_the_claim_of_a_killed_worker_ends(tmp_path: Path) -> None:
    now = [1000.0]
    killed, log = (IdempotencyStore(tmp_path / "answered.db", clock=lambda: now[0]) for _ in "ab")
    dead = killed.claim(NAME, b"body")
    assert isinstance(dead, Claim)
    now[0] += CLAIM_S - 1
    assert log.claim(NAME, b"body") == "being_made"
    now[0] += 2
    live = log.claim(NAME, b"body")
    assert isinstance(live, Claim)
    killed.free(dead)  # it lives after all, too late to change anything
    killed.keep(dead, StoredAnswer(status=200, answer=b"late"))
    log.keep(live, KEPT)
    assert log.claim(NAME, b"body") == KEPT
    killed.close()
    log.close()
