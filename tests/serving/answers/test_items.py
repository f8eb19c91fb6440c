"""The list as a whole: strategies, filters, caps, diversity, sessions and reasons, over HTTP."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from starlette.testclient import TestClient

from configs.json_files import write_json
from experiments.exposures import DATABASE, read
from features.workspace import Workspace
from tests.serving.requests import ask, products, start_experiment
from tests.serving.shop import put_bundle, put_champions, serving, until
from tests.serving.stocked import PRODUCTS, cosine


@pytest.fixture(scope="module")
def shown(stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy whose exposures the tests of this file may add to."""
    return Workspace.open(Path(shutil.copytree(stocked, tmp_path_factory.mktemp("copy") / "shop")))


@pytest.fixture(scope="module")
def api(shown: Workspace) -> Iterator[TestClient]:
    """The service whose champion knows own purchases and demand."""
    with serving(REGULARS_HOME=str(shown.home)) as client:
        yield client


@pytest.fixture
def ws(stocked: Path, tmp_path: Path) -> Workspace:
    """The stocked shop for one test, whose champion is recommender 2."""
    copy = Workspace.open(Path(shutil.copytree(stocked, tmp_path / "shop")))
    put_champions(copy, recommender="2")
    return copy


def flags(answer: dict[str, Any]) -> list[bool]:
    return [item.get("filled", False) for item in answer["items"]]


def test_buy_again_lists_nothing_new(api: TestClient) -> None:
    answer = ask(api, customer_id="anna", strategy="buy_again")
    assert products(answer) == ["tea", "pot"]
    assert "fallback_reason" not in answer
    stranger = ask(api, customer_id="nobody", strategy="buy_again")
    assert (stranger["items"], stranger["fallback_reason"]) == ([], "unknown_customer")
    private = ask(api, customer_id="anna", strategy="buy_again", personalized=False)
    assert (private["items"], private["fallback_reason"]) == ([], "not_personalized")


def test_new_to_you_lists_nothing_bought(api: TestClient) -> None:
    answer = ask(api, customer_id="anna", strategy="new_to_you")
    assert products(answer) == ["cup", "mug", "茶/1"]
    assert answer["model"]["version"] == "1"
    stranger = ask(api, customer_id="nobody", strategy="new_to_you")
    assert products(stranger) == [*PRODUCTS]


def test_trending_is_the_same_for_all(api: TestClient) -> None:
    answers = [
        ask(api, strategy="trending"),
        ask(api, customer_id="anna", strategy="trending"),
        ask(api, customer_id="dan", strategy="trending", personalized=False),
        ask(api, strategy="trending", session_product_ids=["mug"]),
    ]
    for answer in answers:
        assert products(answer) == [*PRODUCTS]
        assert answer["model"] == {"name": "popularity", "version": None}
        assert answer["experiments"] == []
        assert "fallback_reason" not in answer  # it is what was asked for


def test_a_filter_keeps_what_satisfies_all_of_it(api: TestClient) -> None:
    def kept(**asked: Any) -> list[str]:
        return products(ask(api, customer_id="anna", filter=asked))

    assert kept() == kept(categories=[]) == ["tea", "pot", "cup", "mug", "茶/1"]
    assert kept(categories=["drinks"]) == ["tea", "茶/1"]
    assert kept(categories=["ware", "unheard of"]) == ["cup", "mug"]
    assert kept(price_min=2.55, price_max=4) == ["tea", "cup", "茶/1"]
    assert kept(price_min=2.55, price_max=2.55) == ["tea"]
    assert kept(price_min=5) == ["pot", "mug"]
    assert kept(categories=["ware"], price_max=4.5) == ["cup"]
    assert kept(categories=["unheard of"]) == []
    stranger = ask(api, customer_id="nobody", filter={"categories": ["ware"]}, k=1)
    assert products(stranger) == ["cup"]


def test_a_capped_list_is_filled_up_and_says_so(api: TestClient) -> None:
    answer = ask(api, customer_id="anna", max_per_category=1)
    assert products(answer) == ["tea", "pot", "cup", "mug", "茶/1"]
    assert flags(answer) == [False, False, False, True, True]
    assert {item["source"] for item in answer["items"]} == {"own_purchases"}
    short = ask(api, customer_id="anna", max_per_category=1, k=3)
    assert all("filled" not in item for item in short["items"])
    assert products(ask(api, customer_id="ben", k=2)) == ["tea", "cup"]
    capped = ask(api, customer_id="cleo", max_per_category=1, k=2)
    assert products(ask(api, customer_id="cleo", k=3)) == ["tea", "cup", "mug"]
    assert products(capped) == ["tea", "cup"]


def test_diversity_sets_unlike_products_side_by_side(api: TestClient) -> None:
    plain = ask(api, customer_id="anna")
    assert products(ask(api, customer_id="anna", diversity=0)) == products(plain)
    assert products(plain) == ["tea", "pot", "cup", "mug", "茶/1"]
    answer = ask(api, customer_id="anna", diversity=1)
    assert products(answer) == ["tea", "pot", "cup", "茶/1", "mug"]  # a mug is nearly a cup
    assert [item["position"] for item in answer["items"]] == [1, 2, 3, 4, 5]


def test_reasons_are_given_where_asked_for(api: TestClient) -> None:
    answer = ask(api, customer_id="anna", explain=True)
    reasons = {item["product_id"]: item["reasons"] for item in answer["items"]}
    assert reasons == {
        "tea": ["you bought this 3 days ago", "popular now"],
        "pot": ["you bought this 10 days ago", "new in the shop"],
        "cup": ["new in the shop"],
        "mug": ["new in the shop"],
        "茶/1": [],
    }
    private = ask(api, customer_id="anna", explain=True, personalized=False, k=1)
    assert private["items"][0]["reasons"] == ["popular now", "new in the shop"]
    assert "reasons" not in ask(api, customer_id="anna")["items"][0]


def test_reasons_come_in_the_language_and_nothing_else_changes(api: TestClient) -> None:
    english = ask(api, customer_id="anna", explain=True)
    chinese = ask(api, customer_id="anna", explain=True, language="zh")
    reasons = {item["product_id"]: item.pop("reasons") for item in chinese["items"]}
    assert reasons["tea"] == ["您 3 天前购买过", "近期热销"]
    assert reasons["cup"] == ["新品上架"]
    assert reasons["茶/1"] == []
    for item in english["items"]:
        del item["reasons"]
    assert chinese["items"] == english["items"]
    assert chinese.get("fallback_reason") == english.get("fallback_reason")
    stranger = ask(api, customer_id="nobody", explain=True, language="zh")
    assert stranger["fallback_reason"] == "unknown_customer"
    similar = api.post(
        "/v1/products:similar",
        json={"product_id": "mug", "k": 1, "explain": True, "language": "zh"},
    ).json()
    assert similar["items"][0]["reasons"] == ["与“RED MUG”相似"]


def test_a_model_that_relates_products_says_so(ws: Workspace) -> None:
    put_bundle(ws, "recommender", "3", cosine("pot", "cup"))
    put_champions(ws, recommender="3")
    with serving(REGULARS_HOME=str(ws.home)) as client:
        answer = ask(client, customer_id="anna", explain=True)
    reasons = {item["product_id"]: item["reasons"] for item in answer["items"]}
    assert reasons["cup"] == ["often bought with IRON POT", "new in the shop"]
    assert reasons["mug"] == ["new in the shop"]


def test_exposures_say_what_was_shown(api: TestClient, shown: Workspace) -> None:
    asked: list[dict[str, Any]] = [
        {"max_per_category": 1, "diversity": 0.4, "k": 4},
        {"strategy": "buy_again"},
        {"strategy": "trending", "filter": {"categories": ["ware"]}},
        {"filter": {"categories": ["unheard of"]}},
    ]
    answers = {(a := ask(api, customer_id="anna", **one))["recommendation_id"]: a for one in asked}
    log = read(shown.experiments / DATABASE).set_index("recommendation_id").loc[[*answers]]
    assert log["product_ids"].tolist() == [products(answer) for answer in answers.values()]
    propensities = [[item["propensity"] for item in a["items"]] for a in answers.values()]
    assert log["propensities"].tolist() == propensities
    assert (log["unit_id"] == "anna").all()
    assert log["model_version"].tolist() == ["recommender@1"] * 2 + ["popularity", "recommender@1"]


def test_a_visitor_without_history_is_answered_by_the_session(ws: Workspace) -> None:
    with serving(REGULARS_HOME=str(ws.home)) as client:
        anonymous = ask(client, session_product_ids=["cup", "unheard of", "mug"])
        assert products(anonymous) == ["茶/1", "tea", "pot"]  # a mug speaks for 茶/1
        assert anonymous["items"][0]["score"] == pytest.approx(1, abs=1e-6)
        assert anonymous["model"] == {"name": "recommender", "version": "2"}
        assert {item["source"] for item in anonymous["items"]} == {"cosine"}
        assert "fallback_reason" not in anonymous
        for customer_id, reason in (("nobody", "unknown_customer"), ("fee/only", "no_history")):
            answer = ask(client, customer_id=customer_id, session_product_ids=["mug"])
            assert products(answer) == ["茶/1", "tea", "cup", "pot"]
            assert answer["fallback_reason"] == reason
        assert products(ask(client, session_product_ids=["cup"])) == ["tea", "mug", "pot", "茶/1"]
    log = read(ws.experiments / DATABASE)
    assert log["unit_id"].tolist() == [None, "nobody", "fee/only", None]
    assert set(log["model_version"]) == {"recommender@2"}


def test_who_has_a_history_or_wants_no_person_read_has_no_session(ws: Workspace) -> None:
    with serving(REGULARS_HOME=str(ws.home)) as client:
        known = ask(client, customer_id="anna", session_product_ids=["mug"])
        assert products(known) == products(ask(client, customer_id="anna"))
        private = ask(client, personalized=False, session_product_ids=["mug"])
        assert products(private) == [*PRODUCTS]
        assert private["fallback_reason"] == "not_personalized"
        unheard = ask(client, session_product_ids=["unheard of"])
        assert products(unheard) == [*PRODUCTS]
        assert unheard["fallback_reason"] == "not_personalized"
        again = ask(client, strategy="buy_again", session_product_ids=["mug"])
        assert (again["items"], again["fallback_reason"]) == ([], "not_personalized")


def test_a_session_is_in_no_experiment_and_needs_no_store(ws: Workspace) -> None:
    start_experiment(ws, own=1e-9)
    put_champions(ws, recommender="1")
    with serving(REGULARS_HOME=str(ws.home)) as client:
        answer = ask(client, customer_id="nobody", session_product_ids=["mug"])
        assert answer["experiments"] == []
        assert answer["model"]["version"] == "1"
    (ws.feast / "online.db").unlink()
    (ws.feast / "online.db").mkdir()
    put_champions(ws, recommender="2")
    with serving(REGULARS_HOME=str(ws.home)) as client:
        answer = ask(client, customer_id="anna", session_product_ids=["mug"], k=1)
    assert products(answer) == ["茶/1"]
    assert answer["fallback_reason"] == "store_unavailable"


def test_without_a_champion_a_strategy_still_holds(ws: Workspace) -> None:
    write_json(ws.bundles / "current.json", {})
    with serving(REGULARS_HOME=str(ws.home)) as client:
        again = ask(client, customer_id="anna", strategy="buy_again")
        fresh = ask(client, customer_id="anna", strategy="new_to_you")
        session = ask(client, session_product_ids=["mug"])
    assert (products(again), again["fallback_reason"]) == (["tea", "pot"], "model_unavailable")
    assert products(fresh) == ["cup", "mug", "茶/1"]
    assert (products(session), session["fallback_reason"]) == ([*PRODUCTS], "not_personalized")


def test_a_new_category_in_the_same_snapshot_is_seen(ws: Workspace) -> None:
    def ware(client: TestClient) -> list[str]:
        return products(ask(client, filter={"categories": ["ware"]}))

    with serving(REGULARS_HOME=str(ws.home)) as client:
        assert ware(client) == ["cup", "mug"]
        current = json.loads((ws.online / "current.json").read_text())
        rows = pd.read_parquet(ws.online / current["products"])
        category = rows["category"].mask(rows["product_id"] == "pot", "ware")
        rows.assign(category=category).to_parquet(ws.online / "products-changed.parquet")
        write_json(ws.online / "current.json", current | {"products": "products-changed.parquet"})
        until(lambda: ware(client) == ["cup", "mug", "pot"])
