"""What a shop says of its products: taken part by part, and heeded in lists."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from features.logs.product_changes import ProductChanges
from features.model_inputs import PRODUCT_INPUTS
from features.workspace import Workspace
from tests.serving.product_calls import PATH, put, soon
from tests.serving.requests import ask, products
from tests.serving.shop import put_bundle, put_champions, serving, until
from tests.serving.stocked import PRODUCTS
from training.data.vocabulary import Vocabulary
from training.recommenders.two_tower.model import TwoTower, TwoTowerConfig

TITLES = [title for title, _, _ in PRODUCTS.values()]


@pytest.fixture
def ws(stocked: Path, tmp_path: Path) -> Workspace:
    """The stocked shop, for this test alone."""
    return Workspace.open(Path(shutil.copytree(stocked, tmp_path / "shop")))


# What is taken.


def test_each_part_has_its_own_status(client: TestClient) -> None:
    bad: list[tuple[Any, str, str]] = [
        ({"product_id": "tea", "price": 2}, "/price", "unknown field `price`"),
        ({"product_id": "tea"}, "", "this product has no changes"),
        ({"title": "Tea"}, "/product_id", "missing required field"),
        ({"product_id": "a\n", "title": "Tea"}, "/product_id", ""),
        ({"product_id": "", "title": "Tea"}, "/product_id", ""),
        ({"product_id": 1, "title": "Tea"}, "/product_id", ""),
        ({"product_id": "tea", "title": ""}, "/title", ""),
        ({"product_id": "tea", "title": None}, "/title", ""),
        ({"product_id": "tea", "category": "x" * 1001}, "/category", ""),
        ({"product_id": "tea", "unit_price": -1}, "/unit_price", ""),
        ({"product_id": "tea", "unit_price": "2"}, "/unit_price", ""),
        ({"product_id": "tea", "unit_price": 1e12}, "/unit_price", ""),
        ({"product_id": "tea", "available": 1}, "/available", ""),
        ({"product_id": "tea", "store_stock": 5}, "/store_stock", ""),
        ({"product_id": "tea", "store_stock": {}}, "/store_stock", ""),
        ({"product_id": "tea", "store_stock": {"a": -1}}, "/store_stock", ""),
        ({"product_id": "tea", "store_stock": {"": 1}}, "/store_stock", ""),
        ("tea", "", ""),
        ([], "", ""),
    ]
    parts = [{"product_id": "tea", "available": False}, *(part for part, _, _ in bad)]
    answer = client.put(PATH, json={"products": [*parts, {"product_id": "客/1", "title": "茶"}]})
    body = answer.json()
    assert answer.status_code == 200
    assert body.keys() == {"request_id", "results"}
    first, *refused, last = body["results"]
    assert first == last == {"status": 200}
    for number, (result, (_, pointer, detail)) in enumerate(zip(refused, bad, strict=True), 1):
        problem = result["problem"]
        assert (result["status"], problem["status"], problem["code"]) == (
            *(422, 422),
            "validation_failed",
        )
        assert problem["request_id"] == body["request_id"]
        assert problem["instance"] == PATH
        (error,) = problem["errors"]
        assert error["pointer"].startswith(f"/products/{number}{pointer}")
        assert detail in error["detail"]
        assert problem["detail"] == f"{error['pointer']}: {error['detail']}"
    with closing(ProductChanges(Workspace.open(home(client)).product_changes_db)) as log:
        assert log.since().product_ids == {"tea", "客/1"}


def home(client: TestClient) -> Path:
    path: Path = client.app.state.backend.models._ws.home  # type: ignore[attr-defined]
    return path


def test_all_parts_may_be_bad(client: TestClient) -> None:
    assert [result["status"] for result in put(client, 1, {}, {"product_id": "x"})] == [422] * 3


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"products": [}', 400),
        (b'{"products": []}', 422),
        (b'{"products": {}}', 422),
        (b'{"products": [{}], "mode": "full"}', 422),
        (b'{"products": [' + b",".join([b"{}"] * 501) + b"]}", 422),
    ],
)
def test_a_bad_body_is_refused_whole(client: TestClient, body: bytes, status: int) -> None:
    answer = client.put(PATH, content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_cannot_be_written_is_told(client: TestClient) -> None:
    with closing(sqlite3.connect(home(client) / "product_changes.db")) as database:
        database.execute("DROP TABLE changes")
    answer = client.put(PATH, json={"products": [{"product_id": "tea", "available": False}]})
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert len(ask(client)["items"]) == 5  # lists go on


# What it does to lists.


def test_an_unavailable_product_is_never_listed(client: TestClient) -> None:
    put(client, {"product_id": "tea", "available": False})
    soon(client, "cup", "mug", "pot", "茶/1", strategy="trending")
    for asked in (
        {"customer_id": "anna"},
        {"customer_id": "anna", "strategy": "buy_again"},
        {"customer_id": "dan", "strategy": "new_to_you"},
        {"customer_id": "nobody"},
        {"customer_id": "anna", "personalized": False},
        {"session_product_ids": ["mug"]},
        {"customer_id": "anna", "diversity": 0.5, "max_per_category": 1},
    ):
        assert "tea" not in products(ask(client, **asked)), asked
    similar = client.post("/v1/products:similar", json={"product_id": "茶/1"}).json()
    assert "tea" not in products(similar)
    put(client, {"product_id": "tea", "available": True})
    soon(client, "tea", "cup", "mug", "pot", "茶/1", strategy="trending")


def test_in_stock_leaves_out_what_is_known_to_be_sold_out(client: TestClient) -> None:
    put(
        client,
        {"product_id": "tea", "store_stock": {"north": 0, "south": 0}},
        {"product_id": "cup", "store_stock": {"north": 0, "south": 2}},
        {"product_id": "mug", "available": False, "store_stock": {"north": 5}},
    )
    in_stock = {"strategy": "trending", "filter": {"in_stock": True}}
    soon(client, "cup", "pot", "茶/1", **in_stock)  # of pot and 茶/1 nothing is known
    for asked in (None, {"in_stock": False}):
        listed = products(ask(client, strategy="trending", filter=asked))
        assert listed == ["tea", "cup", "pot", "茶/1"]
    put(client, {"product_id": "tea", "store_stock": {"north": 1}})
    soon(client, "tea", "cup", "pot", "茶/1", **in_stock)


def test_a_filter_reads_the_price_that_was_said(client: TestClient) -> None:
    cheap = {"strategy": "trending", "filter": {"price_max": 3}}
    assert products(ask(client, **cheap)) == ["tea", "茶/1"]
    put(client, {"product_id": "tea", "unit_price": 3.01}, {"product_id": "pot", "unit_price": 0})
    soon(client, "pot", "茶/1", **cheap)


def test_availability_and_price_change_arrays_alone(client: TestClient) -> None:
    models = client.app.state.backend.models  # type: ignore[attr-defined]
    before = models.served
    put(client, {"product_id": "tea", "available": False, "unit_price": 9, "store_stock": {"a": 0}})
    until(lambda: models.served is not before)
    after = models.served
    assert after.rankers is before.rankers
    assert after.catalogue.products is before.catalogue.products
    assert after.catalogue.shelf is before.catalogue.shelf
    assert before.catalogue.unavailable.sum() == 0  # who holds it still sees one state
    assert after.catalogue.unavailable.sum() == 1


def test_texts_are_read_anew(client: TestClient) -> None:
    put(client, {"product_id": "pot", "category": "ware"}, {"product_id": "cup", "title": "BOWL"})
    soon(client, "cup", "mug", "pot", strategy="trending", filter={"categories": ["ware"]})
    models = client.app.state.backend.models  # type: ignore[attr-defined]
    assert "BOWL" in models.served.catalogue.products.titles
    assert models.served.champion == "recommender@1"


def test_a_new_product_is_listed(client: TestClient) -> None:
    put(client, {"product_id": "new/1", "title": "RED CUP", "category": "ware", "unit_price": 4})
    soon(client, "cup", "mug", "new/1", filter={"categories": ["ware"]}, strategy="trending")
    answer = ask(client, customer_id="anna")
    assert "new/1" in products(answer)
    assert answer["model"]["version"] == "1"
    put(client, {"product_id": "new/1", "available": False})
    soon(client, "cup", "mug", filter={"categories": ["ware"]}, strategy="trending")
    similar = client.post("/v1/products:similar", json={"product_id": "new/1", "k": 1}).json()
    assert products(similar) == ["cup"]


def test_the_two_tower_scores_a_new_product_by_its_title(ws: Workspace) -> None:
    tower = TwoTower(
        TwoTowerConfig(embedding_dim=8, hidden=8),
        product_ids=Vocabulary(PRODUCTS),
        title_tokens=Vocabulary.of_titles(TITLES, min_count=1),
    )
    put_bundle(ws, "recommender", "9", tower)
    put_champions(ws, recommender="9")
    with serving(REGULARS_HOME=str(ws.home)) as client:
        put(
            client, {"product_id": "a", "title": "RED MUG"}, {"product_id": "b", "title": "RED MUG"}
        )
        put(client, {"product_id": "c", "title": "GREEN TEA"})
        until(lambda: len(ask(client, customer_id="anna")["items"]) == 8)
        answer = ask(client, customer_id="anna")
    score = {item["product_id"]: item["score"] for item in answer["items"]}
    assert score["a"] == pytest.approx(score["b"], abs=1e-5)
    assert score["a"] != pytest.approx(score["c"], abs=1e-5)
    assert {item["source"] for item in answer["items"]} == {"two_tower"}


def test_the_price_of_what_was_never_sold_is_what_models_read(client: TestClient) -> None:
    models = client.app.state.backend.models  # type: ignore[attr-defined]

    def log_price() -> float:
        known = models.served.catalogue.products
        place, column = known.places["new"], PRODUCT_INPUTS.index("log_price")
        return float(known.features[place, column])

    put(client, {"product_id": "new", "unit_price": 1})
    soon(client, "tea", "cup", "mug", "pot", "new", "茶/1", strategy="trending")
    assert log_price() == 0
    put(client, {"product_id": "new", "unit_price": 2.718281828})
    until(lambda: log_price() == pytest.approx(1))
