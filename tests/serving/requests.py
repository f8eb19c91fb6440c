"""Requests of the tests to the API, and values of its answers."""

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pandas as pd
from starlette.testclient import TestClient

from configs.json_files import write_json
from experiments.definition import Experiment, Variant
from experiments.lifecycle import Change, State
from features.workspace import Workspace
from tests.serving.shop import NOW


def ask(client: TestClient, **request: Any) -> dict[str, Any]:
    answer = client.post("/v1/recommendations", json=request)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def products(answer: dict[str, Any]) -> list[str]:
    return [item["product_id"] for item in answer["items"]]


def start_experiment(ws: Workspace, **weights: float) -> Experiment:
    """Write a running experiment of recommender 1 against 2 for the service."""
    experiment = Experiment(
        key="test",
        salt="c",  # anna, ben and dan land on one side, cleo on the other
        variants={
            "own": Variant(model="recommender@1", weight=weights.get("own", 1)),
            "popular": Variant(model="recommender@2", weight=weights.get("popular", 1)),
        },
        control="own",
    )
    change = Change(at=NOW.to_pydatetime(), verb="start", exposed_share=1)
    state = State(experiment=experiment, defined=experiment, status="running", changes=(change,))
    write_json(ws.experiments / "test" / "state.json", state.model_dump(mode="json"))
    return experiment


def save_clock(ws: Workspace, now: pd.Timestamp) -> None:
    content = json.loads((ws.home / "workspace.json").read_text())
    write_json(ws.home / "workspace.json", content | {"clock": f"fixed:{now.isoformat()}"})


PATH, EVENTS = "/v1/recommendations", "/v1/events"


VIEW = {
    "event_id": "v",
    "type": "product_viewed",
    "customer_id": "anna",
    "time": "2024-02-29T12:00:00Z",
    "product_id": "tea",
}


@contextmanager
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold the database's write lock, so that other writers wait."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield holder


def posted(port: int, sent: bytes, *headers: str) -> tuple[int, bytes]:
    """Return status and body of the answer to a request of which only `sent` arrives."""
    lines = [f"POST {PATH} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Length: 100"]
    lines += [*headers, "", ""]
    with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as connection:
        connection.sendall("\r\n".join(lines).encode() + sent)
        with HTTPResponse(connection) as answer:
            answer.begin()
            received = answer.read()
            if answer.status == HTTPStatus.REQUEST_TIMEOUT:  # the rest of the body may still come
                assert answer.headers["connection"] == "close"
                assert connection.recv(1) == b""
        return answer.status, received
