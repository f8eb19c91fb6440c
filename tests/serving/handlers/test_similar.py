"""Products like one product: alike in content, or bought along, over HTTP."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from starlette.testclient import TestClient

from configs.json_files import write_json
from experiments.exposures import DATABASE, read
from features.logs.product_changes import ProductChange, ProductChanges
from features.workspace import Workspace
from tests.serving.requests import products, save_clock
from tests.serving.shop import NOW, put_bundle, put_champions, serving
from tests.serving.stocked import PRODUCTS
from training.recommenders.baselines import Popularity, PopularityConfig
from training.recommenders.item_to_item import Cosine, CosineConfig

PATH = "/v1/products:similar"


@pytest.fixture(scope="module")
def shown(stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy whose champion relates mugs to 茶/1."""
    home = shutil.copytree(stocked, tmp_path_factory.mktemp("copy") / "shop")
    ws = Workspace.open(Path(home))
    put_champions(ws, recommender="2")
    return ws


@pytest.fixture(scope="module")
def api(shown: Workspace) -> Iterator[TestClient]:
    with serving(REGULARS_HOME=str(shown.home)) as client:
        yield client


def similar(client: TestClient, product_id: str, **asked: Any) -> dict[str, Any]:
    answer = client.post(PATH, json={"product_id": product_id, **asked})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_content_and_co_purchase_add_up(api: TestClient) -> None:
    answer = similar(api, "mug", explain=True)
    assert products(answer) == ["茶/1", "cup", "tea", "pot"]  # never itself
    along, alike, popular, also_popular = answer["items"]
    assert along == {
        "product_id": "茶/1",
        "position": 1,
        "score": 1.0,
        "source": "co_purchase",
        "reasons": ["often bought with RED MUG"],
    }
    assert alike["source"] == "content"
    assert alike["reasons"] == ["like RED MUG"]
    # Half of each vector is the category, of the title "red" is shared: idf 1 + ln(6 / 3) against
    # 1 + ln(6 / 2) of "mug" and "cup".
    red, own = 1 + 0.6931471805599453, 1 + 1.0986122886681098
    assert alike["score"] == pytest.approx((1 + red**2 / (red**2 + own**2)) / 2, abs=1e-6)
    assert (popular["source"], popular["score"], popular["reasons"]) == ("popularity", 3, [])
    assert (also_popular["source"], also_popular["score"]) == ("popularity", 1)


def test_the_answer_says_what_every_answer_says(api: TestClient) -> None:
    answer = similar(api, "mug", k=1)
    assert answer["model"] == {"name": "recommender", "version": "2"}
    assert answer["experiments"] == []
    assert answer["feature_age_s"] == 0
    assert "fallback_reason" not in answer
    assert "reasons" not in answer["items"][0]
    assert len(answer["items"]) == 1


def test_a_title_in_another_script_is_alike_by_its_category(api: TestClient) -> None:
    assert products(similar(api, "茶/1"))[0] == "tea"
    assert products(similar(api, "tea"))[0] == "茶/1"


def test_of_equals_the_one_that_sells_comes_first(stocked: Path, tmp_path: Path) -> None:
    ws = Workspace.open(Path(shutil.copytree(stocked, tmp_path / "shop")))
    with closing(ProductChanges(ws.product_changes_db)) as log:
        coffee = ProductChange(product_id="a", title="COFFEE", category="drinks")
        log.record([coffee, ProductChange(product_id="b", category="drinks")], clock=ws.now)
    with serving(REGULARS_HOME=str(ws.home)) as client:
        items = similar(client, "b", k=3)["items"]
    assert [item["product_id"] for item in items] == ["tea", "a", "茶/1"]
    assert {round(item["score"], 5) for item in items} == {0.70711}


def test_a_product_of_which_nothing_is_alike_gets_what_sells(api: TestClient) -> None:
    answer = similar(api, "pot")
    assert products(answer) == ["tea", "cup", "mug", "茶/1"]
    assert {item["source"] for item in answer["items"]} == {"popularity"}


def test_exclusions_and_filters_hold(api: TestClient) -> None:
    assert products(similar(api, "mug", exclude_product_ids=["茶/1", "unheard of"], k=1)) == ["cup"]
    drinks = {"categories": ["drinks", "unheard of"]}
    assert products(similar(api, "mug", filter=drinks)) == ["茶/1", "tea"]
    assert products(similar(api, "mug", filter={"price_min": 4})) == ["cup", "pot"]
    assert products(similar(api, "mug", filter={"categories": ["unheard of"]})) == []


def test_a_closer_companion_than_usual_counts_as_1(stocked: Path, tmp_path: Path) -> None:
    ws = Workspace.open(Path(shutil.copytree(stocked, tmp_path / "shop")))
    weights = np.zeros((5, 5), dtype=np.float32)
    weights[2] = [1, -3, 9, 4, 0.5]  # of the mug to tea, cup, itself, pot and 茶/1
    weights[3] = [0.25, 0, 0, 0, 0]
    model = Cosine(CosineConfig(), product_ids=[*PRODUCTS], weights=csr_array(weights))
    put_bundle(ws, "recommender", "3", model)
    put_champions(ws, recommender="3")
    with serving(REGULARS_HOME=str(ws.home)) as client:
        mug, pot = (similar(client, name)["items"] for name in ("mug", "pot"))
    scores = {item["product_id"]: item["score"] for item in mug}
    assert (scores["pot"], scores["tea"], scores["茶/1"]) == (1, 0.25, 0.125)
    assert 0.5 < scores["cup"] < 1
    assert (pot[0]["product_id"], pot[0]["score"], pot[0]["source"]) == ("tea", 0.25, "co_purchase")


def test_an_unknown_product_is_told(api: TestClient) -> None:
    answer = api.post(PATH, json={"product_id": "unheard of"})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (404, "unknown_product")
    assert "'unheard of'" in problem["detail"]
    document = api.get("/openapi.json").json()
    assert "404" in document["paths"][PATH]["post"]["responses"]
    assert "404" not in document["paths"]["/v1/recommendations"]["post"]["responses"]


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({}, "/product_id"),
        ({"product_id": ""}, "/product_id"),
        ({"product_id": "mug", "k": 101}, "/k"),
        ({"product_id": "mug", "k": 0}, "/k"),
        ({"product_id": "mug", "customer_id": "anna"}, "/customer_id"),
        ({"product_id": "mug", "exclude_product_ids": ["a\n"]}, "/exclude_product_ids/0"),
        ({"product_id": "mug", "exclude_product_ids": ["a"] * 1001}, "/exclude_product_ids"),
        ({"product_id": "mug", "filter": {"price_min": 2, "price_max": 1}}, "/filter"),
    ],
)
def test_a_bad_request_is_told(api: TestClient, asked: dict[str, Any], pointer: str) -> None:
    answer = api.post(PATH, json=asked)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_no_exposure_is_kept(api: TestClient, shown: Workspace) -> None:
    similar(api, "mug")
    assert read(shown.experiments / DATABASE).empty


def test_a_champion_that_relates_nothing_leaves_content(stocked: Path, tmp_path: Path) -> None:
    ws = Workspace.open(Path(shutil.copytree(stocked, tmp_path / "shop")))
    put_bundle(ws, "recommender", "3", Popularity(PopularityConfig()))
    put_champions(ws, recommender="3")
    with serving(REGULARS_HOME=str(ws.home)) as client:
        answer = similar(client, "mug", k=1)
    assert products(answer) == ["cup"]
    assert answer["model"] == {"name": "content", "version": None}
    assert "fallback_reason" not in answer
    write_json(ws.bundles / "current.json", {})
    save_clock(ws, NOW)
    with serving(REGULARS_HOME=str(ws.home)) as client:
        answer = similar(client, "mug", k=1)
    assert products(answer) == ["cup"]
    assert answer["fallback_reason"] == "model_unavailable"


def test_without_a_snapshot_the_list_is_empty(tmp_path: Path) -> None:
    Workspace.create(tmp_path, clock="fixed:2024-03-01T00:00:00Z")
    with serving(REGULARS_HOME=str(tmp_path)) as client:
        answer = similar(client, "mug")
    assert (answer["items"], answer["fallback_reason"]) == ([], "model_unavailable")
