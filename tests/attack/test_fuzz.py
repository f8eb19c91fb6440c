"""Fuzzed requests on raw sockets."""

from pathlib import Path

import pytest

from serving.api.endpoints import endpoints
from tests.attack.fuzz import fuzz
from tests.attack.target import target
from tests.attack.workspace import Shop

SECONDS = 10


@pytest.mark.slow
def test_whatever_bytes_come_the_answer_is_a_problem_or_right(shop: Shop, tmp_path: Path) -> None:
    log = tmp_path / "log"
    paths = [(endpoint.method, endpoint.path) for endpoint in endpoints()]
    with target(shop.home, log) as running:
        found = fuzz(
            running.port, shop.keys["admin"], endpoints=paths, log=log, seconds=SECONDS, clients=3
        )
        assert running.http.get("/readyz").status_code == 200
    print(found.figures)
    assert found.count > 500
    assert not found.faults
