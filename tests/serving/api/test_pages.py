"""What a browser shows: it loads from here alone, is framed nowhere, and holds no inline script."""

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from features.workspace import Workspace
from tests.serving.shop import serving

SHOWN = (
    *("/", "/docs", "/openapi.json", "/metrics"),
    *("/docs/assets/swagger-ui.css", "/docs/assets/swagger-ui-bundle.js", "/docs/assets/page.js"),
)
KINDS = {
    "/docs": "text/html; charset=utf-8",
    "/openapi.json": "application/json",
    "/docs/assets/swagger-ui.css": "text/css; charset=utf-8",
    "/docs/assets/page.js": "text/javascript; charset=utf-8",
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home = tmp_path_factory.mktemp("empty")
    Workspace.create(home, clock="fixed:2024-03-01T00:00:00Z")
    with serving(REGULARS_HOME=str(home)) as client:
        yield client


@pytest.mark.parametrize("path", SHOWN)
def test_everything_shown_has_a_policy(api: TestClient, path: str) -> None:
    answer = api.get(path, follow_redirects=False)
    assert answer.status_code == (307 if path == "/" else 200)
    rules = dict(
        rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; ")
    )
    assert rules == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert path not in KINDS or answer.headers["content-type"] == KINDS[path]


def test_every_answer_says_what_it_is(api: TestClient) -> None:
    asked = [
        *(("GET", path) for path in ("/livez", "/readyz", "/nothing", "/v1/experiments")),
        *(("POST", path) for path in ("/v1/recommendations", "/v1/nothing", "/docs")),
        *(("POST", path) for path in ("/v1/events", "/v1/predictions/churn")),
    ]
    for method, path in asked:
        answer = api.request(method, path, content=b"{}")
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert answer.headers["cache-control"] == "private, no-store"


def test_the_page_keeps_to_its_policy(api: TestClient) -> None:
    page = api.get("/docs").text
    assert not re.findall(r"<script(?![^>]*\bsrc=)|<style|\bon\w+=|style=|javascript:", page)
    files = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(files) == 3
    for file in files:
        assert not re.match(r"[a-z]+:|//", file)
        assert api.get(f"/{file}").status_code == 200
    script = api.get("/docs/assets/page.js").text
    assert "SwaggerUIBundle(" in script
    assert '"openapi.json"' in script
