"""The strategy `content` over HTTP: other customers' orders do not move its lists."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from features.ingest import ingest
from features.materialize import materialize
from features.schema import RetailDataset, empty
from features.workspace import Workspace
from tests.features.shop import line, lines
from tests.serving.requests import ask, products, start_experiment
from tests.serving.shop import NOW, OWN_PURCHASES, put_bundle, put_champions, serving
from tests.serving.stocked import PRODUCTS
from training.recommenders.baselines import OwnPurchases


@contextmanager
def shop_of(home: Path, seed: int) -> Iterator[TestClient]:
    """Serve a shop in which anna bought the cup, and what others bought is drawn by `seed`."""
    rng, times = np.random.default_rng(seed), pd.date_range("2024-02-05", "2024-02-29", freq="D")
    price = {name: price for name, (_, _, price) in PRODUCTS.items()}
    rows = [line("anna", "anna", "cup", "2024-02-20", price=price["cup"])]
    for number in range(40):  # the first ones make every product known
        name = [*PRODUCTS][number] if number < len(PRODUCTS) else str(rng.choice([*PRODUCTS]))
        who, at = f"c{rng.integers(9)}", str(rng.choice(times))
        units = float(rng.integers(1, 9))
        rows.append(line(f"o{number}", who, name, at, price=price[name], quantity=units))
    texts = [
        {"product_id": name, "valid_from": pd.Timestamp("2024-01-01", tz="UTC"), "title": title}
        | {"category": category, "parent_product_id": None}
        for name, (title, category, _) in PRODUCTS.items()
    ]
    frame, table = empty("products"), lines(*rows)
    catalogue = pd.DataFrame(texts)[frame.columns].astype(frame.dtypes)
    ws = Workspace.create(home, clock=f"fixed:{NOW.isoformat()}")
    kept = {"sale": len(table)}
    dataset = RetailDataset(
        source="test", order_lines=table, products=catalogue, read=len(table), kept=kept, dropped={}
    )
    ingest(ws, dataset)
    materialize(ws, NOW)
    put_bundle(ws, "recommender", "1", OwnPurchases(OWN_PURCHASES))
    put_champions(ws, recommender="1")
    with serving(REGULARS_HOME=str(ws.home)) as client:
        yield client


CALLS: tuple[dict[str, Any], ...] = (
    {"customer_id": "anna"},
    {"customer_id": "anna", "diversity": 0.5},
    {"customer_id": "anna", "max_per_category": 1},
    {"customer_id": "anna", "filter": {"price_max": 5}},
    {"customer_id": "nobody"},
    {"session_product_ids": ["茶/1", "unheard of"]},
    {"personalized": False},
)


@pytest.mark.slow  # three shops
def test_other_customers_orders_do_not_move_it(tmp_path: Path) -> None:
    by_content, by_demand = [], []
    for seed in range(3):
        with shop_of(tmp_path / str(seed), seed) as client:
            lists = [
                ask(client, strategy="content", explain=True, **call)["items"] for call in CALLS
            ]
            by_content.append(lists)
            by_demand.append(products(ask(client, strategy="trending")))
    assert by_content[0] == by_content[1] == by_content[2]
    assert len({tuple(listed) for listed in by_demand}) > 1


@pytest.fixture(scope="module")
def ws(stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the stocked shop with a running experiment."""
    home = shutil.copytree(stocked, tmp_path_factory.mktemp("copy") / "shop")
    ws = Workspace.open(Path(home))
    start_experiment(ws)
    return ws


@pytest.fixture(scope="module")
def api(ws: Workspace) -> Iterator[TestClient]:
    with serving(REGULARS_HOME=str(ws.home)) as client:
        yield client


def test_it_lists_what_is_like_the_purchases_and_is_in_no_experiment(api: TestClient) -> None:
    answer = ask(api, customer_id="dan", strategy="content", explain=True)  # bought 红茶, a drink
    assert products(answer)[:2] == ["茶/1", "tea"]
    assert answer["model"] == {"name": "content", "version": None}
    assert answer["experiments"] == []
    assert "fallback_reason" not in answer
    reasons = {item["product_id"]: item["reasons"] for item in answer["items"]}
    assert reasons["茶/1"] == ["you bought this 40 days ago"]
    assert reasons["tea"] == ["like 红茶"]
    assert reasons["pot"] == []
    assert {item["source"] for item in answer["items"]} == {"content"}
    chinese = ask(api, customer_id="dan", strategy="content", explain=True, language="zh")
    assert chinese["items"][1]["reasons"] == ["与“红茶”相似"]


def test_who_has_no_purchases_gets_typical_products_or_the_sessions_kin(api: TestClient) -> None:
    stranger = ask(api, customer_id="nobody", strategy="content")
    assert sorted(products(stranger)) == sorted(PRODUCTS)
    assert stranger["fallback_reason"] == "unknown_customer"
    private = ask(api, customer_id="dan", strategy="content", personalized=False)
    assert products(private) == products(stranger)
    assert private["fallback_reason"] == "not_personalized"
    visitor = ask(api, strategy="content", session_product_ids=["mug"])
    assert products(visitor)[0] == "cup"
    assert "mug" not in products(visitor)


def test_without_a_champion_it_still_answers(stocked: Path, tmp_path: Path) -> None:
    ws = Workspace.open(Path(shutil.copytree(stocked, tmp_path / "shop")))
    (ws.bundles / "current.json").unlink()
    with serving(REGULARS_HOME=str(ws.home)) as client:
        answer = ask(client, customer_id="dan", strategy="content")
        visitor = ask(client, strategy="content", session_product_ids=["mug"])
    assert products(answer)[:2] == ["茶/1", "tea"]
    assert products(visitor)[0] == "cup"
