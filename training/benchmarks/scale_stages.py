"""The stages that `training.benchmarks.scale` measures, each run in a process of its own."""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from features import snapshots
from features.datasets import simulated
from features.feast_store import register
from features.ingest import ingest
from features.offline import OfflineFeatures
from features.simulator import World, WorldConfig
from features.views import VIEWS
from features.workspace import Workspace
from training import score
from training.benchmarks.scale_costs import DAYS, Cost, shape
from training.data.training_data import TrainingData
from training.recommenders.two_tower.model import TwoTower, TwoTowerConfig
from training.run import Run

MODEL: Final = "two_tower"
Lap = Callable[[str, int], None]
"""Called with the finished stage, and its number of rows."""


def run(stage: str, home: Path, size: float) -> list[Cost]:
    """Run `stage` on the workspace `home` of a shop of `size`; return its costs."""
    customers, products = shape(size)
    costs: list[Cost] = []
    last = [time.perf_counter(), time.process_time()]

    def lap(done: str, rows: int) -> None:
        now = [time.perf_counter(), time.process_time()]
        costs.append(
            Cost(
                size=size,
                customers=customers,
                products=products,
                stage=done,
                rows=rows,
                wall_seconds=now[0] - last[0],
                cpu_seconds=now[1] - last[1],
                peak_mb=_peak_mb(),
            )
        )
        last[:] = now

    if stage == "simulate":
        _simulate(home, WorldConfig(customers=customers, products=products, days=DAYS, seed=1), lap)
    else:
        {"build": _build, "train": _train, "score": _score}[stage](Workspace.open(home), lap)
    return costs


def _simulate(home: Path, config: WorldConfig, lap: Lap) -> None:
    world = World(config)
    ws = Workspace.create(home, clock="simulated")
    world.save(ws)
    ws.advance(world.end)
    lap("simulate", ingest(ws, simulated.load(world)).read)


def _build(ws: Workspace, lap: Lap) -> None:
    snapshots.build(ws, as_of=ws.now())
    register(ws)
    files = [file for view in VIEWS for file in snapshots.files_of(ws, view).values()]
    lap("build", sum(pq.read_metadata(file).num_rows for file in files))


def _train(ws: Workspace, lap: Lap) -> None:
    """Train for one epoch, including the read of its data; then for one more."""
    data = _data(ws)
    purchases = len(data.purchases(data.start, data.as_of))
    run = Run(on_epoch=lambda epoch, _: lap("train" if epoch == 1 else "epoch", purchases))
    model = TwoTower.fit(data, config=TwoTowerConfig(epochs=2), seed=0, run=run)
    folder = ws.home / MODEL
    folder.mkdir()
    model.save(folder)


def _score(ws: Workspace, lap: Lap) -> None:
    model = TwoTower.load(ws.home / MODEL)
    lists = score.recommendations(model, _data(ws))
    score.write_scores(lists, ws.home / "lists.parquet")
    lap("score", len(lists))


def _data(ws: Workspace) -> TrainingData:
    return TrainingData(ws, OfflineFeatures(ws), as_of=ws.now())


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6  # bytes there, KiB here
