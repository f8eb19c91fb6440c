"""A small simulated shop with real models, made by the functions that the commands call."""

from pathlib import Path

from features.datasets import simulated
from features.ingest import ingest
from features.materialize import materialize
from features.online.store import online_products
from features.simulator import World, WorldConfig
from features.tables import read_table
from features.workspace import Workspace
from tests.serving.traffic import Town
from training.fit import fit
from training.models import config_class
from training.registry import versions

CONFIG = WorldConfig(customers=200, products=80, days=200, seed=7)
TOWERS = ("1", "2")
"""Versions of `recommender`: two-towers of two seeds. 1 is the champion, as churn 1."""


def make(home: Path) -> Workspace:
    """Make the shop at the new folder `home`: its clock is at the history's end."""
    world = World(CONFIG)
    new = Workspace(home, "UTC", "GBP", "simulated")
    world.save(new)
    new.advance(world.end)
    ws = Workspace.create(home, clock="simulated")
    ingest(ws, simulated.load(world))
    towers = config_class("two_tower").model_validate({"epochs": 1, "weeks": 6})
    for seed in range(len(TOWERS)):
        fit(ws, "two_tower", as_of=ws.now(), config=towers, seed=seed)
    churn = config_class("churn").model_validate({})
    fit(ws, "churn", as_of=ws.now(), config=churn)
    versions.promote(ws, "recommender", TOWERS[0])
    versions.promote(ws, "churn", "1")
    materialize(ws, ws.now())
    return ws


def town(ws: Workspace, url: object) -> Town:
    """Return the town for visitors of `ws`, served at `url`."""
    lines = read_table(ws, "order_lines")
    return Town(
        url=str(url),
        customers=sorted(lines["customer_id"].dropna().unique()),
        products=[*online_products(ws)[1]["product_id"]],
        now=lambda: ws.now().to_pydatetime(),
    )
