"""The shops of these tests, made once and copied for each test, and clients of their API."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from features.ingest import ingest
from features.materialize import materialize
from features.schema import RetailDataset
from features.workspace import Workspace
from serving.models import vitals, watcher
from tests.serving import real_shop
from tests.serving.shop import (
    NOW,
    OWN_PURCHASES,
    churn_model,
    order_lines,
    put_bundle,
    put_champions,
    serving,
)
from tests.serving.stocked import stock
from training.recommenders.baselines import OwnPurchases, Popularity, PopularityConfig


@pytest.fixture(scope="session", autouse=True)
def short_pauses() -> Iterator[None]:
    """Services in this process look for changes and measure themselves ten times a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watcher, "POLL_S", 0.1)
        patch.setattr(vitals, "PAUSE_S", 0.1)
        yield


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with features online, recommender 1 (own purchases), 2 (popularity), churn 1."""
    ws = Workspace.create(tmp_path_factory.mktemp("shop"), clock=f"fixed:{NOW.isoformat()}")
    lines = order_lines()
    counts = {str(kind): int(count) for kind, count in lines["line_type"].value_counts().items()}
    ingest(
        ws,
        RetailDataset(source="test", order_lines=lines, read=len(lines), kept=counts, dropped={}),
    )
    materialize(ws, NOW)
    put_bundle(ws, "recommender", "1", OwnPurchases(OWN_PURCHASES))
    put_bundle(ws, "recommender", "2", Popularity(PopularityConfig()))
    put_bundle(ws, "churn", "1", churn_model())
    put_champions(ws, recommender="1", churn="1")
    return ws.home


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop with texts and prices (tests.serving.stocked)."""
    return stock(tmp_path_factory.mktemp("stocked") / "shop")


@pytest.fixture(scope="session")
def simulated_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated workspace with fitted models (tests.serving.real_shop)."""
    return real_shop.make(tmp_path_factory.mktemp("simulated") / "shop").home


@pytest.fixture
def ws(shop: Path, tmp_path: Path) -> Workspace:
    """A copy of the shop for one test."""
    return Workspace.open(Path(shutil.copytree(shop, tmp_path / "shop")))


@pytest.fixture
def client(ws: Workspace) -> Iterator[TestClient]:
    """A client of the shop's API."""
    with serving(REGULARS_HOME=str(ws.home)) as client:
        yield client
