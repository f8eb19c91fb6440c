"""With the clock fixed at a snapshot, HTTP gives what is computed offline."""

from dataclasses import dataclass, fields
from typing import Any, Final

import httpx
import numpy as np
import pandas as pd
import pytest

from features.materialize import materialize
from features.offline import OfflineFeatures
from features.online.store import OnlineStore, online_products
from features.simulator import World, WorldConfig
from features.tables import write_tables
from features.times import microseconds
from features.workspace import Workspace
from tests.features.shop import stored
from tests.serving.server import server
from training.bundle import load_bundle
from training.customers.churn import ChurnConfig
from training.data.inputs import (
    FloatArray,
    Products,
    Queries,
    encode_products,
    encode_queries,
    encode_rows,
)
from training.data.training_data import TrainingData
from training.fit import fit
from training.kernels.top_k import top_k
from training.recommenders.two_stage.model import TwoStageConfig
from training.recommenders.two_stage.network_ranker import NetworkConfig
from training.recommenders.two_stage.tree_ranker import TreesConfig
from training.recommenders.two_tower.model import TwoTowerConfig
from training.registry import versions
from training.score import predictions, recommendations, write_scores

pytestmark = pytest.mark.slow  # trainings and servers
CUSTOMERS: Final = 200
K: Final = 10
NEAR: Final = 1e-5
WORLD: Final = WorldConfig(customers=300, products=100, days=252, seed=11)
TWO_TOWER: Final = TwoTowerConfig(epochs=1, embedding_dim=16, hidden=16, weeks=8)
RECOMMENDERS: Final = {
    "two_tower": TWO_TOWER,
    "two_stage": TwoStageConfig(
        two_tower=TWO_TOWER,
        windows=1,
        per_source=20,
        network=NetworkConfig(hidden=16),
        trees=TreesConfig(trees=20, leaves=7),
    ),
}
CHURN: Final = ChurnConfig(horizon_days=28, epochs=1, hidden=(8,))


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A shop whose clock stands at a snapshot, two weeks before its data end."""

    ws: Workspace
    as_of: pd.Timestamp
    data: TrainingData
    rows: pd.DataFrame
    """The customers' features as training reads them."""
    products: Products
    queries: Queries

    def champion(self, name: str) -> Any:
        """Return the champion as MLflow keeps it; serving reads the exported one."""
        return load_bundle(versions.find(self.ws, name, versions.CHAMPION).bundle).model


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What HTTP gave, a row a customer."""

    product_ids: list[list[str]]
    scores: FloatArray  # (B, K)
    churn: FloatArray  # (B,)


@pytest.fixture(scope="module", params=RECOMMENDERS)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    world = World(WORLD)
    as_of = world.end - pd.Timedelta(days=14)  # a Monday
    ws = Workspace.create(tmp_path_factory.mktemp("shop"), clock=f"fixed:{as_of.isoformat()}")
    with ws.lock("tables"):
        write_tables(ws, world.history())
    recommender = (request.param, RECOMMENDERS[request.param])
    for model, config in (recommender, ("churn", CHURN)):
        fit(ws, model, as_of=as_of, config=config, device="cpu")
        versions.promote(ws, model)
    materialize(ws, as_of)
    offline = OfflineFeatures(ws)
    data = TrainingData(ws, offline, as_of=as_of)
    buyers = sorted(data.purchases(data.start, as_of)["customer_id"].unique())[:CUSTOMERS]
    rows = offline.customers(pd.DataFrame({"customer_id": buyers, "event_timestamp": as_of}))
    products = encode_products(offline.products(as_of), as_of)
    return Shop(
        ws=ws,
        as_of=as_of,
        data=data,
        rows=rows,
        products=products,
        queries=encode_queries(rows, products, as_of),
    )


@pytest.fixture(scope="module")
def answers(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    customer_ids = shop.queries.customer_ids.tolist()
    with server(shop.ws.home, tmp_path_factory.mktemp("log") / "log") as running:
        http = running.http
        lists = [
            asked(http, "recommendations", customer_id=customer_id, k=K)["items"]
            for customer_id in customer_ids
        ]
        churn = asked(http, "predictions/churn", customer_ids=customer_ids)["predictions"]
    assert [prediction["customer_id"] for prediction in churn] == customer_ids
    return Answers(
        product_ids=[[item["product_id"] for item in items] for items in lists],
        scores=np.array([[item["score"] for item in items] for items in lists], np.float32),
        churn=np.array([prediction["value"] for prediction in churn], np.float32),
    )


def asked(http: httpx.Client, path: str, **request: Any) -> dict[str, Any]:
    """Return the answer to `request`, which no fallback may have given."""
    answer = http.post(f"/v1/{path}", json=request)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    for part in (body, *body.get("predictions", ())):
        assert "fallback_reason" not in part
        assert part["feature_age_s"] == 0
    return body


def test_the_stored_features_are_the_trained_ones(shop: Shop) -> None:
    assert len(shop.rows) == CUSTOMERS
    store, customer_ids = OnlineStore(shop.ws), shop.rows["customer_id"].tolist()
    rows = [store.online_customer(customer_id) for customer_id in customer_ids]
    found = [row for row in rows if row is not None]
    assert {row["snapshot_timestamp"] for row in found} == {microseconds(shop.as_of)}
    for row, (_, offline) in zip(found, shop.rows.iterrows(), strict=True):
        assert row.pop("log_sequence") == 0
        assert {name: stored(value) for name, value in row.items()} == {
            name: stored(offline[name]) for name in row
        }
    online = encode_rows(found, customer_ids, shop.products, shop.as_of)
    for field in fields(Queries):
        one, other = (getattr(queries, field.name) for queries in (online, shop.queries))
        np.testing.assert_array_equal(one, other, err_msg=field.name)
    as_of, products = online_products(shop.ws)
    assert as_of == shop.as_of
    pd.testing.assert_frame_equal(
        products, OfflineFeatures(shop.ws).products(as_of), check_exact=True, check_dtype=False
    )


def test_the_ten_best_and_their_scores(shop: Shop, answers: Answers) -> None:
    scores = shop.champion("recommender").scorer(shop.products)(shop.queries)
    best = top_k(scores, K)
    assert answers.product_ids == shop.products.product_ids[best].tolist()
    expected = np.take_along_axis(scores, best, axis=1)
    np.testing.assert_allclose(answers.scores, expected, rtol=0, atol=NEAR)
    assert len({tuple(listed) for listed in answers.product_ids}) > CUSTOMERS / 2


def test_churn(shop: Shop, answers: Answers) -> None:
    expected = shop.champion("churn").predict(shop.queries)
    np.testing.assert_allclose(answers.churn, expected, rtol=0, atol=NEAR)
    assert len(np.unique(answers.churn.round(4))) > CUSTOMERS / 2


def test_the_batch_files_say_the_same(
    shop: Shop, answers: Answers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, customer_ids = tmp_path_factory.mktemp("scores"), shop.queries.customer_ids
    lists = recommendations(shop.champion("recommender"), shop.data, k=K, lists=["all"])
    write_scores(lists, folder / "lists")
    write_scores(predictions(shop.champion("churn"), shop.data, family="churn"), folder / "churn")
    read = pd.read_parquet(folder / "lists").sort_values(["customer_id", "rank"])
    listed = read.groupby("customer_id")["product_id"].agg(list)
    assert listed.reindex(customer_ids).tolist() == answers.product_ids
    churn = pd.read_parquet(folder / "churn").set_index("customer_id")["churn_probability"]
    np.testing.assert_allclose(
        churn.reindex(customer_ids).to_numpy(), answers.churn, rtol=0, atol=NEAR
    )
