"""Without keys: a service answers its own machine, at its own address, when it was asked to."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from features.workspace import Workspace
from serving.access.local import _FORWARDED
from serving.backend import Settings
from tests.serving.asgi import Headers, send
from tests.serving.shop import LOCAL, serving, serving_at

PATH = "/v1/recommendations"
PAGES = (
    *("/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/"),
    *("/docs/assets/swagger-ui.css", "/docs/assets/page.js", "/nothing"),
)
PORT = 3000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("local")
    return Workspace.create(home, clock="fixed:2024-03-01T00:00:00Z").home


@pytest.fixture(scope="module")
def api(home: Path) -> Iterator[TestClient]:
    with serving(REGULARS_HOME=str(home)) as client:
        yield client


def statuses(
    api: TestClient, headers: Headers, *, version: str = "1.1", address: str = "127.0.0.1"
) -> dict[str, int]:
    """Return the status of every page, and of a list, at `address` and PORT."""
    server = (address, PORT)

    async def ask() -> dict[str, int]:
        found = {}
        for method, path in (*(("GET", page) for page in PAGES), ("POST", PATH)):
            answer = await send(
                api.app, method, path.encode(),
                body=b"{}", headers=headers, version=version, server=server,
            )  # fmt: skip
            found[path] = answer.status
            if answer.status == 401:
                assert answer.headers["content-type"] == "application/problem+json"
        return found

    assert api.portal is not None
    return api.portal.call(ask)


ANSWERED = dict.fromkeys((*PAGES, PATH), 200) | {"/": 307, "/nothing": 404}
REFUSED = dict.fromkeys((*PAGES, PATH), 401)
HOST = (b"host", b"127.0.0.1:3000")


@pytest.mark.parametrize(
    "headers",
    [
        [HOST],
        [(b"host", b"localhost:3000")],
        [(b"host", b"LocalHost:3000")],
        [(b"host", b"[::1]:3000")],
        [HOST, (b"origin", b"http://localhost:3000"), (b"sec-fetch-site", b"same-origin")],
        [HOST, (b"sec-fetch-site", b"none")],
    ],
)
def test_this_machine_is_answered(api: TestClient, headers: Headers) -> None:
    assert statuses(api, headers) == ANSWERED


@pytest.mark.parametrize(
    "headers",
    [
        [(b"host", b"evil.example:3000")],
        [(b"host", b"evil.example")],
        [(b"host", b"127.0.0.1")],  # another port: what a proxy was asked for
        [(b"host", b"localhost:80")],
        [(b"host", b"localhost.:3000")],
        [(b"host", b"127.0.0.1:3000.evil.example")],
        [(b"host", b"127.0.0.2:3000")],
        [(b"host", b"")],
        [(b"host", b"[")],
        [HOST, HOST],
        [HOST, (b"origin", b"https://evil.example")],
        [HOST, (b"origin", b"null")],
        [HOST, (b"origin", b"http://127.0.0.1:8080")],
        [HOST, (b"origin", b"https://127.0.0.1:3000")],
        [HOST, (b"sec-fetch-site", b"cross-site")],
        [HOST, (b"sec-fetch-site", b"same-site")],
        *([HOST, (name, b"127.0.0.1")] for name in sorted(_FORWARDED)),
    ],
)
def test_no_path_answers_a_foreign_host_a_proxy_or_another_page(
    api: TestClient, headers: Headers
) -> None:
    assert statuses(api, headers) == REFUSED


def test_http_1_0_is_a_proxys(api: TestClient) -> None:
    """nginx's `proxy_pass` speaks it by default, and sends the upstream's address as Host."""
    assert statuses(api, [HOST], version="1.0") == REFUSED


@pytest.mark.parametrize("address", ["10.0.0.5", "192.0.2.1", "2001:db8::1", "/run/socket"])
def test_from_outside_only_the_probes_are_answered(api: TestClient, address: str) -> None:
    for headers in ([HOST], [(b"host", f"{address}:3000".encode())]):
        expected = REFUSED | {"/livez": 200, "/readyz": 200}
        assert statuses(api, headers, address=address) == expected


def test_another_loopback_address_has_its_own_name(api: TestClient) -> None:
    assert statuses(api, [(b"host", b"127.0.0.2:3000")], address="127.0.0.2") == ANSWERED


def test_a_service_that_was_not_asked_to_needs_a_key(home: Path) -> None:
    with serving(REGULARS_HOME=str(home), REGULARS_WITHOUT_KEYS="0") as client:
        answer = client.post(PATH, json={})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert "REGULARS_WITHOUT_KEYS=1" in answer.json()["detail"]
        assert "python -m serving keys create" in answer.json()["detail"]
        assert client.post("/v1/nothing").status_code == 401
        assert client.get("/livez").status_code == 200


@pytest.mark.parametrize(("url", "status"), [(LOCAL, 200), ("http://192.0.2.1", 401)])
def test_a_packaged_service_without_stores_is_local_too(
    ws: Workspace, url: str, status: int
) -> None:
    places = Settings(workspace=ws, stores=None, without_keys=True)
    with serving_at(places, url) as client:
        assert client.post(PATH, json={}).status_code == status
        named = client.post(PATH, json={}, headers={"Host": "127.0.0.1"})
        assert named.status_code == status
    with serving_at(replace(places, without_keys=False), url) as client:
        assert client.post(PATH, json={}).status_code == 401
