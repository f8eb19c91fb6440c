"""A complete small workspace: each kind of file that a shop's workspace holds."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import pandas as pd

from experiments.definition import Experiment, Variant
from experiments.start import start
from features.datasets import simulated
from features.ingest import ingest
from features.materialize import materialize
from features.simulator import World, WorldConfig
from features.workspace import Workspace
from serving.access import keys
from tests.serving.shop import serving
from training.fit import fit
from training.models import config_class
from training.registry import versions

CONFIG: Final = WorldConfig(customers=80, products=40, days=200, seed=7)
TOWER: Final[dict[str, Any]] = {"epochs": 1, "weeks": 4}
EXPERIMENT: Final = "towers-popularity"
SCOPES: Final = {
    "caller": "predict",
    "other": "predict",
    "events": "events",
    "admin": "admin",
}
"""The names of keys, and their scopes."""
ORDERS: Final = 40
"""The orders `order(0, ...)` and so on that the shop's event log holds from the start."""
PROBED: Final = 3
"""The number of an order whose customer tests.attack.probes asks about."""
UNLIMITED: Final = 1e6
"""Requests per second."""


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A workspace and the texts of its keys, by name."""

    home: Path
    keys: dict[str, str]

    def copy(self, home: Path) -> "Shop":
        """Return a copy at `home`."""
        shutil.copytree(self.home, home)
        return Shop(home=home, keys=self.keys)


def made_once(folder: Path, make: Callable[[Path], Shop]) -> Shop:
    """Return the shop that `make` makes in `folder`, or the one that is there already."""
    listed = folder / "keys.json"
    if not listed.exists():
        shutil.rmtree(folder, ignore_errors=True)
        shop = make(folder / "shop")
        listed.write_text(json.dumps(shop.keys))
    return Shop(home=folder / "shop", keys=json.loads(listed.read_text()))


def complete(home: Path) -> Shop:
    """Make a simulated shop with every kind of file, cleanly closed."""
    world = World(CONFIG)
    new = Workspace(home.resolve(), "UTC", "GBP", "simulated")
    world.save(new)
    new.advance(world.end)
    ws = Workspace.create(home, clock="simulated")
    ingest(ws, simulated.load(world))
    for model, values in (("two_tower", TOWER), ("popularity", {}), ("churn", {})):
        config = config_class(model).model_validate(values)
        fit(ws, model, as_of=ws.now(), config=config, seed=0)
    versions.promote(ws, "recommender", "1")
    versions.promote(ws, "churn", "1")
    materialize(ws, ws.now())
    arms = {name: Variant(model=f"recommender@{n}") for name, n in (("towers", 1), ("popular", 2))}
    start(ws, Experiment(key=EXPERIMENT, variants=arms, control="popular"))
    shop = Shop(home=ws.home, keys=give_keys(ws.home))
    _use(ws, shop.keys["admin"])
    return shop


def give_keys(home: Path) -> dict[str, str]:
    """Create a key of each of SCOPES."""
    create = partial(keys.create, home, per_second=UNLIMITED, now=datetime.now(UTC))
    return {name: create(name, scopes=[scope])[1] for name, scope in SCOPES.items()}


def order(number: int, ws: Workspace) -> dict[str, Any]:
    """Return an order of the customer `guest/NUMBER`."""
    return {
        "event_id": f"attack/{number}",
        "type": "order_completed",
        "customer_id": f"guest/{number}",
        "time": (ws.now() - pd.Timedelta(hours=1)).isoformat(),
        "order_id": f"attack-{number}",
        "currency": ws.currency,
        "items": [{"product_id": "P01", "quantity": 1, "unit_price": 2.5}],
    }


def _use(ws: Workspace, key: str) -> None:
    """Let a service write into every log."""
    with serving(REGULARS_HOME=str(ws.home)) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        for number in range(ORDERS):
            body: dict[str, Any] = {"customer_id": f"C{number + 1:02}", "k": 5}
            named = {"Idempotency-Key": f"attack/{number}"}
            asked = [
                client.post("/v1/recommendations", json=body, headers=named),
                client.post("/v1/events", json={"events": [order(number, ws)]}, headers=named),
            ]
            if not all(answer.is_success for answer in asked):
                raise RuntimeError(f"the shop does not serve: {[a.text for a in asked]}")
        change = {"products": [{"product_id": "P02", "unit_price": 3.0, "title": "TEA"}]}
        client.put("/v1/products:batch", json=change).raise_for_status()
