"""Once ready, the first requests find everything compiled, imported and open."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from features.materialize import materialize
from features.offline import OfflineFeatures
from features.simulator import World, WorldConfig
from features.tables import write_tables
from features.workspace import Workspace
from tests.serving.shop import churn_model, put_bundle, put_champions, serving
from tests.training.tiny import TWO_STAGE
from training.data.training_data import TrainingData
from training.recommenders.two_stage.model import TwoStage
from training.run import Run

LISTS = "/v1/recommendations"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated shop whose champion is a recommender in two stages."""
    tables = World(WorldConfig(customers=150, products=40, days=200, seed=3)).history()
    end = tables["order_lines"]["event_timestamp"].max().normalize()
    ws = Workspace.create(tmp_path_factory.mktemp("shop"), clock=f"fixed:{end.isoformat()}")
    with ws.lock("tables"):
        write_tables(ws, tables)
    materialize(ws, end)
    data = TrainingData(ws, OfflineFeatures(ws), as_of=end)
    put_bundle(ws, "recommender", "1", TwoStage.fit(data, config=TWO_STAGE, seed=1, run=Run()))
    put_bundle(ws, "churn", "1", churn_model())
    put_champions(ws, recommender="1", churn="1")
    return ws.home


def requests(
    customers: list[str], products: list[str], *, now: str
) -> list[tuple[str, dict[str, Any]]]:
    """Return 21 requests, of all kinds; the last one's customer has just ordered."""
    event: dict[str, Any] = {"event_id": "e", "type": "order_completed", "time": now}
    event |= {"customer_id": customers[0], "order_id": "web", "currency": "GBP"}
    event["items"] = [{"product_id": products[0], "quantity": 1, "unit_price": 2}]
    anna, ben = ({"customer_id": name} for name in customers)
    lists: list[dict[str, Any]] = [
        *(anna, ben, {"customer_id": "nobody"}, {}, anna | {"explain": True, "k": 40}),
        *(anna | {"diversity": 0.3}, ben | {"max_per_category": 2}, anna | {"k": 1}),
        *(anna | {"strategy": name} for name in ("buy_again", "new_to_you", "trending")),
        {"session_product_ids": products[:1]},
        {"session_product_ids": products, "diversity": 1, "explain": True},
        ben | {"filter": {"price_max": 5, "in_stock": True}, "exclude_product_ids": products},
    ]
    churn = "/v1/predictions/churn"
    return [
        *((LISTS, body) for body in lists),
        ("/v1/recommendations:batch", {"requests": [anna, ben]}),
        ("/v1/products:similar", {"product_id": products[0], "explain": True}),
        (churn, {"customer_ids": customers}),
        (churn, {"customer_ids": [*customers, "nobody"], "explain": True}),
        ("/v1/customers:predictions", anna),
        ("/v1/events", {"events": [event]}),
        (LISTS, anna),
    ]


def compiled() -> int:
    """Return for how many types functions are compiled or read from the cache."""
    from numba.core.dispatcher import Dispatcher

    modules = [m for name, m in sys.modules.items() if name.startswith("training.")]
    found = {id(f): f for m in modules for f in vars(m).values() if isinstance(f, Dispatcher)}
    return sum(len(function.signatures) for function in found.values())


def tell(home: str) -> None:
    """Serve `home` in this process and print what the first requests had to wait for."""
    with serving(REGULARS_HOME=home) as client:
        served = client.app.state.backend.models.served  # type: ignore[attr-defined]
        store, catalogue = served.store, served.catalogue
        customers = store.online_ids(40)[7:9]
        products, now = catalogue.products.product_ids[5:8].tolist(), catalogue.as_of.isoformat()
        asked = requests(customers, products, now=now)
        functions, modules = compiled(), set(sys.modules)
        for path, body in asked:
            answer = client.post(path, json=body)
            assert answer.status_code in {200, 202}, answer.text
        print(
            json.dumps(
                {
                    "champion": served.champion,
                    "functions": functions,
                    "compiled": compiled() - functions,
                    "imported": sorted(set(sys.modules) - modules),
                }
            )
        )


@pytest.mark.slow
def test_no_request_waits_for_what_only_the_first_needs(home: Path) -> None:
    """In a process of its own, which has fitted nothing."""
    code = f"from tests.serving.test_warm_up import tell; tell({str(home)!r})"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout.splitlines()[-1])
    print(told)
    assert told["champion"] == "recommender@1"
    assert told["functions"] > 10
    assert told["compiled"] == 0
    assert told["imported"] == []
