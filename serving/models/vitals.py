"""A worker's vitals, once a second: its dependencies, the age of its features, CPU and memory.

Each worker measures itself on a thread, since the worker that answers `/metrics` cannot query the
others. A dependency that is not configured counts as down: requests that need it get fallbacks or
errors.
"""

import json
import logging
import os
import resource
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Final

import pandas as pd

from experiments.exposures import DATABASE
from features.workspace import Workspace
from serving.access.limits import InFlight
from serving.models.watcher import ModelWatcher
from serving.state.served import Served
from serving.telemetry import metrics
from training.families import FAMILIES, predictor_families

logger = logging.getLogger(__name__)
PAUSE_S: Final = 1.0
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Vitals:
    """Writes a worker's state into its metrics."""

    def __init__(
        self,
        ws: Workspace,
        stores: Workspace | None,
        *,
        models: ModelWatcher,
        load: InFlight,
        answered: Path,
    ) -> None:
        self._ws, self._stores, self._models, self._load = ws, stores, models, load
        self._files = (
            {}
            if stores is None
            else {
                "event_log": stores.events_db,
                "product_log": stores.product_changes_db,
                "exposure_log": stores.experiments / DATABASE,
                "idempotency": answered,
            }
        )
        self._cpu = 0.0
        self._answered: set[str] = set()

    def follow(self, stop: threading.Event) -> None:
        """Measure until `stop` is set."""
        while True:
            try:
                self.measure()
            except Exception:  # the next measurement may succeed
                logger.exception("cannot measure")
            if stop.wait(PAUSE_S):
                return

    def measure(self) -> None:
        """Measure once."""
        served = self._models.served
        metrics.WORKERS.set(1)
        metrics.READY.set(self._models.ready)
        metrics.IN_FLIGHT.set(self._load.in_flight)
        metrics.PRODUCTS.set(0 if served.catalogue is None else len(served.catalogue.products))
        _up("champion", served.champion is not None)
        for family in predictor_families():
            _up(family, family in served.predictors)
        for part in (*FAMILIES, "products"):
            metrics.REFUSED.labels(part).set(part in served.refused)
        self._answering(served)
        _up("online_store", self._online_store())
        for name in ("event_log", "product_log", "exposure_log", "idempotency"):
            _up(name, name in self._files and writable(self._files[name]))
        self._ages()
        self._process()

    def _answering(self, served: Served) -> None:
        answering = {*served.answering.values()}
        for name in self._answered | answering:
            metrics.ANSWERING.labels(name).set(name in answering)
        self._answered |= answering

    def _online_store(self) -> bool:
        store = self._models.served.store
        if store is None:
            return False
        try:
            store.online_customer("vitals")
        except Exception:  # Feast's stores raise any type
            return False
        return True

    def _ages(self) -> None:
        now, served = self._ws.now(), self._models.served
        if served.catalogue is not None:
            metrics.FEATURE_AGE.labels("products").set(_seconds(now, served.catalogue.as_of))
        if self._stores is not None and (path := self._stores.online / "current.json").exists():
            as_of = pd.Timestamp(json.loads(path.read_text(encoding="utf-8"))["as_of"])
            metrics.FEATURE_AGE.labels("customers").set(_seconds(now, as_of))

    def _process(self) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu = used.ru_utime + used.ru_stime
        metrics.CPU_SECONDS.inc(cpu - self._cpu)
        self._cpu = cpu
        status = Path("/proc/self/statm")
        if status.exists():
            metrics.MEMORY.set(int(status.read_text().split()[1]) * _PAGE)
        else:  # macOS: the peak, in bytes
            metrics.MEMORY.set(used.ru_maxrss)


def writable(path: Path) -> bool:
    """Return whether the SQLite database at `path` exists and takes a writer within a second."""
    uri = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=1, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except (sqlite3.Error, OSError):
        return False
    return True


def _up(dependency: str, up: bool) -> None:
    metrics.UP.labels(dependency).set(up)


def _seconds(now: pd.Timestamp, as_of: pd.Timestamp) -> float:
    return max(0.0, (now - as_of).total_seconds())
