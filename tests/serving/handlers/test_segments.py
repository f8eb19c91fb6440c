"""Segments over HTTP: numbers are members, pages are of one state, what is wrong is named."""

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from features.workspace import Workspace
from tests.serving.shop import NOW, serving
from training.segments.definitions import BUILT_IN
from training.segments.refresh import SegmentStore

BUYERS = ["anna", "ben", "cleo", "dan", "fee/only"]


@pytest.fixture(scope="module")
def computed(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop with segments, of which `all` holds every customer."""
    home = Path(shutil.copytree(shop, tmp_path_factory.mktemp("segments") / "shop"))
    store = SegmentStore(Workspace.open(home))
    store.define("all", "orders_total >= 0")
    store.refresh(NOW, months=1)
    return home


@pytest.fixture
def ws(computed: Path, tmp_path: Path) -> Workspace:
    return Workspace.open(Path(shutil.copytree(computed, tmp_path / "shop")))


@pytest.fixture
def client(ws: Workspace) -> Iterator[TestClient]:
    with serving(REGULARS_HOME=str(ws.home)) as client:
        yield client


def pages(client: TestClient, key: str, **parameters: Any) -> list[dict[str, Any]]:
    """Return all pages of a segment's members."""
    found: list[dict[str, Any]] = []
    token: str | None = None
    while not found or token:
        named = parameters | ({"page_token": token} if token else {})
        answer = client.get(f"/v1/segments/{key}/members", params=named)
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
        token = found[-1]["next_page_token"]
    return found


def refused(answer: Any, status: int, code: str, pointer: str | None = None) -> str:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if pointer is not None:
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    return str(answer.json()["detail"])


def test_the_number_shown_is_that_of_the_members(client: TestClient) -> None:
    answer = client.get("/v1/segments").json()
    assert answer["as_of"] == "2024-03-01T00:00:00Z"
    by_key = {segment["key"]: segment for segment in answer["segments"]}
    assert by_key.keys() == {*BUILT_IN, "all"}
    assert by_key["all"]["filter"] == "orders_total >= 0"
    assert (by_key["all"]["kind"], by_key["all"]["version"]) == ("defined", 1)
    assert (by_key["rfm-loyal"]["kind"], by_key["rfm-loyal"]["version"]) == ("rfm", None)
    assert by_key["lifecycle-new"]["kind"] == "lifecycle"
    for key, segment in by_key.items():
        found = pages(client, key, page_size=2)
        listed = [member["customer_id"] for page in found for member in page["members"]]
        assert len(listed) == segment["count"] == found[0]["count"]
        assert all(len(page["members"]) == 2 for page in found[:-1])
    assert by_key["all"]["count"] == len(BUYERS)


def test_pages_join_to_all_members(client: TestClient) -> None:
    for size in (1, 2, 4, 5, 500):
        found = pages(client, "all", page_size=size)
        assert [m["customer_id"] for page in found for m in page["members"]] == BUYERS
        assert len(found) == -(-len(BUYERS) // size)
    assert found[0]["members"][0]["since"] == "2024-03-01T00:00:00Z"


def test_pages_are_of_one_state(client: TestClient) -> None:
    first = client.get("/v1/segments/all/members", params={"page_size": 2}).json()
    token = first["next_page_token"]
    body = {"filter": 'orders_total >= 0 and not product_ids_365d = "tea"'}
    changed = client.put("/v1/segments/all", json=body).json()
    assert (changed["segment"]["count"], changed["segment"]["version"]) == (2, 2)
    now = client.get("/v1/segments/all/members").json()
    assert [m["customer_id"] for m in now["members"]] == ["dan", "fee/only"]
    second = client.get("/v1/segments/all/members", params={"page_token": token}).json()
    assert [m["customer_id"] for m in second["members"]] == BUYERS[2:]
    assert second["count"] == len(BUYERS)
    client.put("/v1/segments/other", json={"filter": "orders_total > 1"})
    answer = client.get("/v1/segments/all/members", params={"page_token": token})
    assert "its state was replaced" in refused(answer, 422, "validation_failed", "/page_token")


def test_a_definition_counts_at_once_and_in_every_worker(client: TestClient, ws: Workspace) -> None:
    body = {"filter": 'spend_total >= 4 and product_ids_365d in ("cup", "pot")'}
    put = client.put("/v1/segments/kitchen", json=body)
    assert put.status_code == 200
    assert put.json()["segment"]["count"] == 3
    with serving(REGULARS_HOME=str(ws.home)) as other:
        assert len(pages(other, "kitchen")[0]["members"]) == 3
        other.put("/v1/segments/kitchen", json={"filter": "orders_total > 100"})
    assert pages(client, "kitchen")[0]["members"] == []
    SegmentStore(ws).remove("kitchen")
    answer = client.get("/v1/segments/kitchen/members")
    assert "no such segment" in refused(answer, 404, "unknown_segment")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("page_size=0", "/page_size"),
        ("page_size=501", "/page_size"),
        ("page_size=x", "/page_size"),
        ("page_size=", "/page_size"),
        ("page_size=1&page_size=2", "/page_size"),
        ("size=1", "/size"),
        ("page_token=", "/page_token"),
        ("page_token=%00", "/page_token"),
        ("page_token=%FF", None),
        ("page_token=YQ==", "/page_token"),
        ("page_size", None),
        ("&", None),
    ],
)
def test_a_query_is_as_strict_as_a_body(
    client: TestClient, query: str, pointer: str | None
) -> None:
    answer = client.get(f"/v1/segments/all/members?{query}")
    refused(answer, 422, "validation_failed", pointer)


def test_a_token_names_its_segment_and_leads_nowhere_else(client: TestClient) -> None:
    token = client.get("/v1/segments/all/members?page_size=1").json()["next_page_token"]
    answer = client.get("/v1/segments/rfm-loyal/members", params={"page_token": token})
    assert "it is of the segment 'all'" in refused(answer, 422, "validation_failed")
    forged = base64.urlsafe_b64encode(b"../../bundles\nall\nx").decode()
    answer = client.get("/v1/segments/all/members", params={"page_token": forged})
    assert "its state was replaced" in refused(answer, 422, "validation_failed")
    assert "surplus" in refused(client.get("/v1/segments?surplus=1"), 422, "validation_failed")


@pytest.mark.parametrize(
    ("key", "body", "pointer"),
    [
        ("big", {"filter": "spnd_90d > 1"}, "/filter"),
        ("big", {"filter": "spend_90d > "}, "/filter"),
        ("big", {"filter": ""}, "/filter"),
        ("big", {}, "/filter"),
        ("big", {"filter": "orders_total > 1", "name": "x"}, "/name"),
        ("rfm-big", {"filter": "orders_total > 1"}, None),
        ("outside", {"filter": "orders_total > 1"}, None),
    ],
)
def test_what_is_no_definition(
    client: TestClient, key: str, body: dict[str, str], pointer: str | None
) -> None:
    answer = client.put(f"/v1/segments/{key}", json=body)
    refused(answer, 422, "validation_failed", pointer)
    assert len(client.get("/v1/segments").json()["segments"]) == len(BUILT_IN) + 1


def test_before_the_first_refresh(shop: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(shop, tmp_path / "before"))
    with serving(REGULARS_HOME=str(home)) as client:
        for answer in (
            client.get("/v1/segments"),
            client.get("/v1/segments/all/members"),
            client.put("/v1/segments/all", json={"filter": "orders_total > 1"}),
        ):
            assert "refresh" in refused(answer, 409, "segments_not_computed")
    assert not (home / "segments" / "definitions.json").exists()


def test_damage_is_an_outage_until_the_next_refresh(client: TestClient, ws: Workspace) -> None:
    assert client.get("/v1/segments").status_code == 200
    store = SegmentStore(ws)
    file = store.states.current_file
    file.write_bytes(file.read_bytes() + b"x")
    refused(client.get("/v1/segments"), 503, "store_unavailable")
    file.unlink()
    store.refresh(NOW, months=0)
    assert client.get("/v1/segments").status_code == 200


def test_the_scopes_are_predict_and_admin(ws: Workspace) -> None:
    from datetime import UTC, datetime

    from serving.access import keys

    now = datetime.now(UTC)
    _, reader = keys.create(ws.home, "reader", scopes=("predict",), now=now)
    _, admin = keys.create(ws.home, "admin", scopes=("admin",), now=now)
    _, other = keys.create(ws.home, "other", scopes=("events",), now=now)
    body = {"filter": "orders_total > 1"}
    with serving(REGULARS_HOME=str(ws.home)) as client:
        for key, read, write in ((reader, 200, 403), (admin, 200, 200), (other, 403, 403)):
            headers = {"Authorization": f"Bearer {key}"}
            assert client.get("/v1/segments", headers=headers).status_code == read
            put = client.put("/v1/segments/big", json=body, headers=headers)
            assert put.status_code == write
