"""Log lines: JSON, of the requests that matter, and nothing of a customer."""

import io
import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from configs.json_files import write_json
from features.workspace import Workspace
from serving.access import keys
from serving.telemetry import logs, metrics
from tests.serving.requests import EVENTS, PATH, VIEW
from tests.serving.shop import NOW as SHOP_NOW
from tests.serving.shop import serving

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CUSTOMER = "customer-who-must-not-be-named"
LOGGER = logging.getLogger("serving.test")
Line = dict[str, Any]


@contextmanager
def logging_to(found: list[Line], *, all_requests: bool = False) -> Iterator[None]:
    """Let our code log as in a worker, and give its lines at the end."""
    ours = [logging.getLogger(name) for name in ("configs", "features", "training", "experiments",
                                                 "serving")]  # fmt: skip
    before = [(logger.handlers, logger.propagate, logger.level) for logger in ours]
    stream = io.StringIO()
    lines = logs.start(all_requests=all_requests, stream=stream)
    try:
        yield
    finally:
        lines.close()
        for logger, (handlers, propagate, level) in zip(ours, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
        logs.REQUESTS.setLevel(logging.NOTSET)
    found += [json.loads(line) for line in stream.getvalue().splitlines()]


def of_requests(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line["logger"] == "serving.requests"]


def test_a_line_says_what_became_of_a_request(ws: Workspace) -> None:
    key, text = keys.create(ws.home, "shop", scopes=["predict"], now=NOW)
    headers = {"Authorization": f"Bearer {text}", "X-Request-Id": "order-7.a"}
    lines: list[Line] = []
    with logging_to(lines, all_requests=True), serving(REGULARS_HOME=str(ws.home)) as client:
        body = {"customer_id": CUSTOMER}
        answer = client.post(PATH, json=body, headers=headers)
        refused = client.post(EVENTS, json={}, headers=headers | {"X-Request-Id": "no\tid"})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "order-7.a"
    assert refused.headers["x-request-id"] == refused.json()["request_id"] != "no\tid"
    done, closed = of_requests(lines)
    assert datetime.fromisoformat(done.pop("time")).tzinfo is not None
    assert done.pop("ms") > 0
    assert done == {
        "level": "info",
        "logger": "serving.requests",
        "message": "request",
        "request_id": "order-7.a",
        "method": "POST",
        "endpoint": PATH,
        "status": 200,
        "key_id": key.id,
        "model_version": "popularity",
        "fallback_reason": "unknown_customer",
    }
    assert (closed["level"], closed["status"], closed["code"]) == ("warning", 403, "forbidden")
    assert closed["key_id"] == key.id
    said = json.dumps(lines)
    assert CUSTOMER not in said
    assert text.split("_", 2)[2] not in said


def test_by_default_only_what_is_refused_or_fails_has_a_line(ws: Workspace) -> None:
    lines: list[Line] = []
    with logging_to(lines), serving(REGULARS_HOME=str(ws.home)) as client:
        assert client.post(PATH, json={}).status_code == 200
        for body in ({CUSTOMER: 1}, {"strategy": CUSTOMER}, {"customer_id": [CUSTOMER]}):
            assert client.post(PATH, json=body).status_code == 422
        assert client.post(PATH, content=CUSTOMER).status_code == 400
        assert client.post(f"/v1/{CUSTOMER}", json={}).status_code == 404
        event = VIEW | {"type": CUSTOMER}
        assert client.post(EVENTS, json={"events": [event]}).status_code == 422
        held = {"Idempotency-Key": CUSTOMER}
        for k in (1, 2):
            client.post(PATH, json={"k": k}, headers=held)
    assert [line["status"] for line in of_requests(lines)] == [422, 422, 422, 400, 404, 422, 422]
    assert CUSTOMER not in json.dumps(lines)


def test_what_nobody_foresaw_is_told_without_its_text(ws: Workspace) -> None:
    def fail() -> None:
        raise ValueError(CUSTOMER)

    lines: list[Line] = []
    with logging_to(lines), serving(REGULARS_HOME=str(ws.home)) as client:
        backend = client.app.state.backend  # type: ignore[attr-defined]
        backend.recommendations._clock = fail
        answer = client.post(PATH, json={})
        assert client.get("/livez").status_code == 200
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert CUSTOMER not in answer.text
    ours = [line for line in lines if line.get("request_id") == answer.json()["request_id"]]
    failed, request = ours
    assert (failed["level"], failed["logger"]) == ("error", "serving.problems")
    assert failed["error"].endswith("Error")
    assert any(frame.startswith("serving/handlers/recom") for frame in failed["at"])
    assert (request["status"], request["code"]) == (500, "internal_error")
    assert CUSTOMER not in json.dumps(ours)


@pytest.mark.parametrize("content", [{"now": CUSTOMER}, {}, None, "a folder"])
def test_a_file_that_fails_meanwhile_is_a_store_and_named_in_the_log(
    tmp_path: Path, content: dict[str, str] | str | None
) -> None:
    ws = Workspace.create(tmp_path / "shop", clock="simulated")
    write_json(ws.home / "clock.json", {"now": SHOP_NOW.isoformat()})
    lines: list[Line] = []
    with logging_to(lines), serving(REGULARS_HOME=str(ws.home)) as client:
        clock = ws.home / "clock.json"
        if isinstance(content, dict):
            write_json(clock, content)
        else:
            clock.unlink()
        if content == "a folder":
            clock.mkdir()
        answer = client.post(PATH, json={})
        if content == "a folder":
            clock.rmdir()
        write_json(ws.home / "clock.json", {"now": SHOP_NOW.isoformat()})
        assert client.post(PATH, json={}).json().get("code") != "store_unavailable"
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.headers["Retry-After"]
    ours = [line for line in lines if line.get("request_id") == answer.json()["request_id"]]
    assert str(ws.home / "clock.json") in ours[0]["message"]
    assert CUSTOMER not in json.dumps(ours)


def test_a_failing_store_is_told_with_the_request(ws: Workspace) -> None:
    (ws.feast / "online.db").unlink()
    (ws.feast / "online.db").mkdir()
    lines: list[Line] = []
    with logging_to(lines), serving(REGULARS_HOME=str(ws.home)) as client:
        answer = client.post(PATH, json={"customer_id": CUSTOMER})
    assert answer.json()["fallback_reason"] == "store_unavailable"
    told = [line for line in lines if line.get("request_id") == answer.json()["request_id"]]
    assert [line["message"] for line in told] == [
        "customer row: StoreUnavailable, from OperationalError: unable to open database file"
    ]
    assert CUSTOMER not in json.dumps(lines)


def test_an_error_within_a_request_keeps_its_text_to_itself() -> None:
    lines: list[Line] = []
    with logging_to(lines):
        for request_id in (None, "r"):
            token = logs.REQUEST_ID.set(request_id)
            try:
                raise KeyError(CUSTOMER)
            except KeyError:
                LOGGER.exception("cannot load %s", "x")
            LOGGER.warning("failed: %s", ValueError("text"))
            LOGGER.warning("failed: %s", sqlite3.OperationalError("database is locked"))
            LOGGER.info("100%")
            logs.REQUEST_ID.reset(token)
    outside, within = lines[:4], lines[4:]
    assert [line["message"] for line in outside] == [
        "cannot load x",
        "failed: ValueError: text",
        "failed: OperationalError: database is locked",
        "100%",
    ]
    assert outside[0]["error"] == f"KeyError: {CUSTOMER!r}"
    assert [line["message"] for line in within[1:3]] == [
        "failed: ValueError",
        "failed: OperationalError: database is locked",
    ]
    assert within[0]["error"] == "KeyError"
    assert [frame.partition(":")[0] for frame in within[0]["at"]] == [
        "tests/serving/telemetry/test_logs.py"
    ]
    assert {line.get("request_id") for line in within} == {"r"}
    assert "request_id" not in outside[0]


def test_lines_that_nobody_takes_are_dropped_and_counted() -> None:
    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(text[:0])

    before = metrics.LINES_DROPPED._value.get()
    lines = logs.Lines(Stuck())
    lines.emit(logging.makeLogRecord({"name": "x", "msg": "lost"}))
    lines.close()
    assert metrics.LINES_DROPPED._value.get() == before + 1


def test_a_slow_request_has_a_line(ws: Workspace) -> None:
    lines: list[Line] = []
    with logging_to(lines), serving(REGULARS_HOME=str(ws.home)) as client:
        assert client.post(PATH, json={}).status_code == 200
        exposures = ws.experiments / "exposures.db"
        with closing(sqlite3.connect(exposures, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")  # longer than the log waits, a second
            assert client.post(PATH, json={}).status_code == 200
    (slow,) = of_requests(lines)
    assert (slow["level"], slow["status"]) == ("warning", 200)
    assert slow["ms"] > 1000
    assert slow["fallback_reason"] == "exposure_log_unavailable"
