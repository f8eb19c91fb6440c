"""What the measurement says: stages of real answers, a filled catalogue, ratios turn by turn."""

from contextlib import closing
from pathlib import Path

import pytest

from features.online.store import online_products
from features.workspace import Workspace
from serving.backend import Backend, Settings
from serving.bench.filled import fill
from serving.bench.load import BenchError, Measured, measure
from serving.bench.report import BARE, ONE, _ratios
from serving.bench.stages import WARM_UP, stages


def test_stages_are_those_of_an_answer(ws: Workspace) -> None:
    took = stages(ws.home, ['{"customer_id": "anna"}'] * (WARM_UP + 5))
    assert list(took) == [
        "decode the request",
        "the customer's row (Feast)",
        "fresh events",
        "row to query",
        "scores",
        "the list",
        "the exposure, in its own commit",
        "encode the answer",
    ]


def test_only_stored_customers_are_staged(ws: Workspace) -> None:
    with pytest.raises(BenchError, match="customer_id = 'nobody': not in the online store"):
        stages(ws.home, ['{"customer_id": "nobody"}'])


@pytest.mark.parametrize("products", [3, 700])  # more than there are pairs of words
def test_a_catalogue_is_filled_up(ws: Workspace, tmp_path: Path, products: int) -> None:
    stands = len(online_products(ws)[1])
    filled = fill(ws, tmp_path / "filled", products=products)
    with closing(Backend(Settings(workspace=filled, stores=filled))) as backend:
        backend.models.refresh()
        served = backend.models.served
    assert served.catalogue is not None
    assert len(served.catalogue.products) == max(stands, products)
    assert served.champion == "recommender@1"
    assert not ws.product_changes_db.exists()


def turn(cpu_us: float) -> Measured:
    return Measured(
        connections=8,
        requests_s=100,
        p50_ms=2,
        p95_ms=3,
        p99_ms=5,
        cpu_us=cpu_us,
        memory_mb=1,
    )


def test_ratios_are_taken_turn_by_turn() -> None:
    found = {
        BARE: [[turn(100), turn(200), turn(100)]],
        ONE: [[turn(800), turn(2000), turn(900)]],
        "2 workers": [[turn(800), turn(2200), turn(1080)]],
    }
    assert list(_ratios(found)) == [
        "8 connections: 9.0 times (8.0 to 10.0) the bare endpoint's CPU per request; "
        "p99 is 2.5 times p50",
        "8 connections: 2 workers take 1.10 times (1.00 to 1.20) the CPU per request of one",
    ]


def test_who_has_no_wrk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchError, match="wrk is missing: install it"):
        measure("http://127.0.0.1:1", tmp_path / "bodies", connections=1, seconds=1)
