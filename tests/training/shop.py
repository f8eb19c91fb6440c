"""A small simulated shop."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from features import snapshots
from features.feast_store import register
from features.offline import OfflineFeatures
from features.simulator import World, WorldConfig
from features.tables import write_tables
from features.workspace import Workspace
from training.data.training_data import TrainingData

DAYS = pd.Timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A workspace with snapshots, and its training data 28 days before the end and at the end."""

    ws: Workspace
    client: OfflineFeatures
    past: TrainingData
    full: TrainingData
    tables: dict[str, pd.DataFrame]


def make_shop(home: Path, config: WorldConfig) -> Shop:
    """Simulate the shop of `config` at `home`; its clock is fixed at the end of the data."""
    tables = World(config).history()
    end = tables["order_lines"]["event_timestamp"].max().normalize()
    ws = Workspace.create(home, clock=f"fixed:{end.isoformat()}")
    with ws.lock("tables"):
        write_tables(ws, tables)
    for cut in (end - 28 * DAYS, end):
        snapshots.build(ws, as_of=cut)
    register(ws)
    client = OfflineFeatures(ws)
    return Shop(
        ws=ws,
        client=client,
        past=TrainingData(ws, client, as_of=end - 28 * DAYS),
        full=TrainingData(ws, client, as_of=end),
        tables=tables,
    )
