"""Who is let in: every path of v1, before it reads a body; keys that come, go, and are spoilt."""

import json
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient
from typer.testing import CliRunner

from features.workspace import Workspace
from serving.__main__ import app as command
from serving.access import keys
from serving.access.callers import Access
from serving.access.keys import KeysError, Scope
from serving.api.endpoints import Endpoint, endpoints
from serving.backend import Settings
from tests.serving.shop import LOCAL, serving, serving_at, until

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PATH = "/v1/recommendations"
OPEN = ("/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs/assets/swagger-ui.css")
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


def refusal(api: TestClient, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
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
    return endpoint.path.replace("{", "").replace("}", "")


def test_every_route_of_v1_is_an_endpoint_and_no_other_is_closed(api: TestClient) -> None:
    app = api.app
    routes = {r.path: r for r in app.routes if isinstance(r, Route)}  # type: ignore[attr-defined]
    below = {path for path in routes if path.startswith("/v1")}
    assert below == {endpoint.path for endpoint in endpoints()}
    assert {p for p in routes if p not in below} == {
        *(path for path in OPEN if "assets" not in path),
        "/",
    }


@pytest.mark.parametrize("endpoint", endpoints(), ids=lambda e: e.path)
def test_every_endpoint_refuses_before_it_reads(
    api: TestClient, texts: dict[str, str], endpoint: Endpoint
) -> None:
    method, path = endpoint.method, path_of(endpoint)
    text = texts[endpoint.scope]
    altered = text[:-1] + ("A" if text[-1] != "A" else "B")
    shown = [
        {},
        *map(bearer, (UNKNOWN, altered, texts["revoked"], text + "A", "")),
        {"Authorization": text},
        {"Authorization": f"Basic {text}"},
    ]
    for headers in shown:
        assert refusal(api, method, path, headers) == (401, "unauthorized")
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


def test_the_scheme_is_read_in_any_case(api: TestClient, texts: dict[str, str]) -> None:
    headers = {"Authorization": f"bearer {texts['predict']}"}
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
    home = Workspace.create(tmp_path / "shop", clock="fixed:2024-03-01T00:00:00Z").home
    with serving(REGULARS_HOME=str(home)) as client:
        assert client.post(PATH, json={}).status_code == 200
        key, text = keys.create(home, "first", scopes=["predict"], now=NOW)
        until(lambda: client.post(PATH, json={}).status_code == 401, seconds=1)
        assert client.post(PATH, json={}, headers=bearer(text)).status_code == 200
        keys.revoke(home, key.id, now=NOW)
        until(
            lambda: client.post(PATH, json={}, headers=bearer(text)).status_code == 401, seconds=1
        )
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


@pytest.mark.parametrize(
    ("url", "status"),
    [
        (LOCAL, 200),
        ("http://[::1]", 200),
        ("http://192.0.2.1", 401),
        ("http://10.0.0.5", 401),
        ("http://[2001:db8::1]", 401),
    ],
)
def test_without_keys_only_this_machine_is_answered(ws: Workspace, url: str, status: int) -> None:
    """The address is the connection's own end, which no header can change."""
    places = Settings(workspace=ws, stores=None)  # a packaged service that was given no stores
    with serving_at(places, url) as client:
        assert client.post(PATH, json={}).status_code == status
        named = client.post(PATH, json={}, headers={"Host": "127.0.0.1"})
        assert named.status_code == status


@pytest.mark.parametrize(
    "header",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_keyless_service_answers_no_proxy_and_no_other_page(
    ws: Workspace, header: dict[str, str]
) -> None:
    with serving_at(Settings(workspace=ws, stores=ws)) as client:
        own = {"Host": "localhost:3000", "Origin": "http://127.0.0.1:3000"}
        assert client.post(PATH, json={}, headers=own).status_code == 200
        assert client.post(PATH, json={}, headers=header).status_code == 401


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


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(command, ["keys", *arguments, "--home", str(tmp_path)])
        return done.exit_code, done.stdout, done.stderr

    assert run("list")[1].startswith("no keys in ")
    status, said, _ = run("create", "web site", "--scope", "predict", "--per-second", "5")
    text = said.splitlines()[-1]
    key_id = text.split("_")[1]
    assert status == 0
    asked = {"headers": [(b"authorization", b"Bearer " + text.encode())]}
    assert Access(tmp_path).caller(asked).id == key_id
    _, listed, _ = run("list")
    assert key_id in listed
    assert "predict  web site, 5/s per worker" in listed
    assert text not in listed
    assert run("revoke", key_id[:4])[1] == f"revoked {key_id} of 'web site'\n"
    assert "revoked 20" in run("list")[1]
    for arguments, message in [
        (("revoke", key_id), "0 valid keys begin with it, it must be one"),
        (("revoke", ""), "it must be one"),
        (("create", "x", "--scope", "all"), "Invalid enum value 'all' - at `$.scopes[0]`"),
        (("create", "", "--scope", "admin"), "length >= 1 - at `$.name`"),
        (("create", "x", "--scope", "admin", "--per-second", "0"), "at `$.per_second`"),
        (("create", "x", "--scope", "admin", "--per-second", "inf"), "omit it"),
        (("create", "x\ny", "--scope", "admin"), "a name is one line"),
    ]:
        status, _, error = run(*arguments)
        assert status == 2
        assert message in error
    assert len(keys.read(tmp_path)) == 1


def test_keys_of_no_folder_or_a_spoilt_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="no such folder"):
        keys.create(tmp_path / "none", "x", scopes=["admin"], now=NOW)
    keys.place(tmp_path).write_text(json.dumps({"keys": [{"id": "x"}]}))
    with pytest.raises(KeysError, match=r"keys\.json: cannot be read"):
        keys.read(tmp_path)
    with pytest.raises(KeysError, match=r"keys\.json: cannot be read"):
        keys.create(tmp_path, "x", scopes=["admin"], now=NOW)
