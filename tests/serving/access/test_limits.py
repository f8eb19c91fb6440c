"""What a worker takes on: refusals at once, in time, with a time to come back."""

import json
import select
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from configs.loader import ConfigError
from features.workspace import Workspace
from serving.access import keys
from serving.access.limits import Bucket, InFlight, Limits
from serving.backend import Settings
from serving.problems import Problem
from tests.serving.requests import EVENTS, PATH, VIEW, locked, posted
from tests.serving.shop import listening, serving, serving_at, until

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return Workspace.create(tmp_path / "shop", clock="fixed:2024-03-01T00:00:00Z").home


def places(home: Path, limits: Limits) -> Settings:
    names = {"REGULARS_HOME": str(home), "REGULARS_WITHOUT_KEYS": "1"}
    return replace(Settings.of(names), limits=limits)


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
        assert first.result().status_code == 202
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
        until(lambda: client.post(EVENTS, json={"events": [VIEW]}).status_code == 202)


def test_a_body_that_does_not_come_is_not_waited_for(home: Path) -> None:
    with listening(places(home, Limits(body_s=0.5))) as port:
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
    assert Settings.of({"REGULARS_HOME": str(home)}).limits.in_flight == 128


# Shares.


def taken(load: InFlight, caller_id: str) -> str:
    """Begin requests of a caller until one is refused; return the code of the refusal."""
    while True:
        try:
            load.of(caller_id).__enter__()
        except Problem as problem:
            return problem.code


def test_a_key_takes_as_much_as_it_leaves_free() -> None:
    load = InFlight(128)
    assert taken(load, "a") == "rate_limited"
    assert load.of("a").in_flight == 64
    assert taken(load, "b") == "rate_limited"
    assert load.of("b").in_flight == 32  # of 64 that were free
    for _ in range(24):  # a's requests end, and it may not begin others until b has its share
        load.of("a").__exit__()
        assert taken(load, "b") == "rate_limited"
    assert (load.of("a").in_flight, load.of("b").in_flight) == (40, 44)


def test_greedy_keys_get_equal_shares_and_leave_one_for_another() -> None:
    load, greedy = InFlight(128), ("a", "b", "c")
    for _ in range(64):  # in turns
        for key in greedy:
            with suppress(Problem):
                load.of(key).__enter__()
    assert [load.of(key).in_flight for key in greedy] == [32, 32, 32]
    assert taken(load, "d") == "rate_limited"
    assert load.of("d").in_flight == 16
    for key in "efghijk":  # seven more, and each finds room
        with load.of(key):
            pass


def test_one_place_is_every_keys_in_turn() -> None:
    load = InFlight(1)
    with load.of("a"), pytest.raises(Problem, match="1 requests are in progress"):
        load.of("b").check()
    with load.of("b"):
        pass


def test_without_keys_all_callers_share_the_whole() -> None:
    load = InFlight(128)
    assert taken(load, "") == "overloaded"
    assert load.in_flight == 128


def dripping(port: int, text: str) -> socket.socket:
    """Return a connection on which a request of a key began whose body does not come."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {text}\r\n"
    connection.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
    return connection


def test_dripping_bodies_of_one_key_leave_room_for_another(home: Path) -> None:
    _, greedy = keys.create(home, "greedy", scopes=["predict"], now=NOW)
    _, other = keys.create(home, "other", scopes=["predict"], now=NOW)
    limits = Limits(reading=8, body_s=60)
    with listening(places(home, limits)) as port, ExitStack() as stack:
        drips = [stack.enter_context(closing(dripping(port, greedy))) for _ in range(12)]
        until(lambda: len(select.select(drips, [], [], 0)[0]) == 8)  # half of the bound: 4
        for drip in select.select(drips, [], [], 0)[0]:
            head = drip.recv(65_536).lower()
            assert head.startswith(b"http/1.1 429 ")
            assert b"retry-after: 1\r\n" in head
        for _ in range(20):
            headers = {"Authorization": f"Bearer {other}"}
            answer = httpx.post(f"http://127.0.0.1:{port}{PATH}", json={}, headers=headers)
            assert answer.status_code == 200


def test_answers_over_a_keys_share_are_refused_before_the_body(home: Path) -> None:
    _, text = keys.create(home, "greedy", scopes=["events", "predict"], now=NOW)
    headers = {"Authorization": f"Bearer {text}"}
    with (
        serving_at(places(home, Limits(in_flight=2))) as client,
        ThreadPoolExecutor(1) as pool,
        locked(home / "events.db") as holder,
    ):
        load = client.app.state.backend.load  # type: ignore[attr-defined]
        first = pool.submit(client.post, EVENTS, json={"events": [VIEW]}, headers=headers)
        until(lambda: load.in_flight == 1)
        read = []

        def body() -> Iterator[bytes]:
            read.append(True)
            yield b"{}"

        refused = client.post(PATH, content=body(), headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert refused.headers["retry-after"] == "1"
        assert not read
        holder.execute("ROLLBACK")
        assert first.result().status_code == 202
        assert client.post(PATH, json={}, headers=headers).status_code == 200
        assert load.of(text.split("_")[1]).in_flight == 0
