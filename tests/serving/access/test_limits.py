"""What a worker takes on: refusals at once, in time, with a time to come back."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import uvicorn

from configs.loader import ConfigError
from features.workspace import Workspace
from serving.access import keys
from serving.access.limits import Bucket, Limits
from serving.api.app import create_app
from serving.backend import Backend, Settings
from tests.serving.requests import EVENTS, PATH, VIEW, locked, posted
from tests.serving.shop import serving, serving_at, until

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return Workspace.create(tmp_path / "shop", clock="fixed:2024-03-01T00:00:00Z").home


def places(home: Path, limits: Limits) -> Settings:
    return replace(Settings.of({"REGULARS_HOME": str(home)}), limits=limits)


def test_more_answers_than_the_bound_are_refused_at_once(home: Path) -> None:
    with (
        serving_at(places(home, Limits(in_flight=1))) as client,
        ThreadPoolExecutor(1) as pool,
        locked(home / "events.db") as holder,
    ):
        load = client.app.state.backend.load  # type: ignore[attr-defined]
        first = pool.submit(client.post, EVENTS, json={"events": [VIEW]})
        until(lambda: load.in_flight == 1)
        shed = client.post(PATH, json={})
        for path in ("/livez", "/readyz", "/metrics"):
            assert client.get(path).status_code == 200
        assert not first.done()
        assert (shed.status_code, shed.json()["code"]) == (503, "overloaded")
        assert shed.headers["retry-after"] == "1"
        assert not first.done()
        holder.execute("ROLLBACK")
        assert first.result(timeout=10).status_code == 202
        assert load.in_flight == 0
        assert client.post(PATH, json={}).status_code == 200
        assert 'regulars_problems_total{code="overloaded"' in client.get("/metrics").text


def test_a_failed_answer_gives_its_place_back(home: Path) -> None:
    with serving_at(places(home, Limits(in_flight=1))) as client:
        for _ in range(3):
            assert client.post(PATH, json={"k": 0}).status_code == 422
        assert client.post(PATH, json={}).status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(home: Path) -> None:
    with (
        serving_at(places(home, Limits(answer_s=0.2))) as client,
        locked(home / "events.db") as holder,
    ):
        answer = client.post(EVENTS, json={"events": [VIEW]})
        assert (answer.status_code, answer.json()["code"]) == (503, "timed_out")
        assert answer.headers["retry-after"] == "1"
        assert client.app.state.backend.load.in_flight == 0  # type: ignore[attr-defined]
        holder.execute("ROLLBACK")
        assert client.post(EVENTS, json={"events": [VIEW]}).status_code == 202


@contextmanager
def listening(home: Path, limits: Limits) -> Iterator[int]:
    """Run the application on uvicorn, in this process; give its port."""
    app = create_app(lambda: Backend(places(home, limits)))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        port = int(server.servers[0].sockets[0].getsockname()[1])
        url = f"http://127.0.0.1:{port}/readyz"
        until(lambda: httpx.get(url).status_code == 200)
        yield port
    finally:
        server.should_exit = True
        thread.join()


def test_a_body_that_does_not_come_is_not_waited_for(home: Path) -> None:
    with listening(home, Limits(body_s=0.5)) as port:
        status, said = posted(port, b'{"k"')
        assert (status, json.loads(said)["code"]) == (408, "body_timeout")
        keys.create(home, "x", scopes=["admin"], now=NOW)
        until(lambda: httpx.post(f"http://127.0.0.1:{port}{PATH}").status_code == 401)
        status, _ = posted(port, b'{"k"')
        assert status == 401  # nobody waits for the body of a stranger


def test_a_key_asks_at_its_rate(home: Path) -> None:
    _, text = keys.create(home, "slow", scopes=["predict"], per_second=0.1, now=NOW)
    _, other = keys.create(home, "any", scopes=["predict"], now=NOW)
    with serving(REGULARS_HOME=str(home)) as client:

        def ask(key: str) -> httpx.Response:
            answer: httpx.Response = client.post(
                PATH, json={}, headers={"Authorization": f"Bearer {key}"}
            )
            return answer

        assert ask(text).status_code == 200
        limited = ask(text)
        assert (limited.status_code, limited.json()["code"]) == (429, "rate_limited")
        assert limited.headers["content-type"] == "application/problem+json"
        assert limited.headers["retry-after"] == "10"
        assert {ask(other).status_code for _ in range(20)} == {200}


def test_a_bucket_holds_a_second_and_fills_at_its_rate() -> None:
    bucket = Bucket(10)
    assert [bucket.take(100.0) for _ in range(11)] == [0] * 10 + [pytest.approx(0.1)]
    assert bucket.take(100.05) == pytest.approx(0.05)
    assert [bucket.take(100.1), bucket.take(100.1)] == [0, pytest.approx(0.1)]
    assert [bucket.take(200.0) for _ in range(11)] == [0] * 10 + [pytest.approx(0.1)]
    assert [Bucket(0.5).take(0.0), Bucket(0.5).take(5.0)] == [0, 0]


@pytest.mark.parametrize("text", ["0", "-1", "many", ""])
def test_a_bound_that_is_none_is_told(home: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=f"REGULARS_IN_FLIGHT = '{text}': a number of answers"):
        Settings.of({"REGULARS_HOME": str(home), "REGULARS_IN_FLIGHT": text})
    assert Settings.of({"REGULARS_HOME": str(home)}).limits.in_flight == 64
