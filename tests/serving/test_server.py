"""The real server: a process, HTTP, signals."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from experiments.exposures import DATABASE, read
from features.logs.events import EventLog
from features.workspace import Workspace
from tests.serving.server import server
from tests.serving.shop import until

ORDER = {
    "event_id": "e1",
    "type": "order_completed",
    "customer_id": "anna",
    "time": "2024-03-01T00:00:00Z",
    "order_id": "o1",
    "currency": "GBP",
    "items": [{"product_id": "mug", "quantity": 1, "unit_price": 2}],
}


def test_what_was_acknowledged_survives_kill_9(ws: Workspace, tmp_path: Path) -> None:
    with server(ws.home, tmp_path / "log") as running:
        http = running.http
        assert http.get("/livez").status_code == 200
        before = http.post("/v1/recommendations", json={"customer_id": "anna", "k": 2}).json()
        assert [i["product_id"] for i in before["items"]] == ["tea", "pot"]
        posted = http.post("/v1/events", json={"events": [ORDER]})
        assert (posted.status_code, posted.json()["accepted"]) == (202, 1)
        after = http.post("/v1/recommendations", json={"customer_id": "anna", "k": 2}).json()
        assert [i["product_id"] for i in after["items"]] == ["tea", "mug"]
        bad = http.post("/v1/recommendations", json={"k": 0})
        assert bad.headers["content-type"] == "application/problem+json"
        metrics = http.get("/metrics").text
        assert 'model_version="recommender@1",variant="none"} 2.0' in metrics
        assert "bentoml_service_request" not in metrics  # its labels hold any path that is asked
        os.kill(running.process.pid, signal.SIGSTOP)  # it would start the worker again
        workers = running.workers()
        assert len(workers) == 1
        os.kill(workers[0], signal.SIGKILL)
        os.kill(running.process.pid, signal.SIGKILL)
        until(running.gone)
    assert list(ws.home.glob("events.db-wal"))  # nobody closed the log
    with closing(EventLog(ws.events_db)) as log:
        assert log.events()["event_id"].tolist() == ["e1"]
    shown = read(ws.experiments / DATABASE)["recommendation_id"].tolist()
    assert shown == [before["recommendation_id"], after["recommendation_id"]]


def test_a_polite_end_leaves_nothing_behind(tmp_path: Path) -> None:
    home = Workspace.create(tmp_path / "shop", clock="fixed:2024-03-01T00:00:00Z").home
    with server(home, tmp_path / "log") as running:
        twice = [("Authorization", "Bearer a"), ("Authorization", "Bearer b")]
        refused = running.http.get("/livez", headers=twice)  # by serving.edge, which BentoML runs
        assert (refused.status_code, refused.json()["code"]) == (400, "malformed_request")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(timeout=120) == 0
        until(running.gone)
    said = (tmp_path / "log").read_text()
    assert "without keys, for this machine only" in said
    assert "cleanup" in said
    assert "Traceback" not in said
    assert not list(home.glob("*-wal"))  # the logs were closed


@pytest.mark.slow
def test_a_worker_ends_with_its_killed_supervisor(tmp_path: Path) -> None:
    home = Workspace.create(tmp_path / "shop", clock="fixed:2024-03-01T00:00:00Z").home
    with server(home, tmp_path / "log") as running:
        os.kill(running.process.pid, signal.SIGKILL)
        until(running.gone)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])
def test_without_keys_other_hosts_are_refused(tmp_path: Path, host: str) -> None:
    home = Workspace.create(tmp_path).home
    command = ["-m", "serving", "run", "--home", str(home), "--host", host]
    result = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert f"--host {host}: without keys the service listens on 127.0.0.1 only" in result.stderr


def test_a_taken_port_and_a_missing_workspace_are_told(tmp_path: Path) -> None:
    home = Workspace.create(tmp_path / "shop").home
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for place, message in ((home, f"--port {port}: is in use"), (tmp_path, "no workspace at")):
            command = ["-m", "serving", "run", "--home", str(place), "--port", port]
            result = subprocess.run(
                [sys.executable, *command], capture_output=True, text=True, check=False
            )
            assert result.returncode == 2
            assert message in result.stderr
            assert "Traceback" not in result.stderr
