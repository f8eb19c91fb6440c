"""A path is what was sent, byte by byte: no other spelling of it is answered."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from features.workspace import Workspace
from serving.api.endpoints import endpoints
from tests.serving.asgi import Answer, sent
from tests.serving.shop import serving

PATH = b"/v1/recommendations"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home = tmp_path_factory.mktemp("empty")
    Workspace.create(home, clock="fixed:2024-03-01T00:00:00Z")
    with serving(REGULARS_HOME=str(home)) as client:
        yield client


def check(answer: Answer, status: int, code: str) -> None:
    assert answer.status == status, answer.content
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert f'"code":"{code}"'.encode() in answer.content


@pytest.mark.parametrize(
    "path",
    [
        PATH + b"%0a",
        PATH + b"%0A",
        PATH + b"\n",
        PATH + b"/",
        PATH + b"//",
        PATH + b"%2f",
        PATH + b"%20",
        PATH + b"%00",
        PATH + b";x=1",
        PATH + b"\xa0",
        b"/" + PATH,
        b"//v1/recommendations",
        b"/v1//recommendations",
        b"/v1/./recommendations",
        b"/v1/x/../recommendations",
        b"/%76%31/recommendations",
        b"/v1/recommendation%73",
        b"/v1%2Frecommendations",
        b"/V1/recommendations",
        b"/v1/recommendations%3Abatch",
        b"http://127.0.0.1/v1/recommendations",
        b"*",
        b"",
    ],
)
def test_another_spelling_is_another_path(api: TestClient, path: bytes) -> None:
    for method in ("POST", "GET", "OPTIONS"):
        check(sent(api, method, path, body=b"{}"), 404, "not_found")


@pytest.mark.parametrize(
    "path", [b"/livez", b"/metrics", b"/docs", b"/docs/assets/page.js", b"/openapi.json"]
)
def test_a_page_has_one_path_too(api: TestClient, path: bytes) -> None:
    assert sent(api, "GET", path).status == 200
    for other in (path + b"/", path + b"%0a", b"/" + path, path.upper()):
        check(sent(api, "GET", other), 404, "not_found")
    check(sent(api, "POST", path), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "name",
    [
        *(b"index.css", b"swagger-ui-standalone-preset.js", b"", b".", b"..", b"../assets/page.js"),
        *(b"%2e%2e/%2e%2e/app.py", b"....//app.py", b"swagger-ui.css%00", b"/etc/passwd"),
    ],
)
def test_only_the_named_files_are_assets(api: TestClient, name: bytes) -> None:
    check(sent(api, "GET", b"/docs/assets/" + name), 404, "not_found")


KEYED = [e for e in endpoints() if "{key}" in e.path]
NO_KEYS = (
    *(b"{key}", b"%7Bkey%7D", b"Spring", b"-spring", b"a" * 64, b"", b".", b"..", b"a.b", b"a/b"),
    *(
        b"spring%0a",
        b"spring\n",
        b"spring%20",
        b"spr%69ng",
        b"sprin\xc3\xa9",
        b"spring:start",
        b"a_b",
    ),
)


@pytest.mark.parametrize("endpoint", KEYED, ids=lambda e: e.path)
@pytest.mark.parametrize("key", NO_KEYS)
def test_what_cannot_be_a_key_is_no_path(api: TestClient, endpoint: Any, key: bytes) -> None:
    path = endpoint.path.encode().replace(b"{key}", key)
    check(sent(api, endpoint.method, path, body=b"{}"), 404, "not_found")


@pytest.mark.parametrize("endpoint", KEYED, ids=lambda e: e.path)
def test_a_key_of_any_allowed_form_is_looked_up(api: TestClient, endpoint: Any) -> None:
    for key in (b"spring", b"a", b"2024-spring", b"a" * 63):
        path = endpoint.path.encode().replace(b"{key}", key)
        answer = sent(api, endpoint.method, path, body=b'{"exposed_share": 1, "reason": "x"}')
        assert b'"code":"not_found"' not in answer.content
        check(sent(api, "DELETE", path), 405, "method_not_allowed")
        for other in (path + b"/", path + b"%0a", path + b":start", path + b"/results"):
            check(sent(api, endpoint.method, other, body=b"{}"), 404, "not_found")


def test_a_known_path_says_its_methods(api: TestClient) -> None:
    for path, methods in (
        (PATH, "POST"),
        (b"/v1/products:batch", "PUT"),
        (b"/v1/experiments", "GET, HEAD"),
        (b"/v1/experiments/spring/results", "GET, HEAD"),
        (b"/v1/experiments/spring:start", "POST"),
        (b"/livez", "GET, HEAD"),
    ):
        answer = sent(api, "PATCH", path)
        check(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == methods
    for path in (b"/livez", b"/v1/experiments"):
        assert sent(api, "HEAD", path).status == 200


@pytest.mark.parametrize("host", [b"[", b"a/b?c", b"\xff", b"x:y:z"])
def test_a_host_that_is_none_leaves_the_error_a_problem(api: TestClient, host: bytes) -> None:
    """The error names the path; a URL made of that host cannot be read."""
    check(sent(api, "POST", PATH, headers=[(b"host", host)]), 401, "unauthorized")


def test_a_failure_of_a_page_is_a_problem(api: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> bytes:
        raise OSError("/secret/place: gone")

    monkeypatch.setattr("serving.telemetry.metrics.page", fail)
    answer = sent(api, "GET", b"/metrics")
    check(answer, 500, "internal_error")
    assert b"secret" not in answer.content


def test_a_websocket_is_refused(api: TestClient) -> None:
    said: list[Any] = []

    async def shake(extensions: dict[str, Any]) -> None:
        scope: dict[str, Any] = {"type": "websocket", "path": "/v1/events"}
        scope["raw_path"] = b"/v1/events"
        scope |= {"headers": [], "extensions": extensions, "query_string": b""}

        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            said.append(message)

        await api.app(scope, receive, send)

    assert api.portal is not None
    api.portal.call(shake, {})
    assert said == [{"type": "websocket.close"}]
    api.portal.call(shake, {"websocket.http.response": {}})
    assert [message["type"] for message in said[1:]] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert said[1]["status"] == 404
