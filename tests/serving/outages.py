"""Outages: what is out, how it comes to be, and what is answered meanwhile."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from starlette.testclient import TestClient

from features.workspace import Workspace
from tests.serving.faults import FAILED, GARBAGE
from tests.serving.metrics import DEPENDENCIES, scrape, up, value
from tests.serving.requests import VIEW
from tests.serving.shop import serving, until

Told = tuple[int, str | None]
"""Status, and code or fallback_reason."""
ASKED: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "list": ("POST", "/v1/recommendations", {"customer_id": "anna", "k": 2}),
    "churn": ("POST", "/v1/predictions/churn", {"customer_ids": ["anna"]}),
    "event": ("POST", "/v1/events", {"events": [VIEW]}),
    "product": ("PUT", "/v1/products:batch", {"products": [{"product_id": "a", "title": "A"}]}),
}
WELL: Final[dict[str, Told]] = {name: (202 if name == "event" else 200, None) for name in ASKED}
NO_STORE, REFUSED = (200, "store_unavailable"), (503, "store_unavailable")
NO_MODEL = (200, "model_unavailable")


@dataclass(frozen=True, kw_only=True)
class Outage:
    """Something below a workspace's home that is out, before a service starts or while it runs."""

    place: str
    how: Literal["gone", "a folder", "garbled", "empty", "half", "a schema byte", "pages"]
    at_start: bool = False
    asked: str = "list"
    key: str | None = None
    """The request's Idempotency-Key."""
    told: Told
    down: str | None
    """The dependencies whose `regulars_up` is 0; None: none is, and FAILED tells."""

    def __str__(self) -> str:
        when = "start" if self.at_start else "run"
        return f"{self.place} is {self.how} at {when}: {self.asked}"


def make_stores(ws: Workspace) -> None:
    """Let the stores hold something, as after a first day."""
    with serving(REGULARS_HOME=str(ws.home)) as client:
        for number, (method, path, body) in enumerate(ASKED.values()):
            headers = {"Idempotency-Key": f"before-{number}"}
            answer = client.request(method, path, json=body, headers=headers)
            assert answer.status_code in {200, 202}


def check_told(client: TestClient, outage: Outage) -> None:
    """Assert that answer and alarm come to be what `outage` says, and that the service is ready."""
    if outage.down is None:
        until(lambda: value(scrape(client), FAILED) > 0)
    else:
        down = outage.down.split()
        until(lambda: up(client) == {name: float(name not in down) for name in DEPENDENCIES})
    assert said(client, outage) == outage.told
    assert client.get("/readyz").status_code == client.get("/livez").status_code == 200


def well(client: TestClient, outage: Outage) -> bool:
    return said(client, outage) == WELL[outage.asked] and set(up(client).values()) == {1.0}


def said(client: TestClient, outage: Outage) -> Told:
    method, path, body = ASKED[outage.asked]
    headers = {} if outage.key is None else {"Idempotency-Key": outage.key}
    answer = client.request(method, path, json=body, headers=headers)
    content = answer.json()
    if answer.status_code == 503:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "1"
    parts = [content, *content.get("predictions", [])]
    reasons = [part.get("code") or part.get("fallback_reason") for part in parts]
    return answer.status_code, next(filter(None, reasons), None)


@contextmanager
def out(home: Path, outage: Outage) -> Iterator[Callable[[], None]]:
    """Take the place away, or put something else there; give what brings it back, as its end."""
    place = home / outage.place
    aside = place.with_name(f"{place.name}.aside")
    stood = place.exists()
    if stood:
        place.rename(aside)
    if outage.how == "a folder":
        place.mkdir()
    elif outage.how == "garbled" and aside.is_dir():
        for file in filter(Path.is_file, aside.rglob("*")):
            garbled = place / file.relative_to(aside)
            garbled.parent.mkdir(parents=True, exist_ok=True)
            garbled.write_bytes(GARBAGE)
    elif outage.how == "garbled":
        place.write_bytes(GARBAGE)
    elif outage.how != "gone":
        place.write_bytes(damaged(aside.read_bytes(), outage.how))

    def mend() -> None:
        if place.is_dir() and (aside.exists() or not stood):
            shutil.rmtree(place)
        if aside.exists():
            aside.rename(place)
        elif not stood:
            place.unlink(missing_ok=True)

    yield mend
    if aside.exists():
        mend()


def damaged(content: bytes, how: str) -> bytes:
    """Return the content of a store, damaged."""
    if how == "empty":
        return b""
    if how == "half":
        return content[: len(content) // 2]
    if how == "a schema byte":  # in a name: SQLite's message about it is no UTF-8
        place = content.index(b"CREATE TABLE ") + len(b"CREATE TABLE ")
        return content[:place] + b"\xff" + content[place + 1 :]
    return content[:4096] + b"\xff" * (len(content) - 4096)
