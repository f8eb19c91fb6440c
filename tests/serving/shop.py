"""A tiny shop with models and an online store, and its API in this process."""

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from unittest.mock import patch

import httpx
import numpy as np
import pandas as pd
import pytest
import uvicorn
from starlette.testclient import TestClient

from configs.json_files import write_json
from features.customer_features import ACTIVITY_COUNTS, ACTIVITY_TIMES
from features.schema import empty
from features.workspace import Workspace
from serving.api.app import create_app
from serving.backend import Backend, Settings
from training.bundle import Manifest, write_bundle
from training.customers.baselines import LogisticRegression
from training.families import FAMILIES
from training.interfaces import CustomerModel, Predictor, Recommender
from training.recommenders.baselines import OwnPurchasesConfig

NOW = pd.Timestamp("2024-03-01T00:00:00Z").as_unit("us")


DAY = pd.Timedelta(days=1)


CHURN_RATE = 0.375
LOCAL = "http://127.0.0.1"
"""The address of a request from the same machine."""


OWN_PURCHASES = OwnPurchasesConfig(half_life_days=200, popularity_weight=0.1)


TYPICAL = dict.fromkeys(ACTIVITY_COUNTS, 1.0) | dict.fromkeys(ACTIVITY_TIMES, 5.0)


Serve = Callable[..., AbstractContextManager[TestClient]]


# Customer (None: a guest), days ago, product, quantity, type. Buyers of 28 days: tea 3, cup 2,
# mug 1, pot 1, 茶/1 0.
LINES = (
    ("anna", 3, "tea", 1, "sale"),
    ("anna", 10, "pot", 2, "sale"),
    ("ben", 5, "tea", 1, "sale"),
    ("ben", 5, "cup", 1, "sale"),
    ("cleo", 7, "tea", 1, "sale"),
    ("cleo", 7, "cup", 3, "sale"),
    ("cleo", 8, "mug", 1, "sale"),
    ("dan", 40, "茶/1", 1, "sale"),
    ("fee/only", 4, None, 1, "fee"),
    (None, 2, "mug", 5, "sale"),
)


def order_lines() -> pd.DataFrame:
    """Return LINES as canonical order lines, one order per line."""
    customers, days, products, quantities, types = zip(*LINES, strict=True)
    times = [NOW - day * DAY for day in days]
    frame = pd.DataFrame(
        {
            "order_id": [f"o{number}" for number in range(len(LINES))],
            "line_number": 1,
            "customer_id": customers,
            "product_id": products,
            "parent_product_id": None,
            "line_type": types,
            "quantity": quantities,
            "unit_price": 2.0,
            "channel": None,
            "store_id": None,
            "event_timestamp": times,
            "recorded_timestamp": times,
        }
    )
    return frame.astype(empty("order_lines").dtypes)


def put_bundle(
    ws: Workspace, name: str, version: str, model: Recommender | Predictor | CustomerModel
) -> None:
    """Write `model` as an exported version."""
    family = FAMILIES[name]
    manifest = Manifest(
        name=name,
        model=model.name,
        version=version,
        feature_service=family.feature_service,
        as_of=NOW.to_pydatetime(),
        data_digest="0" * 16,
        git_commit="0" * 40,
        config={},
        seed=0,
        metrics={p.unknown: CHURN_RATE for p in family.predictions.values() if p.unknown},
        typical=TYPICAL if family.typical else {},
    )
    write_bundle(ws.bundles / name / version, model, manifest)


def put_champions(ws: Workspace, **versions: str) -> None:
    """Make these versions the champions."""
    write_json(ws.bundles / "current.json", {name: f"{name}/{v}" for name, v in versions.items()})


def churn_model() -> LogisticRegression:
    """Return a model whose probability depends on every input."""
    inputs = len(LogisticRegression.inputs)
    return LogisticRegression(np.linspace(-0.1, 0.1, inputs + 1), horizon_days=90)


@contextmanager
def serving(**environment: str) -> Iterator[TestClient]:
    """Run the application in this process with `environment`; wait until it is ready.

    Without keys it answers this machine.
    """
    with serving_at(Settings.of({"REGULARS_WITHOUT_KEYS": "1", **environment})) as client:
        yield client


@contextmanager
def serving_at(settings: Settings, url: str = LOCAL) -> Iterator[TestClient]:
    """Run the application of `settings` at `url`; wait until it is ready."""
    app = create_app(lambda: Backend(settings))
    with _uncollected(), TestClient(app, url, raise_server_exceptions=False) as client:
        until(lambda: client.get("/readyz").status_code == 200)
        yield client


def _uncollected() -> AbstractContextManager[object]:
    """Collect no garbage when a model was loaded: half a second among all objects of the tests.

    Servers in processes of their own do.
    """
    return patch.object(gc, "collect", return_value=0)


@contextmanager
def listening(settings: Settings) -> Iterator[int]:
    """Run the application of `settings` on uvicorn, in this process; give its port once ready."""
    app = create_app(lambda: Backend(settings))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        port = int(server.servers[0].sockets[0].getsockname()[1])
        until(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200)
        yield port
    finally:
        server.should_exit = True
        thread.join()


def until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until `condition()` is true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not true after {seconds} s")
        time.sleep(0.02)
