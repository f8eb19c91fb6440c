"""Training data of a shop that corrected an order: as known then before, as corrected after."""

from pathlib import Path

import pandas as pd

from features.feast_store import register
from features.ingest import ingest
from features.offline import OfflineFeatures
from features.schema import RetailDataset
from features.snapshots import build
from features.workspace import Workspace
from tests.features.datasets.csv_shop import load
from training.data.training_data import TrainingData

ROWS = (
    "1,anna,tea,2,3.50,2024-03-01 10:00",
    "1,anna,mug,1,8.00,2024-03-01 10:00",
    "2,ben,tea,1,3.50,2024-03-05 12:00",
)
CORRECTED = (ROWS[0].replace(",2,", ",5,"), "1,anna,pot,1,9.00,2024-03-01 10:00", ROWS[2])


def shop(home: Path, clock: str) -> Workspace:
    fixed = f"fixed:{clock}T00:00:00+00:00"
    return Workspace.create(home, timezone="Europe/Berlin", currency="EUR", clock=fixed)


def file(folder: Path, rows: tuple[str, ...]) -> RetailDataset:
    return load(folder, "\n".join(rows) + "\n")


def at(day: str) -> pd.Timestamp:
    return pd.Timestamp(day, tz="UTC").as_unit("us")


def data(ws: Workspace, day: str) -> TrainingData:
    build(ws, as_of=at(day))
    register(ws)
    return TrainingData(ws, OfflineFeatures(ws), as_of=at(day))


def test_a_correction_changes_training_data_from_its_arrival_on(tmp_path: Path) -> None:
    ws = shop(tmp_path / "shop", "2024-03-20")
    ingest(ws, file(tmp_path, ROWS))
    then = data(ws, "2024-03-12")
    before = (
        then.digest,
        then.purchases(then.start, then.as_of),
        then.orders(then.start, then.as_of),
    )
    ingest(ws, file(tmp_path, CORRECTED), corrections=True)

    again = data(ws, "2024-03-12")
    assert again.digest == before[0]
    for ours, theirs in zip(
        (again.purchases(again.start, again.as_of), again.orders(again.start, again.as_of)),
        before[1:],
        strict=True,
    ):
        pd.testing.assert_frame_equal(ours, theirs)

    later = data(shop(tmp_path / "shop", "2024-03-28"), "2024-03-28")
    assert later.purchases(later.start, later.as_of)["product_id"].tolist() == ["tea", "pot", "tea"]
    assert later.customers(at("2024-03-12")).tolist() == ["anna", "ben"]  # both had ordered by then
