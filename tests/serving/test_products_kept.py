"""What was said of products stays: after restarts, snapshots, kill -9; every process heeds it."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from starlette.testclient import TestClient

from features.ingest import ingest
from features.logs.product_changes import ProductChange, ProductChanges
from features.materialize import materialize
from features.offline import OfflineFeatures
from features.schema import RetailDataset, empty
from features.workspace import Workspace
from serving.backend import Backend, Settings
from serving.commands.package import copy_workspace
from tests.serving.product_calls import PATH, put, soon
from tests.serving.requests import ask, products
from tests.serving.server import server
from tests.serving.shop import DAY, NOW, serving, until


@pytest.fixture
def ws(stocked: Path, tmp_path: Path) -> Workspace:
    """The stocked shop, for this test alone."""
    return Workspace.open(Path(shutil.copytree(stocked, tmp_path / "shop")))


def test_changes_survive_a_restart(ws: Workspace) -> None:
    with serving(REGULARS_HOME=str(ws.home)) as client:
        put(client, {"product_id": "tea", "available": False}, {"product_id": "new", "title": "X"})
    with serving(REGULARS_HOME=str(ws.home)) as client:
        listed = ["cup", "mug", "pot", "new", "茶/1"]
        assert products(ask(client, strategy="trending")) == listed


def test_changes_survive_materialize(ws: Workspace) -> None:
    """What came before the snapshot is in it, what came after is on top; prices stand."""
    told = {
        NOW + DAY: (
            ProductChange(product_id="pot", title="OLD"),
            ProductChange(product_id="cup", title="BOWL", unit_price=1, available=False),
            ProductChange(product_id="new", unit_price=7),
        ),
        NOW + 3 * DAY: (
            ProductChange(product_id="pot", title="NEW"),
            ProductChange(product_id="late", title="LATE"),
        ),
    }
    with closing(ProductChanges(ws.product_changes_db)) as log:
        for at, changes in told.items():
            clock = replace(ws, clock=f"fixed:{at.isoformat()}").now
            log.record(changes, clock=clock)
    later = replace(ws, clock=f"fixed:{(NOW + 4 * DAY).isoformat()}")
    materialize(later, NOW + 2 * DAY)
    rows = OfflineFeatures(later).products(NOW + 2 * DAY).set_index("product_id")
    assert rows.loc["cup", "title"] == "BOWL"
    assert rows.loc["pot", "title"] == "OLD"
    assert "new" in rows.index
    assert "late" not in rows.index
    for days in (2, 4):
        materialize(later, NOW + days * DAY)
        with serving(REGULARS_HOME=str(ws.home)) as api:
            catalogue = api.app.state.backend.models.served.catalogue  # type: ignore[attr-defined]
            assert catalogue.as_of == NOW + days * DAY
            titles = dict(
                zip(catalogue.products.product_ids, catalogue.products.titles, strict=True)
            )
            assert titles["pot"] == "NEW"
            assert titles["cup"] == "BOWL"
            assert titles["late"] == "LATE"
            cheap = ask(api, strategy="trending", filter={"price_min": 7, "price_max": 7})
            assert products(cheap) == ["new"]
            assert "cup" not in products(ask(api, strategy="trending"))


def test_a_file_told_later_replaces_what_was_said(ws: Workspace) -> None:
    with closing(ProductChanges(ws.product_changes_db)) as log:
        said = ProductChange(product_id="pot", title="SAID", category="said")
        log.record([said], clock=replace(ws, clock=f"fixed:{(NOW + DAY).isoformat()}").now)
    later = replace(ws, clock=f"fixed:{(NOW + 4 * DAY).isoformat()}")
    frame = empty("products")
    row = {"product_id": "pot", "valid_from": NOW + 2 * DAY, "title": "FILED", "category": "filed"}
    filed = pd.DataFrame([{**row, "parent_product_id": None}])[frame.columns].astype(frame.dtypes)
    lines = empty("order_lines")
    told = {"source": "f", "order_lines": lines, "read": 0, "kept": {}, "dropped": {}}
    ingest(later, RetailDataset(products=filed, **told))  # type: ignore[arg-type]
    materialize(later, NOW + 3 * DAY)
    with serving(REGULARS_HOME=str(ws.home)) as client:
        listed = ask(client, strategy="trending", filter={"categories": ["filed"]})
        assert products(listed) == ["pot"]


def test_materialize_while_serving_keeps_what_was_said(ws: Workspace, client: TestClient) -> None:
    put(
        client, {"product_id": "new", "title": "RED CUP"}, {"product_id": "tea", "available": False}
    )
    soon(client, "cup", "mug", "pot", "new", "茶/1", strategy="trending")
    later = replace(ws, clock=f"fixed:{(NOW + DAY).isoformat()}")
    materialize(later, NOW + DAY)
    models = client.app.state.backend.models  # type: ignore[attr-defined]
    until(lambda: models.served.catalogue.as_of == NOW + DAY)
    assert products(ask(client, strategy="trending")) == ["cup", "mug", "pot", "new", "茶/1"]


def test_changes_without_a_snapshot_wait_for_it(tmp_path: Path) -> None:
    ws = Workspace.create(tmp_path, clock=f"fixed:{NOW.isoformat()}")
    with serving(REGULARS_HOME=str(ws.home)) as client:
        assert put(client, {"product_id": "tea", "title": "Tea"}) == [{"status": 200}]
        assert ask(client)["items"] == []


def test_a_broken_log_at_start_leaves_the_snapshot(ws: Workspace) -> None:
    with closing(ProductChanges(ws.product_changes_db)) as log:
        log.record([ProductChange(product_id="x", title="X")], clock=lambda: NOW)
    with closing(sqlite3.connect(ws.product_changes_db)) as database:
        database.execute("ALTER TABLE changes RENAME COLUMN value TO content")
    with serving(REGULARS_HOME=str(ws.home)) as client:
        assert len(ask(client)["items"]) == 5


def test_a_bento_carries_what_was_said(ws: Workspace, tmp_path: Path) -> None:
    with closing(ProductChanges(ws.product_changes_db)) as log:
        log.record([ProductChange(product_id="tea", available=False)], clock=lambda: NOW)
    packaged = tmp_path / "packaged"
    copy_workspace(ws, packaged)
    carried = Workspace.open(packaged)
    with closing(Backend(Settings(workspace=carried, stores=None))) as backend:
        backend.models.refresh()
        catalogue = backend.models.served.catalogue
        assert catalogue is not None
        assert catalogue.unavailable.sum() == 1
    assert sorted(path.name for path in packaged.glob("product_changes*")) == ["product_changes.db"]
    stores = replace(carried, home=tmp_path / "stores")
    with closing(ProductChanges(stores.product_changes_db)) as log:
        log.record([ProductChange(product_id="pot", available=False)], clock=lambda: NOW)
    with closing(Backend(Settings(workspace=carried, stores=stores))) as backend:
        backend.models.refresh()
        catalogue = backend.models.served.catalogue
        assert catalogue is not None
        assert catalogue.unavailable.sum() == 2  # what was carried, and what is said since


# Several workers, and kill -9.

WRITER = """
import sys
from pathlib import Path
from starlette.testclient import TestClient
from serving.api.app import create_app
from serving.backend import Backend, Settings
names = {"REGULARS_HOME": sys.argv[1], "REGULARS_WITHOUT_KEYS": "1"}
app = create_app(lambda: Backend(Settings.of(names)))
with TestClient(app, "http://127.0.0.1") as client:
    while client.get("/readyz").status_code != 200:
        pass
    part = {"product_id": "tea", "available": False, "title": "X"}
    print(client.put("/v1/products:batch", json={"products": [part]}).status_code)
"""


@pytest.mark.slow
def test_a_second_process_heeds_what_the_first_was_told(ws: Workspace, client: TestClient) -> None:
    assert "tea" in products(ask(client, strategy="trending"))
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(ws.home)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "200"
    soon(client, "cup", "mug", "pot", "茶/1", strategy="trending")
    models = client.app.state.backend.models  # type: ignore[attr-defined]
    until(lambda: "X" in models.served.catalogue.products.titles)


@pytest.mark.slow
def test_an_acknowledged_change_survives_kill_9(ws: Workspace, tmp_path: Path) -> None:
    with server(ws.home, tmp_path / "log") as running:
        part = {"product_id": "tea", "available": False, "store_stock": {"a": 2}}
        answer = running.http.put(PATH, json={"products": [part]})
        assert answer.json()["results"] == [{"status": 200}]
        os.kill(running.process.pid, signal.SIGSTOP)  # it would start the worker again
        (worker,) = running.workers()
        os.kill(worker, signal.SIGKILL)
        os.kill(running.process.pid, signal.SIGKILL)
        until(running.gone)
    assert list(ws.home.glob("product_changes.db-wal"))  # nobody closed the log
    with closing(ProductChanges(ws.product_changes_db)) as log:
        assert log.since().available == {"tea": False}
        assert log.since().stock == {"tea": 2}
