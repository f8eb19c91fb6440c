"""Who is let in: every path of v1, before it reads a body; keys that come, go, and are spoilt."""

import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from starlette.testclient import TestClient

from features.workspace import Workspace
from serving.access import callers, keys
from serving.access.keys import Scope
from serving.api.endpoints import Endpoint, endpoints
from serving.backend import Settings
from tests.serving.shop import serving, serving_at, until

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PATH = "/v1/recommendations"
ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "page.js")
OPEN = (
    *("/livez", "/readyz", "/metrics", "/openapi.json", "/docs"),
    *(f"/docs/assets/{name}" for name in ASSETS),
)
AFTER_A_KEY = ("\xa0", "\x85", "\x1c", " x", ",", "=")
"""What is no white space of HTTP (`str.strip` drops some of it), and what is more than a key."""
GAPS = ("\t", "\xa0", " \t", "")
UNKNOWN = "rgl_00000000_" + 43 * "A"


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("access")
    return Workspace.create(home, clock="fixed:2024-03-01T00:00:00Z").home


@pytest.fixture(scope="module")
def texts(home: Path) -> dict[str, str]:
    """A key of each scope, and one that was revoked."""
    scopes: dict[str, str] = {s: s for s in get_args(Scope)} | {"revoked": "admin"}
    made = {name: keys.create(home, name, scopes=[s], now=NOW) for name, s in scopes.items()}
    keys.revoke(home, made["revoked"][0].id, now=NOW)
    return {name: text for name, (_, text) in made.items()}


@pytest.fixture(scope="module")
def api(home: Path, texts: dict[str, str]) -> Iterator[TestClient]:
    del texts
    with serving(REGULARS_HOME=str(home)) as client:
        yield client


class Body:
    """A body that tells whether anyone read it."""

    def __init__(self) -> None:
        self.read = False

    def send(self) -> Iterator[bytes]:
        self.read = True
        yield b"{"


def refusal(
    api: TestClient, method: str, path: str, headers: Mapping[str, str | bytes]
) -> tuple[int, str]:
    """Return status and code of a refusal, which came before the body was read."""
    body = Body()
    answer = api.request(method, path, content=body.send(), headers=headers)
    assert not body.read
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert answer.headers.get("www-authenticate") == (
        "Bearer" if answer.status_code == 401 else None
    )
    return answer.status_code, answer.json()["code"]


def path_of(endpoint: Endpoint) -> str:
    return endpoint.path.replace("{key}", "spring")


def test_every_route_of_v1_is_an_endpoint_and_no_other_is_closed(api: TestClient) -> None:
    known = api.app.paths.known()  # type: ignore[attr-defined]
    below = {path for path in known if path.startswith("/v1")}
    assert below == {endpoint.path for endpoint in endpoints()}
    assert known - below == {*OPEN, "/"}


@pytest.mark.parametrize("endpoint", endpoints(), ids=lambda e: e.path)
def test_every_endpoint_refuses_before_it_reads(
    api: TestClient, texts: dict[str, str], endpoint: Endpoint
) -> None:
    method, path = endpoint.method, path_of(endpoint)
    text = texts[endpoint.scope]
    altered = text[:-1] + ("A" if text[-1] != "A" else "B")
    shown: list[Mapping[str, str | bytes]] = [
        {},
        *map(bearer, (UNKNOWN, altered, texts["revoked"], text + "A", "")),
        {"Authorization": text},
        *({"Authorization": f"Bearer {text}{end}".encode("latin-1")} for end in AFTER_A_KEY),
        *({"Authorization": f"Bearer{gap}{text}".encode("latin-1")} for gap in GAPS),
        {"Authorization": f"Basic {text}"},
    ]
    for headers in shown:
        assert refusal(api, method, path, headers) == (401, "unauthorized"), headers
    for scope in get_args(Scope):
        if scope not in {endpoint.scope, "admin"}:
            assert refusal(api, method, path, bearer(texts[scope])) == (403, "forbidden")
    for scope in (endpoint.scope, "admin"):
        body = Body()
        content = body.send() if endpoint.request else b""
        answer = api.request(method, path, content=content, headers=bearer(texts[scope]))
        assert answer.status_code not in {401, 403, 500}
        assert body.read == (endpoint.request is not None)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/nothing"), ("GET", "/v1/a%0Ab"), ("DELETE", PATH)]
)
def test_what_is_not_there_is_told_to_a_key_alone(
    api: TestClient, texts: dict[str, str], method: str, path: str
) -> None:
    assert refusal(api, method, path, {}) == (401, "unauthorized")
    status, _ = refusal(api, method, path, bearer(texts["events"]))
    assert status in {404, 405}


def test_the_rest_stays_open(api: TestClient) -> None:
    for path in OPEN:
        assert api.get(path).status_code == 200


@pytest.mark.parametrize("before", ["Bearer ", "bearer ", "BEARER    "])
def test_the_scheme_is_read_in_any_case(
    api: TestClient, texts: dict[str, str], before: str
) -> None:
    headers = {"Authorization": f"{before}{texts['predict']}"}
    assert api.post(PATH, json={}, headers=headers).status_code == 200


def test_the_document_says_what_each_operation_needs(api: TestClient) -> None:
    document = api.get("/openapi.json").json()
    scheme = document["components"]["securitySchemes"]["key"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    for endpoint in endpoints():
        operation = document["paths"][endpoint.path][endpoint.method.lower()]
        assert operation["security"] == [{"key": [endpoint.scope]}]
        assert {"401", "403", "408", "429", "503"} <= operation["responses"].keys()
        assert "overloaded" in operation["responses"]["503"]["description"]
        assert "Retry-After" in operation["responses"]["429"]["headers"]


def test_a_key_opens_and_a_revoked_one_closes_within_a_second(tmp_path: Path) -> None:
    assert callers.POLL_S < 1  # on a busy machine, the look at the file itself takes its time
    home = Workspace.create(tmp_path / "shop", clock="fixed:2024-03-01T00:00:00Z").home
    with serving(REGULARS_HOME=str(home)) as client:
        assert client.post(PATH, json={}).status_code == 200
        key, text = keys.create(home, "first", scopes=["predict"], now=NOW)
        until(lambda: client.post(PATH, json={}).status_code == 401)
        assert client.post(PATH, json={}, headers=bearer(text)).status_code == 200
        keys.revoke(home, key.id, now=NOW)
        until(lambda: client.post(PATH, json={}, headers=bearer(text)).status_code == 401)
        assert client.post(PATH, json={}).status_code == 401  # of keys there still are


@pytest.mark.parametrize("spoil", ["half", "empty", "gone", "folder"])
def test_spoilt_keys_let_in_nobody_until_they_are_mended(tmp_path: Path, spoil: str) -> None:
    home = Workspace.create(tmp_path / "shop", clock="fixed:2024-03-01T00:00:00Z").home
    _, text = keys.create(home, "x", scopes=["admin"], now=NOW)
    file = keys.place(home)
    whole = file.read_bytes()
    with serving(REGULARS_HOME=str(home)) as client:
        if spoil in {"half", "empty"}:
            file.write_bytes(whole[: len(whole) // 2] if spoil == "half" else b"")
        else:
            file.unlink()
            if spoil == "folder":
                file.mkdir()
        for headers in ({}, bearer(text)):
            until(lambda h=headers: client.post(PATH, json={}, headers=h).status_code == 503)  # type: ignore[misc]
        assert client.post(PATH, json={}).json()["code"] == "store_unavailable"
        assert client.get("/livez").status_code == 200
        if spoil == "folder":
            file.rmdir()
        file.write_bytes(whole)
        until(lambda: client.post(PATH, json={}, headers=bearer(text)).status_code == 200)
        assert client.post(PATH, json={}).status_code == 401


def test_a_service_that_starts_on_spoilt_keys_lets_in_nobody(tmp_path: Path) -> None:
    home = Workspace.create(tmp_path / "shop", clock="fixed:2024-03-01T00:00:00Z").home
    keys.place(home).write_text('{"keys": []')
    with serving(REGULARS_HOME=str(home)) as client:
        assert client.post(PATH, json={}).status_code == 503


def test_a_packaged_service_takes_the_keys_of_its_stores(ws: Workspace, tmp_path: Path) -> None:
    stores = tmp_path / "stores"
    shutil.copytree(ws.home, stores)
    (stores / "workspace.json").unlink()
    _, text = keys.create(stores, "x", scopes=["predict"], now=NOW)
    places = Settings(workspace=ws, stores=replace(ws, home=stores))
    with serving_at(places, "http://192.0.2.1") as client:
        assert client.post(PATH, json={}).status_code == 401
        assert client.post(PATH, json={}, headers=bearer(text)).status_code == 200


def test_only_hashes_are_stored_for_their_owner_alone(home: Path, texts: dict[str, str]) -> None:
    file = keys.place(home)
    stored = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for text in texts.values():
        assert text.split("_", 2)[2] not in stored
    assert len({text.split("_", 2)[2] for text in texts.values()}) == len(texts)
