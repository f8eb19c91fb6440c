"""What complements a basket, over HTTP: counts of known orders, by the rules of the API."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from experiments.exposures import DATABASE, read
from features.baskets.rules import RulesConfig, mine
from features.ingest import ingest
from features.logs.product_changes import ProductState
from features.materialize import materialize
from features.online.store import online_products
from features.schema import RetailDataset
from features.workspace import Workspace
from serving.answers.complement import complement
from serving.backend import Settings
from serving.client import Client
from serving.schemas.baskets import ComplementRequest
from serving.state.baskets import Baskets
from serving.state.catalogue import Catalogue, catalogue_of
from tests.features.shop import line, lines
from tests.serving.product_calls import put
from tests.serving.requests import products
from tests.serving.shop import DAY, NOW, listening, serving, until

PATH = "/v1/baskets:complement"
# Customer, days ago, products: tea and cup are in four orders of six, pot follows tea twice.
ORDERS = (
    ("anna", 30, "tea cup mug"),
    ("anna", 20, "pot"),
    ("ben", 28, "tea cup mug"),
    ("ben", 27, "pot tea cup"),
    (None, 9, "tea cup mug pot"),
    ("cleo", 8, "pot tea"),
    ("cleo", 7, "jar"),
)


def order_lines(*more: tuple[str | None, int, str]) -> pd.DataFrame:
    rows = [
        line(f"o{number}", customer, name, str((NOW - days * DAY).tz_localize(None)), number=slot)
        for number, (customer, days, names) in enumerate((*ORDERS, *more))
        for slot, name in enumerate(names.split())
    ]
    return lines(*rows)


def fill(ws: Workspace, table: pd.DataFrame) -> None:
    kept = {str(kind): int(count) for kind, count in table["line_type"].value_counts().items()}
    data = RetailDataset(source="test", order_lines=table, read=len(table), kept=kept, dropped={})
    ingest(ws, data)
    materialize(ws, NOW)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ws = Workspace.create(tmp_path_factory.mktemp("baskets"), clock=f"fixed:{NOW.isoformat()}")
    fill(ws, order_lines())
    return ws.home


@pytest.fixture
def api(home: Path, tmp_path: Path) -> Iterator[TestClient]:
    with serving(REGULARS_HOME=str(shutil.copytree(home, tmp_path / "shop"))) as client:
        yield client


def ask(client: TestClient, *product_ids: str, **asked: Any) -> dict[str, Any]:
    answer = client.post(PATH, json={"product_ids": product_ids, **asked})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_the_figures_of_a_rule(api: TestClient) -> None:
    answer = ask(api, "tea")
    assert products(answer) == ["cup", "mug", "pot"]
    assert answer["items"][0] == {
        "product_id": "cup",
        "position": 1,
        "score": pytest.approx((4 / 5 * 4 / 4) ** 0.5),
        "with_product_id": "tea",
        "orders": 4,
        "support": 4 / 7,
        "confidence": 4 / 5,
        "lift": pytest.approx(4 / 5 / (4 / 7)),
        "direction": {"followed": 1, "preceded": 1, "share": 0.5},
    }
    pot = answer["items"][2]
    assert pot["direction"] == {"followed": 2, "preceded": 0, "share": 1.0}
    assert answer["model"] == {"name": "basket_rules", "version": None}
    assert (answer["experiments"], answer["feature_age_s"]) == ([], 0)
    assert "fallback_reason" not in answer
    assert ask(api, "mug")["items"][0]["direction"] == {
        "followed": 1,
        "preceded": 0,
        "share": 1.0,
    }


def test_bundles_are_what_the_basket_misses(api: TestClient) -> None:
    three = {"orders": 3, "support": 3 / 7}
    assert ask(api, "tea")["bundles"] == [
        {"product_ids": ["cup", "mug"], "with_product_ids": ["tea"], **three}
    ]
    assert ask(api, "mug", "tea")["bundles"] == [
        {"product_ids": ["cup"], "with_product_ids": ["mug", "tea"], **three}
    ]
    whole = ask(api, "mug", "tea", "cup")
    assert (products(whole), whole["bundles"]) == (["pot"], [])


def test_nothing_known_is_an_empty_list_with_a_reason(api: TestClient) -> None:
    for basket, reason in (
        (("unheard of", "红茶"), "unknown_products"),
        (("jar",), "no_rules"),
        (("jar", "unheard of"), "no_rules"),
        (("tea", "cup", "mug", "pot"), "no_rules"),
    ):
        answer = ask(api, *basket)
        assert (answer["items"], answer["bundles"]) == ([], [])
        assert answer["fallback_reason"] == reason
    assert products(ask(api, "unheard of", "tea", "tea")) == ["cup", "mug", "pot"]


def test_what_is_unavailable_or_lacking_in_the_store_is_never_listed(api: TestClient) -> None:
    put(
        api,
        {"product_id": "cup", "available": False, "store_stock": {"north": 1}},
        {"product_id": "mug", "store_stock": {"north": 0, "south": 2}},
        {"product_id": "pot", "store_stock": {"north": 3}},
    )
    until(lambda: products(ask(api, "tea")) == ["mug", "pot"])
    assert ask(api, "tea")["bundles"] == []
    assert products(ask(api, "tea", store_id="north")) == ["pot"]
    assert products(ask(api, "tea", store_id="south")) == ["mug"]
    nowhere = ask(api, "tea", store_id="unheard of")
    assert (nowhere["items"], nowhere["fallback_reason"]) == ([], "no_rules")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/product_ids"),
        ({"product_ids": []}, "/product_ids"),
        ({"product_ids": ["a"] * 101}, "/product_ids"),
        ({"product_ids": ["a", " b"]}, "/product_ids/1"),
        ({"product_ids": ["a"], "k": 0}, "/k"),
        ({"product_ids": ["a"], "k": 101}, "/k"),
        ({"product_ids": ["a"], "store_id": 7}, "/store_id"),
        ({"product_ids": ["a"], "customer_id": "anna"}, "/customer_id"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(
    api: TestClient, body: dict[str, Any], pointer: str
) -> None:
    answer = api.post(PATH, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_new_rules_come_with_the_next_cut_and_none_before_the_first(tmp_path: Path) -> None:
    ws = Workspace.create(tmp_path / "shop", clock=f"fixed:{NOW.isoformat()}")
    with serving(REGULARS_HOME=str(ws.home)) as client:
        empty = ask(client, "tea")
        assert (empty["items"], empty["fallback_reason"]) == ([], "model_unavailable")
        assert empty["feature_age_s"] is None
        fill(ws, order_lines())
        until(lambda: products(ask(client, "tea")) == ["cup", "mug", "pot"])
        more = [("dan", days, "jar tea") for days in (1, 2, 3)]
        fill(ws, order_lines(*more))
        until(lambda: "jar" in products(ask(client, "tea")))
        assert not (ws.experiments / DATABASE).exists() or read(ws.experiments / DATABASE).empty


def test_the_client_calls_it(home: Path) -> None:
    settings_ = Settings.of({"REGULARS_HOME": str(home), "REGULARS_WITHOUT_KEYS": "1"})
    with listening(settings_) as port, Client(url=f"http://127.0.0.1:{port}") as regulars:
        answer = regulars.complement(product_ids=["tea"], k=1)
    assert [item.product_id for item in answer.items] == ["cup"]
    assert answer.items[0].direction.share == 0.5
    assert [bundle.product_ids for bundle in answer.bundles] == [["cup", "mug"]]


# The answer against a loop over all orders.

NAMES = ("tea", "cup", "mug", "pot", "jar")
BASKETS = st.lists(st.sets(st.sampled_from(NAMES), min_size=1), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def catalogue(home: Path) -> Catalogue:
    as_of, rows = online_products(Workspace.open(home))
    state = ProductState(available={"jar": False}, stores={"tea": ("n",), "cup": ("n",)})
    return catalogue_of(rows, as_of, changes=-1, state=state)


@given(
    orders=BASKETS,
    basket=st.lists(st.sampled_from([*NAMES, "none"]), min_size=1, max_size=4),
    k=st.integers(1, 5),
    store_id=st.sampled_from([None, "n"]),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_items_are_the_strongest_rules_of_all_orders(
    catalogue: Catalogue, orders: list[set[str]], basket: list[str], k: int, store_id: str | None
) -> None:
    table = lines(
        *(
            line(f"o{number}", None, name, "2024-01-01", number=slot)
            for number, names in enumerate(orders)
            for slot, name in enumerate(sorted(names))
        )
    )
    baskets = Baskets.of(mine(table, config=RulesConfig(min_orders=1)), {})
    request = ComplementRequest(product_ids=basket, k=k, store_id=store_id)
    items, bundles, reason = complement(baskets, catalogue, request)

    def count(*names: str) -> int:
        return sum({*names} <= order for order in orders)

    allowed = {"tea", "cup", "mug", "pot"} if store_id is None else {"tea", "cup"}
    strength = {
        other: max(
            count(one, other) / (count(one) * count(other)) ** 0.5
            for one in basket
            if one in NAMES and count(one)
        )
        for other in allowed - {*basket}
        if any(count(one, other) for one in basket)
    }
    best = sorted(strength.values(), reverse=True)[:k]
    assert [item.score for item in items] == pytest.approx(best)
    for position, item in enumerate(items, 1):
        one, other = item.with_product_id, item.product_id
        both = count(one, other)
        assert item.position == position
        assert item.score == pytest.approx(strength[other])
        assert (item.orders, item.support) == (both, both / len(orders))
        assert item.confidence == both / count(one)
        assert item.lift == pytest.approx(both * len(orders) / count(one) / count(other))
    assert len({item.product_id for item in items}) == len(items)
    for bundle in bundles:
        assert {*bundle.with_product_ids} <= {*basket}
        assert {*bundle.product_ids} <= allowed - {*basket}
        assert bundle.product_ids
        assert bundle.with_product_ids
        assert bundle.orders == count(*bundle.product_ids, *bundle.with_product_ids)
    held = [(len(bundle.product_ids), -bundle.orders) for bundle in bundles]
    assert held == sorted(held)
    assert (reason is None) == bool(items or bundles)
