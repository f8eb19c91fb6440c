"""Two worker processes, as an operator runs them for others: keys, slow senders, numbers, lines."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from serving.access import keys
from tests.serving.metrics import number
from tests.serving.requests import PATH, posted
from tests.serving.server import Server, started
from tests.serving.shop import until

NOW = datetime(2026, 1, 1, tzinfo=UTC)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop, with one key."""
    home = Path(shutil.copytree(shop, tmp_path_factory.mktemp("operations") / "shop"))
    keys.create(home, "operator", scopes=["admin"], now=NOW)
    return home


@pytest.fixture(scope="module")
def running(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of two workers that listens to others."""
    command = [sys.executable, "-m", "serving", "run", "--home", str(home), "--workers", "2"]
    command += ["--host", "0.0.0.0", "--log-requests", "--port"]
    log = tmp_path_factory.mktemp("log") / "log"
    with started(lambda port: [*command, str(port)], log) as server:
        until(lambda: number(server, "regulars_workers") == 2)
        yield server


def asked(running: Server, text: str, **body: object) -> int:
    """Return the status of a request on a connection of its own, which any worker may take."""
    headers = {"Authorization": f"Bearer {text}"}
    return httpx.post(
        f"http://127.0.0.1:{running.port}{PATH}", json=body, headers=headers, timeout=60
    ).status_code


def until_all(running: Server, true: Callable[[], bool]) -> None:
    """Wait until it is true of each worker: of the one that goes on while the others are halted.

    What is asked must come on a connection of its own.
    """
    workers = running.workers()
    assert len(workers) == 2
    for other in workers:
        os.kill(other, signal.SIGSTOP)
        try:
            until(true)
        finally:
            os.kill(other, signal.SIGCONT)


def test_all_workers_see_a_key_come_and_go(running: Server, home: Path) -> None:
    key, text = keys.create(home, "shop", scopes=["predict"], now=NOW)
    until_all(running, lambda: asked(running, text) == 200)
    keys.revoke(home, key.id, now=NOW)
    until_all(running, lambda: asked(running, text) == 401)


def test_no_path_is_beside_the_door(running: Server) -> None:
    for path in ("/v1/a%0Ab", "/v1/nothing/", "/v1//events"):
        answer = running.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_numbers_and_lines_of_both_workers_meet(running: Server, home: Path) -> None:
    key, text = keys.create(home, "numbers", scopes=["predict"], now=NOW)
    until_all(running, lambda: asked(running, text) == 200)
    labels = {"endpoint": PATH, "status": "200"}
    before = number(running, "regulars_requests_total", **labels)
    for _ in range(30):
        assert asked(running, text, customer_id="anna") == 200
    until(lambda: number(running, "regulars_requests_total", **labels) == before + 30)
    until(lambda: number(running, "regulars_ready") == 1)
    until(lambda: number(running, "regulars_up", dependency="champion") == 1)
    until(lambda: number(running, "regulars_catalogue_products") == 5)
    until(lambda: running.log.read_text().count(key.id) >= 30)
    lines = [json.loads(line) for line in running.log.read_text().splitlines() if line[:1] == "{"]
    of_key = [line for line in lines if line.get("key_id") == key.id and line["status"] == 200]
    assert len(of_key) >= 30
    assert {line["model_version"] for line in of_key[-30:]} == {"recommender@1"}
    said = running.log.read_text()
    assert "to holders of a key" in said
    assert "anna" not in said
    assert text not in said


def test_a_stranger_is_refused_before_the_body_and_a_slow_sender_in_time(
    running: Server, home: Path
) -> None:
    status, _ = posted(running.port, b"{")
    assert status == 401
    _, text = keys.create(home, "slow", scopes=["predict"], now=NOW)
    until_all(running, lambda: asked(running, text) == 200)
    status, _ = posted(running.port, b"{", f"Authorization: Bearer {text}")
    assert status == 408


def test_a_killed_worker_leaves_its_counts_and_no_gauges(running: Server) -> None:
    before = number(running, "regulars_requests_total", endpoint=PATH, status="200")
    os.kill(running.workers()[0], signal.SIGKILL)
    until(lambda: number(running, "regulars_workers") == 1)
    assert number(running, "regulars_requests_total", endpoint=PATH, status="200") == before
    until(lambda: number(running, "regulars_workers") == 2, seconds=240)  # started anew
    until(lambda: number(running, "regulars_ready") == 1, seconds=240)
