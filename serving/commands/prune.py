"""Retention: how long each log of a workspace is kept, and what removes the rest.

- Exposures: 400 days, and as long as their experiment runs; at most REGULARS_EXPOSURES_GIB (16).
- Kept answers: 24 hours, and of each key the newest 64 MiB; the service removes the rest itself.
- Product changes: until `materialize` has put them into the tables, and the last of each field.
- Events: always. The log is the truth, and knows which event and order it has seen.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from configs.database_files import check_there
from experiments.exposures import DATABASE, ExposureLog
from experiments.lifecycle import running
from features.workspace import Workspace
from serving.stores.idempotency import ANSWERED, IdempotencyStore


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What was removed of a log."""

    path: Path
    rows: int
    octets: int
    """Bytes of the rows; the file stays as large, and new rows use the room."""


def prune(home: Path, *, exposures_days: int, dry_run: bool) -> Iterator[Pruned]:
    """Remove what is kept no longer from the logs in `home`, and yield each log's part.

    `dry_run` only counts. A service may run meanwhile. Days are those of the workspace's clock.
    Raises sqlite3.Error, and ExperimentError if it is unknown which experiments run.
    """
    ws = Workspace.open(home)
    path = ws.experiments / DATABASE
    if check_there(path):
        before = ws.now() - pd.Timedelta(days=exposures_days)
        keep = {experiment.key for experiment in running(ws)}
        with ExposureLog(path, busy_timeout_s=5) as log:
            rows, octets = log.prune(before, keep=keep, dry_run=dry_run)
        yield Pruned(path=path, rows=rows, octets=octets)
    path = ws.home / ANSWERED
    if check_there(path):
        with closing(IdempotencyStore(path, clock=time.time)) as answers:
            rows, octets = answers.prune(dry_run=dry_run)
        yield Pruned(path=path, rows=rows, octets=octets)
