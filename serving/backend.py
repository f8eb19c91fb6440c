"""The resources of the API: located by environment variables, opened at start, closed at the end.

`REGULARS_HOME` is the path of a workspace; the service reads and writes everything there.
A packaged service contains models and products, and needs only external stores:
`REGULARS_STORES` is a folder with the layout of a workspace, of which the service uses `feast/`,
`online/`, `experiments/`, `events.db`, `product_changes.db` and `keys.json`. Without either
variable it answers with fallbacks.
`REGULARS_POLICY` is a YAML file with the default policy for lists, for what a request does not set
(default: the policy in the packaged service).
`REGULARS_IN_FLIGHT` is the number of answers that a worker computes concurrently.
`REGULARS_WITHOUT_KEYS=1` lets v1 answer every caller on this machine while there are no keys.
`REGULARS_EXPOSURES_GIB` (16) is the size at which the exposure log takes no more.
`REGULARS_DEVICE` (`auto`, `cpu` or `cuda`) is where the models' dense parts are computed; `auto`
uses a GPU if there is one.
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
from configs.privacy import make_private
from experiments.exposures import DATABASE, ExposureLog
from features.feast_store import ONLINE_DB
from features.logs.events import EventLog
from features.logs.product_changes import ProductChanges, ProductState
from features.workspace import Workspace, WorkspaceError
from serving.access.callers import Access
from serving.access.limits import IN_FLIGHT, Deadlines, InFlight, Limits
from serving.handlers.audiences import Audiences
from serving.handlers.batches import Batches
from serving.handlers.cards import Cards
from serving.handlers.complement import Complements
from serving.handlers.events import Events
from serving.handlers.experiments import Experiments
from serving.handlers.portraits import Portraits
from serving.handlers.predictions import Predictions
from serving.handlers.products import Products
from serving.handlers.recommendations import Recommendations
from serving.handlers.segments import LoadedStates, Segments
from serving.handlers.similar import Similar
from serving.models.trial import Trial
from serving.models.versions import Versions
from serving.models.vitals import Vitals
from serving.models.watcher import ModelWatcher
from serving.stores.checks import StoreChecks
from serving.stores.group_commit import GroupCommit
from serving.stores.idempotency import ANSWERED, IdempotencyStore
from training.lists.slates import Policy
from training.run import Device, usable

PACKAGED: Final = ROOT / "packaged"
"""The workspace inside a packaged service (serving.commands.package)."""
POLICY: Final = "policy.yaml"
"""Its policy, in PACKAGED."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where a service reads and writes."""

    workspace: Workspace
    """Clock, currency, bundles and products."""
    stores: Workspace | None
    """Customer rows, events, experiments and exposures; None: no stores."""
    policy: Policy = field(default_factory=Policy)
    """Defaults of a list, for what a request does not set."""
    limits: Limits = field(default_factory=Limits)
    without_keys: bool = False
    """Whether callers on this machine are answered while there are no keys."""
    exposures_gib: float = 16
    """Largest exposure log: at that size its outage begins, and `prune` ends it."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the models' dense parts are computed."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings of the `environment`.

        Raises WorkspaceError if it names no workspace, ConfigError if policy, limits, device or
        REGULARS_WITHOUT_KEYS are invalid, or the device is not available.
        """
        limits, device = _limits(environment), device_of(environment)
        without_keys, gib = _without_keys(environment), _exposures_gib(environment)
        home, file = environment.get("REGULARS_HOME"), environment.get("REGULARS_POLICY")
        if not home and not file and (PACKAGED / POLICY).exists():
            file = str(PACKAGED / POLICY)
        policy = load_config(Policy, Path(file) if file else None)
        if home:
            workspace = Workspace.open(Path(home))
            return cls(
                workspace=workspace,
                stores=workspace,
                policy=policy,
                limits=limits,
                without_keys=without_keys,
                exposures_gib=gib,
                device=device,
            )
        if not PACKAGED.exists():
            raise WorkspaceError("REGULARS_HOME is not set: name the workspace to serve")
        workspace = Workspace.open(PACKAGED, private=False)
        stores = environment.get("REGULARS_STORES")
        home_of_stores = Path(stores).resolve() if stores else None
        if home_of_stores:
            make_private(home_of_stores, whole=False)
        return cls(
            workspace=workspace,
            stores=replace(workspace, home=home_of_stores) if home_of_stores else None,
            policy=policy,
            limits=limits,
            without_keys=without_keys,
            exposures_gib=gib,
            device=device,
        )


def device_of(environment: Mapping[str, str]) -> Literal["cpu", "cuda"]:
    """Return the device of the environment. Raises ConfigError if invalid or not available."""
    name = environment.get("REGULARS_DEVICE", "auto")
    if name not in get_args(Device):
        raise ConfigError(f"REGULARS_DEVICE = {name!r}: one of {', '.join(get_args(Device))}")
    return usable(cast(Device, name))


def _limits(environment: Mapping[str, str]) -> Limits:
    text = environment.get("REGULARS_IN_FLIGHT", str(IN_FLIGHT))
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"REGULARS_IN_FLIGHT = {text!r}: a number of answers, 1 or more")
    return Limits(in_flight=int(text))


def _without_keys(environment: Mapping[str, str]) -> bool:
    text = environment.get("REGULARS_WITHOUT_KEYS", "0")
    if text not in {"", "0", "1"}:
        raise ConfigError(f"REGULARS_WITHOUT_KEYS = {text!r}: 1 or 0")
    return text == "1"


def _exposures_gib(environment: Mapping[str, str]) -> float:
    text = environment.get("REGULARS_EXPOSURES_GIB", "16")
    try:
        gib = float(text)
        if not 0 < gib < 2**20:
            raise ValueError
    except ValueError:
        raise ConfigError(f"REGULARS_EXPOSURES_GIB = {text!r}: a size in GiB above 0") from None
    return gib


class Backend:
    """One service's models, logs and request logic."""

    def __init__(self, settings: Settings) -> None:
        ws, stores = settings.workspace, settings.stores
        self.now = ws.now
        self._changes = _change_log(ws, stores)
        self._events = EventLog(stores.events_db) if stores else None
        trial = Trial(self._events, clock=ws.now, policy=settings.policy)
        versions = Versions(ws.bundles, trial, device=settings.device)
        self.models = ModelWatcher(
            ws,
            stores=stores,
            versions=versions,
            changes=self._changes,
            packaged=_packaged_state(ws, stores),
        )
        largest = int(settings.exposures_gib * 2**30)
        self._exposures = (
            ExposureLog(stores.experiments / DATABASE, largest_bytes=largest) if stores else None
        )
        self._exposure_commits = (
            GroupCommit(self._exposures.append, name="exposures") if self._exposures else None
        )
        self.answered = (
            IdempotencyStore(stores.home / ANSWERED, clock=time.time) if stores else None
        )
        self.recommendations = Recommendations(
            self.models, self._events, self._exposure_commits, clock=ws.now, policy=settings.policy
        )
        self.predictions = Predictions(self.models, self._events, clock=ws.now)
        self.cards = Cards(self.models, self._events, clock=ws.now)
        self.experiments = Experiments(stores)
        states = LoadedStates(stores)
        self.segments = Segments(states)
        self.audiences = Audiences(states)
        self.portraits = Portraits(self.models, self._events, states, clock=ws.now)
        self.similar = Similar(self.models, clock=ws.now)
        self.complements = Complements(self.models, clock=ws.now)
        self.batches = Batches(self.recommendations)
        self.products = Products(self._changes if stores else None, clock=ws.now)
        self.intake = Events(self._events, clock=ws.now, currency=ws.currency)
        self.access = Access(stores.home if stores else None, without_keys=settings.without_keys)
        self.limits, self.deadlines = settings.limits, Deadlines()
        self.load, self.reading = (
            InFlight(settings.limits.in_flight),
            InFlight(settings.limits.reading),
        )
        self._checks = StoreChecks(_files(stores))
        vitals = Vitals(
            ws,
            stores,
            models=self.models,
            load=self.load,
            files=_files(stores),
            checks=self._checks,
            exposures=self._exposures,
        )
        self._stop = threading.Event()
        loops = {
            "stores": self._checks.follow,
            "models": self._follow_models,
            "keys": self.access.follow,
            "vitals": vitals.follow,
        }
        self._threads = [
            threading.Thread(target=target, args=(self._stop,), name=name, daemon=True)
            for name, target in loops.items()
        ]

    def start(self) -> None:
        """Start the threads that load and reload models, reload keys, and measure vitals."""
        with suppress(sqlite3.Error):  # appends nothing, so that the first real write is faster
            if self._exposures is not None and self._events is not None:
                self._exposures.append([])
                self._events.append([], clock=self.now)
        for thread in self._threads:
            thread.start()

    def _follow_models(self, stop: threading.Event) -> None:
        """Load and follow the models once the stores are checked: then the service is ready."""
        self._checks.wait()
        self.models.follow(stop)

    def close(self) -> None:
        """Stop the threads, write queued records, close the logs."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        for log in (  # the writers first, then the logs
            self.intake,
            self.products,
            self._exposure_commits,
            self._exposures,
            self._events,
            self._changes,
            self.answered,
        ):
            if log is not None:
                log.close()
        gc.unfreeze()  # undoes the freeze after a model was loaded


def _files(stores: Workspace | None) -> dict[str, Path]:
    """Return the stores' SQLite files by dependency."""
    if stores is None:
        return {}
    return {
        "event_log": stores.events_db,
        "product_log": stores.product_changes_db,
        "exposure_log": stores.experiments / DATABASE,
        "idempotency": stores.home / ANSWERED,
        "online_store": stores.feast / ONLINE_DB,
    }


def _change_log(ws: Workspace, stores: Workspace | None) -> ProductChanges | None:
    """Return the log of product changes: that of the stores, or the one in a Bento."""
    if stores is not None:
        return ProductChanges(stores.product_changes_db)
    database = ws.product_changes_db
    return ProductChanges(database, carried=True) if database.exists() else None


def _packaged_state(ws: Workspace, stores: Workspace | None) -> ProductState:
    """Return the product state in a Bento; changes in its stores apply on top of it."""
    if stores is None or stores.home == ws.home or not ws.product_changes_db.exists():
        return ProductState()
    with closing(ProductChanges(ws.product_changes_db, carried=True)) as log:
        return replace(log.since(), sequence=-1)  # a sequence of another log
