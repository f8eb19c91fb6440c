"""What stands behind the API: found through the environment, opened at start, closed at the end.

`REGULARS_HOME` names a workspace, from which everything is read and to which everything is
written. A packaged service carries models and products with it, and takes only its stores from
elsewhere: `REGULARS_STORES` names a folder laid out like a workspace, of which it uses `feast/`,
`online/`, `experiments/`, `events.db`, `product_changes.db` and `keys.json`. Without either it
answers with fallbacks.
`REGULARS_POLICY` names a YAML of what every list is to be where its request does not say (by
default the policy that a packaged service carries),
`REGULARS_IN_FLIGHT` the number of answers that a worker makes at a time, `REGULARS_DEVICE` (`auto`,
`cpu` or `cuda`) where the models' dense parts are computed: `auto` takes a GPU where there is one.
"""

import gc
import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, Self, cast, get_args

from configs.code import ROOT
from configs.loader import ConfigError, load_config
from experiments.exposures import DATABASE, ExposureLog
from features.logs.events import EventLog
from features.logs.product_changes import ProductChanges, ProductState
from features.workspace import Workspace, WorkspaceError
from serving.access.callers import Access
from serving.access.limits import IN_FLIGHT, Deadlines, InFlight, Limits
from serving.handlers.batches import Batches
from serving.handlers.cards import Cards
from serving.handlers.events import Events
from serving.handlers.experiments import Experiments
from serving.handlers.predictions import Predictions
from serving.handlers.products import Products
from serving.handlers.recommendations import Recommendations
from serving.handlers.similar import Similar
from serving.models.trial import Trial
from serving.models.versions import Versions
from serving.models.vitals import Vitals
from serving.models.watcher import ModelWatcher
from serving.stores.group_commit import GroupCommit
from serving.stores.idempotency import IdempotencyStore
from training.lists.slates import Policy
from training.run import Device, usable

PACKAGED: Final = ROOT / "packaged"
"""The workspace that a packaged service carries (serving.commands.package)."""
POLICY: Final = "policy.yaml"
"""Its policy, in PACKAGED."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where a service reads and writes."""

    workspace: Workspace
    """Clock, currency, bundles and products."""
    stores: Workspace | None
    """Customer rows, events, experiments and exposures; None: there are none."""
    policy: Policy = field(default_factory=Policy)
    """What a list is to be where its request does not say."""
    limits: Limits = field(default_factory=Limits)
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the models' dense parts are computed."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Return what the environment names.

        Raises WorkspaceError when it names nothing, ConfigError where policy or limits are none,
        or the device is none or not here.
        """
        limits, device = _limits(environment), device_of(environment)
        home, file = environment.get("REGULARS_HOME"), environment.get("REGULARS_POLICY")
        if not home and not file and (PACKAGED / POLICY).exists():
            file = str(PACKAGED / POLICY)
        policy = load_config(Policy, Path(file) if file else None)
        if home:
            workspace = Workspace.open(Path(home))
            return cls(
                workspace=workspace, stores=workspace, policy=policy, limits=limits, device=device
            )
        if not PACKAGED.exists():
            raise WorkspaceError("REGULARS_HOME is not set: name the workspace to serve")
        workspace = Workspace.open(PACKAGED)
        stores = environment.get("REGULARS_STORES")
        home_of_stores = Path(stores).resolve() if stores else None
        return cls(
            workspace=workspace,
            stores=replace(workspace, home=home_of_stores) if home_of_stores else None,
            policy=policy,
            limits=limits,
            device=device,
        )


def device_of(environment: Mapping[str, str]) -> Literal["cpu", "cuda"]:
    """Return the device that the environment names. Raises ConfigError where it is not here."""
    name = environment.get("REGULARS_DEVICE", "auto")
    if name not in get_args(Device):
        raise ConfigError(f"REGULARS_DEVICE = {name!r}: one of {', '.join(get_args(Device))}")
    return usable(cast(Device, name))


def _limits(environment: Mapping[str, str]) -> Limits:
    text = environment.get("REGULARS_IN_FLIGHT", str(IN_FLIGHT))
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"REGULARS_IN_FLIGHT = {text!r}: a number of answers, 1 or more")
    return Limits(in_flight=int(text))


class Backend:
    """One service's models, logs and request logic."""

    def __init__(self, places: Settings) -> None:
        ws, stores = places.workspace, places.stores
        self.now = ws.now
        self._changes = _changes(ws, stores)
        self._events = EventLog(stores.events_db) if stores else None
        trial = Trial(self._events, clock=ws.now, policy=places.policy)
        versions = Versions(ws.bundles, trial, device=places.device)
        self.models = ModelWatcher(
            ws,
            stores=stores,
            versions=versions,
            changes=self._changes,
            told=_carried(ws, stores),
        )
        self._exposures = ExposureLog(stores.experiments / DATABASE) if stores else None
        self._exposing = (
            GroupCommit(self._exposures.append, name="exposures") if self._exposures else None
        )
        answered = (stores or ws).home / "answered.db"
        self.answered = IdempotencyStore(answered, clock=time.time) if stores else None
        self.recommendations = Recommendations(
            self.models, self._events, self._exposing, clock=ws.now, policy=places.policy
        )
        self.predictions = Predictions(self.models, self._events, clock=ws.now)
        self.cards = Cards(self.models, self._events, clock=ws.now)
        self.experiments = Experiments(stores)
        self.similar = Similar(self.models, clock=ws.now)
        self.batches = Batches(self.recommendations)
        self.products = Products(self._changes if stores else None, clock=ws.now)
        self.intake = Events(self._events, clock=ws.now, currency=ws.currency)
        self.access = Access(stores.home if stores else None)
        self.limits, self.deadlines = places.limits, Deadlines()
        self.load, self.reading = InFlight(places.limits.in_flight), InFlight(places.limits.reading)
        vitals = Vitals(ws, stores, models=self.models, load=self.load, answered=answered)
        self._stop = threading.Event()
        follow = {
            "models": self.models.follow,
            "keys": self.access.follow,
            "vitals": vitals.follow,
        }
        self._threads = [
            threading.Thread(target=target, args=(self._stop,), name=name, daemon=True)
            for name, target in follow.items()
        ]

    def start(self) -> None:
        """Load the models; follow their changes and those of the keys; measure. On threads."""
        with suppress(sqlite3.Error):  # nothing is written: the first one to write waits less
            if self._exposures is not None and self._events is not None:
                self._exposures.append([])
                self._events.append([], clock=self.now)
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop following, write out what is queued, close the logs."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        for log in (  # who writes, then what is written
            self.intake,
            self.products,
            self._exposing,
            self._exposures,
            self._events,
            self._changes,
            self.answered,
        ):
            if log is not None:
                log.close()
        gc.unfreeze()  # what the models froze may be collected again


def _changes(ws: Workspace, stores: Workspace | None) -> ProductChanges | None:
    """Return what the shop says of its products: the stores' log, or what a Bento carries."""
    if stores is not None:
        return ProductChanges(stores.product_changes_db)
    carried = ws.product_changes_db
    return ProductChanges(carried, carried=True) if carried.exists() else None


def _carried(ws: Workspace, stores: Workspace | None) -> ProductState:
    """Return what a Bento carries of its products, beneath what its stores say since."""
    if stores is None or stores.home == ws.home or not ws.product_changes_db.exists():
        return ProductState()
    with closing(ProductChanges(ws.product_changes_db, carried=True)) as log:
        return replace(log.since(), sequence=-1)  # of another log
