"""Which call a path goes to."""

from collections.abc import Iterator
from typing import Final

import pytest
from starlette.testclient import TestClient

from features.workspace import Workspace
from serving.api import openapi
from serving.api.endpoints import endpoints
from serving.problems import CODES
from tests.serving.shop import serving

OPERATIONS: Final = openapi.document(endpoints())["paths"]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home = tmp_path_factory.mktemp("empty")
    Workspace.create(home, clock="fixed:2024-03-01T00:00:00Z")
    with serving(REGULARS_HOME=str(home)) as client:
        yield client


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", OPERATIONS)
def test_a_path_sent_as_the_document_writes_it_is_no_fault_of_ours(
    api: TestClient, path: str, method: str
) -> None:
    """A client that forgot to fill the template sends its braces, encoded or not."""
    quoted = path.replace("{", "%7B").replace("}", "%7D")
    for sent in {path, quoted, quoted.lower(), quoted.replace("%", "%25")}:
        answer = api.request(method, sent, json={})
        assert answer.status_code < 500, (sent, answer.text)
        if answer.status_code >= 400:
            assert answer.json()["code"] in CODES
        if "{" in path:
            assert answer.status_code in {404, 405, 422}
