"""Whatever is sent: no 500, every error a problem, every answer as the document says."""

import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import hypothesis
import msgspec
import pytest
import schemathesis
from schemathesis.specs.openapi.checks import negative_data_rejection
from starlette.testclient import TestClient

from serving.api import openapi
from serving.api.endpoints import endpoints
from serving.problems import CODES
from serving.schemas.base import ProblemDetails
from tests.serving.asgi import send
from tests.serving.bodies import request
from tests.serving.shop import serving

BODIES: Final = 12_000
STATUSES: Final = {200, 202, 400, 404, 405, 422}
SLOW: Final = r":start$"
"""Starting an experiment runs a process."""
PARTS: Final = {e.path for e in endpoints() if e.decoded}
"""A part that breaks the schema is told alone, in a 200."""


@pytest.fixture(scope="module")
def api(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home = shutil.copytree(shop, tmp_path_factory.mktemp("fuzz") / "shop")
    with serving(REGULARS_HOME=str(home)) as client:
        yield client


# By the document.


def open_to_all() -> dict[str, Any]:
    """Return the document of a service without keys."""
    found = openapi.document(endpoints())
    for operations in found["paths"].values():
        for operation in operations.values():
            operation.pop("security", None)
    return found


document = schemathesis.openapi.from_dict(open_to_all())
document.config.update(base_url="http://127.0.0.1")


def settings(examples: int) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )


def check(api: TestClient, case: schemathesis.Case[Any]) -> None:
    """Send `case` and hold the answer to the document."""
    asked = case.as_transport_kwargs()
    known = {"method", "params", "json", "data", "headers"}
    named = {name: value for name, value in asked.items() if name in known and value is not None}
    if isinstance(data := named.pop("data", None), bytes | str):
        named["content"] = data
    answer = api.request(url=asked["url"], **named)
    assert answer.status_code != 500
    if answer.status_code >= 400:
        check_problem(answer.status_code, answer.headers["content-type"], answer.content)
    else:
        told_alone: list[schemathesis.CheckFunction]
        told_alone = [negative_data_rejection] if case.path in PARTS else []
        case.validate_response(answer, excluded_checks=told_alone)


def check_problem(status: int, kind: str, content: bytes) -> None:
    problem = msgspec.json.decode(content, type=ProblemDetails, strict=True)
    assert kind == "application/problem+json"
    assert problem.code in CODES
    assert problem.status == status == CODES[problem.code][0]
    assert problem.request_id
    assert "Traceback" not in content.decode()


@pytest.mark.slow
@document.exclude(path_regex=SLOW).parametrize()
@settings(200)
def test_every_operation_keeps_to_its_document(
    api: TestClient, case: schemathesis.Case[Any]
) -> None:
    check(api, case)


# By what is nearly right.


def fuzz(api: TestClient, count: int, *, seed: int) -> Counter[int]:
    """Send `count` requests; return how often each status was the answer."""
    rng, statuses = random.Random(seed), Counter[int]()

    async def send_all() -> None:
        for _ in range(count):
            method, path, body, headers = request(rng)
            answer = await send(api.app, method, path.encode(), body=body, headers=headers)
            status, content = answer.status, answer.content
            statuses[status] += 1
            asked = (method, path, body[:500], headers)
            try:
                assert status < 500, content
                if method == "HEAD" or status < 300:
                    continue
                check_problem(status, answer.headers["content-type"], content)
                assert answer.headers["x-request-id"] == json.loads(content)["request_id"]
            except Exception as error:
                raise AssertionError(f"{asked}: {status} {content[:500]!r}") from error

    assert api.portal is not None
    api.portal.call(send_all)
    return statuses


def test_what_is_nearly_right_is_answered_or_refused(api: TestClient) -> None:
    statuses = fuzz(api, 1_000, seed=0)
    assert statuses.keys() >= STATUSES


@pytest.mark.slow
def test_what_is_nearly_right_is_answered_or_refused_at_length(api: TestClient) -> None:
    statuses = fuzz(api, BODIES, seed=1)
    print(statuses)
    assert statuses.total() == BODIES
    assert statuses.keys() >= STATUSES
    assert api.get("/readyz").status_code == 200
