"""What a field of the head says is known before the body is read."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from features.workspace import Workspace
from serving.access import keys
from serving.api.endpoints import endpoints
from tests.serving.shop import serving

PATH = "/v1/recommendations"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("heads")
    return Workspace.create(home, clock="fixed:2024-03-01T00:00:00Z").home


@pytest.fixture(scope="module")
def text(home: Path) -> str:
    return keys.create(home, "x", scopes=["admin"], now=NOW)[1]


@pytest.fixture(scope="module")
def api(home: Path, text: str) -> Iterator[TestClient]:
    del text
    with serving(REGULARS_HOME=str(home)) as client:
        yield client


def refusal(
    api: TestClient, path: str, headers: list[tuple[str, str]], *, method: str = "POST"
) -> tuple[int, str, str]:
    """Return status, code and detail of a refusal, which came before the body was read."""
    read = []

    def body() -> Iterator[bytes]:
        read.append(True)
        yield b"{}"

    answer = api.request(method, path, content=body(), headers=headers)
    assert not read
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"], answer.json()["detail"]


@pytest.mark.parametrize("endpoint", endpoints(), ids=lambda e: e.path)
@pytest.mark.parametrize("encoding", ["gzip", "identity", "br, gzip", "utf-8"])
def test_an_encoded_body_is_refused_unread(
    api: TestClient, text: str, endpoint: object, encoding: str
) -> None:
    method, path = endpoint.method, endpoint.path.replace("{key}", "spring")  # type: ignore[attr-defined]
    headers = {"Authorization": f"Bearer {text}", "Content-Encoding": encoding}
    status, code, _ = refusal(api, path, [*headers.items()], method=method)
    assert (status, code) == (415, "unsupported_encoding")
    answer = api.request(method, path, content=b"", headers=headers)
    assert answer.headers["accept-encoding"] == "identity"
    assert refusal(api, path, [("Content-Encoding", encoding)], method=method)[0] == 401
