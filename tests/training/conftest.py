"""One small simulated shop, built once, that the tests of training share."""

import pytest

from features import snapshots
from features.feast_store import register
from features.offline import OfflineFeatures
from features.simulator import World, WorldConfig
from features.tables import write_tables
from features.workspace import Workspace
from tests.training.shop import DAYS, Shop
from training.data.training_data import TrainingData


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    tables = World(WorldConfig(customers=150, products=40, days=200, seed=3)).history()
    end = tables["order_lines"]["event_timestamp"].max().normalize()
    ws = Workspace.create(tmp_path_factory.mktemp("shop"), clock=f"fixed:{end.isoformat()}")
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
