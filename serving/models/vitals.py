"""A worker's vitals, once a second: its dependencies, the age of its features, CPU and memory.

Each worker measures itself on a thread, since the worker that answers `/metrics` cannot query the
others. A dependency that is not configured counts as down: requests that need it get fallbacks or
errors.
"""

import logging
import os
import resource
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from configs.database_checks import used_bytes
from configs.json_files import read_json
from experiments.exposures import ExposureLog
from features.workspace import Workspace
from serving.access.limits import InFlight
from serving.models.watcher import ModelWatcher
from serving.state.served import Served
from serving.stores.checks import StoreChecks
from serving.telemetry import metrics
from training.families import FAMILIES, predicting_families

logger = logging.getLogger(__name__)
PAUSE_S: Final = 1.0
LOGS: Final = ("event_log", "product_log", "exposure_log", "idempotency")
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
        files: Mapping[str, Path],
        checks: StoreChecks,
        exposures: ExposureLog | None,
    ) -> None:
        self._ws, self._stores, self._models, self._load = ws, stores, models, load
        self._files, self._checks, self._exposures = files, checks, exposures
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
        for family in predicting_families():
            _up(family, family in served.predictors)
        for part in (*FAMILIES, "products"):
            metrics.REFUSED.labels(part).set(part in served.refused)
        self._answering(served)
        _up("online_store", self._online_store())
        self._logs()
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

    def _logs(self) -> None:
        """Measure each log; one that holds damage, or is full, is down."""
        for name in LOGS:
            used = used_bytes(self._files[name]) if name in self._files else None
            if used is not None:
                metrics.LOG_BYTES.labels(name).set(used)
            limit = None
            if name == "exposure_log" and self._exposures is not None:
                limit = self._exposures.largest_bytes
            if limit is not None:
                metrics.LOG_LIMIT.labels(name).set(limit)
            room = used is not None and (limit is None or used < limit)
            _up(name, room and self._checks.sound(name))
        if self._stores is not None and self._stores.home.exists():
            metrics.DISK_FREE.set(shutil.disk_usage(self._stores.home).free)

    def _ages(self) -> None:
        now, served = self._ws.now(), self._models.served
        if served.catalogue is not None:
            metrics.FEATURE_AGE.labels("products").set(_seconds(now, served.catalogue.as_of))
        if self._stores is not None and (path := self._stores.online / "current.json").exists():
            as_of = pd.Timestamp(read_json(path)["as_of"])
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


def _up(dependency: str, up: bool) -> None:
    metrics.UP.labels(dependency).set(up)


def _seconds(now: pd.Timestamp, as_of: pd.Timestamp) -> float:
    return max(0.0, (now - as_of).total_seconds())
