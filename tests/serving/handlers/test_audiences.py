"""Audiences over HTTP: similar customers, without seed and opt-outs, and what is refused."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from features.workspace import Workspace
from tests.serving.shop import serving
from tests.training.segments.tiny_shop import Line, make, tastes
from training.segments.audiences import audience
from training.segments.refresh import SegmentStore

DRINKERS = [f"drink{at}" for at in range(15)]
COOKS = [f"cook{at}" for at in range(15)]


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ws = make(tmp_path_factory.mktemp("audiences") / "shop", tastes(15))
    store = SegmentStore(ws)
    store.define("first", "days_since_last_order <= 15")
    store.refresh(ws.now(), months=0)
    return ws.home


@pytest.fixture
def home(computed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(computed, tmp_path / "shop"))


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    with serving(REGULARS_HOME=str(home)) as client:
        yield client


def ask(client: TestClient, **body: Any) -> Any:
    return client.post("/v1/audiences", json={"opt_outs": []} | body)


def test_the_audience_is_of_the_taste_of_the_seed(client: TestClient, home: Path) -> None:
    answer = ask(client, customer_ids=DRINKERS[:10], size=5, smallest_size=2).json()
    assert {member["customer_id"] for member in answer["members"]} == set(DRINKERS[10:])
    scores = [member["score"] for member in answer["members"]]
    assert scores == sorted(scores, reverse=True)
    assert (answer["seed_size"], answer["as_of"]) == (10, "2024-03-15T00:00:00Z")
    state = SegmentStore(Workspace.open(home)).states.load()
    expected = audience(state.vectors, DRINKERS[:10], size=5, opt_outs=(), smallest=2)
    assert [m["customer_id"] for m in answer["members"]] == expected.customer_id.tolist()


def test_a_segment_is_a_seed_and_opt_outs_are_left_out(client: TestClient, home: Path) -> None:
    body = {"segment": "first", "size": 6}
    whole = [m["customer_id"] for m in ask(client, **body, smallest_size=1).json()["members"]]
    assert len(whole) == 6
    assert not {f"{taste}{at}" for taste in ("drink", "cook") for at in range(6)} & {*whole}
    (home / "segments" / "opt_outs.txt").write_text(f"{whole[0]}\n")
    answer = client.post("/v1/audiences", json=body | {"smallest_size": 1})
    assert answer.json()["seed_size"] == 12
    rest = [m["customer_id"] for m in answer.json()["members"]]
    assert rest[:5] == whole[1:]
    both = ask(client, **body, smallest_size=1, opt_outs=[rest[0]]).json()["members"]
    assert [m["customer_id"] for m in both][:5] == rest[1:]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/segment"),
        ({"segment": "first", "customer_ids": ["a"]}, "/segment"),
        ({"customer_ids": []}, "/customer_ids"),
        ({"customer_ids": DRINKERS[:9]}, "/customer_ids"),  # a seed that is too small
        ({"customer_ids": [f"x{at}" for at in range(10)]}, "/customer_ids"),  # of nobody
        ({"customer_ids": [*DRINKERS[:9], "x"]}, "/customer_ids"),
        ({"customer_ids": DRINKERS, "size": 3}, "/smallest_size"),
        ({"customer_ids": DRINKERS, "opt_outs": COOKS[:6]}, "/smallest_size"),
        ({"segment": "rfm-loyal", "smallest_size": 31}, "/segment"),
        ({"segment": "first", "opt_outs": None}, "/opt_outs"),
        ({"segment": "first", "size": 0}, "/size"),
        ({"segment": "first", "smallest": 3}, "/smallest"),
    ],
)
def test_what_is_no_audience(client: TestClient, body: dict[str, Any], pointer: str) -> None:
    answer = ask(client, **body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_without_the_segment_or_any_segments(client: TestClient, home: Path) -> None:
    answer = ask(client, segment="nobody")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_segment")
    shutil.rmtree(home / "segments")
    answer = ask(client, segment="first")
    assert (answer.status_code, answer.json()["code"]) == (409, "segments_not_computed")


def test_without_vectors_there_is_no_audience_yet(tmp_path: Path) -> None:
    ws = make(tmp_path / "shop", [Line("anna", days=3), Line("ben", days=3)])
    SegmentStore(ws).refresh(ws.now(), months=0)
    with serving(REGULARS_HOME=str(ws.home)) as client:
        answer = ask(client, customer_ids=["anna"], smallest_size=1)
    assert (answer.status_code, answer.json()["code"]) == (409, "segments_not_computed")


def test_a_list_of_opt_outs_that_cannot_be_read_is_an_outage(
    client: TestClient, home: Path
) -> None:
    (home / "segments" / "opt_outs.txt").write_bytes(b"\xff")
    answer = ask(client, segment="first")
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert str(home) not in answer.text
