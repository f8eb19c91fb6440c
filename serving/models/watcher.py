"""The served models: loaded, tried, and swapped while requests run.

A promoted version that cannot be loaded, or fails its trial (`serving.models.trial`), is refused:
the previous one answers until another one is promoted. The previous products stay too, if no
champion can score the new ones.
"""

import gc
import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from configs.durable import content_stamp
from experiments.lifecycle import running
from features.logs.events import NOTHING, LogCut
from features.logs.product_changes import ProductChanges, ProductState
from features.online.store import ANY_LOG, OnlineStore, baskets_of, current_cut, products_of
from features.times import microseconds
from features.workspace import Workspace
from serving.models.versions import Versions
from serving.state.baskets import Baskets
from serving.state.catalogue import Catalogue, catalogue_of, reflects, with_prices_and_stock
from serving.state.served import Served
from serving.telemetry import metrics
from training.bundle import CURRENT, VersionName, read_champions, write_champions
from training.families import predicting_families

logger = logging.getLogger(__name__)
POLL_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
"""Longest wait before a failed load is retried."""
T = TypeVar("T")
ANSWERED: Final = "answered.json"
"""File beside `current.json` that names the champions that answered last: a new process falls back
to them if a promoted one is refused."""


class ModelWatcher:
    """Watches a workspace: champions, product snapshot, running experiments, product changes.

    `served` is empty and `ready` false until the first load is done; with nothing to load, `served`
    stays empty and `ready` becomes true. If a part cannot be loaded, its previous value stays, if
    any; the failure is logged, and the load is retried after growing pauses until it succeeds.
    """

    def __init__(
        self,
        ws: Workspace,
        *,
        stores: Workspace | None,
        versions: Versions,
        changes: ProductChanges | None = None,
        packaged: ProductState | None = None,
    ) -> None:
        self.served = Served()
        self._loaded = threading.Event()
        self._ws, self._stores, self._versions = ws, stores, versions
        self._changes, self._state = changes, ProductState() if packaged is None else packaged
        self._named: Mapping[str, VersionName] = {}
        self._stamp: object = None
        self._again, self._pause_s = math.inf, POLL_S

    @property
    def ready(self) -> bool:
        """Whether the first load is done."""
        return self._loaded.is_set()

    def wait(self, seconds: float) -> None:
        """Return when the first load is done, or after `seconds`."""
        self._loaded.wait(seconds)

    def refresh(self) -> bool:
        """Load what changed or is due for a retry; return whether there was anything to load."""
        stamp, new_changes = tuple(_stamps(self._watched())), self._new_changes()
        if stamp == self._stamp and time.monotonic() < self._again:
            if new_changes:
                self._apply_changes(new_changes)
            return bool(new_changes)
        if stamp != self._stamp:
            self._pause_s = POLL_S
        self._stamp, self._again = stamp, math.inf
        before = _parts(self.served)
        self.served = self._load()
        self._pause_s = POLL_S if self._again == math.inf else _longer(self._pause_s)
        if _parts(self.served) != before:
            gc.unfreeze()
            gc.collect()
            gc.freeze()  # loaded objects stay: the collector can skip them
        self._loaded.set()
        return True

    def follow(self, stop: threading.Event) -> None:
        """Load, then refresh until `stop` is set."""
        while True:
            wait_s = POLL_S
            try:
                self.refresh()
            except Exception:  # no file content may end this thread
                self._failed("all there is")
                wait_s, self._pause_s = self._pause_s, _longer(self._pause_s)
            if stop.wait(wait_s):
                return

    def _new_changes(self) -> ProductState:
        """Return the product changes since the last call; none if the log cannot be read."""
        if self._changes is None:
            return ProductState()
        try:
            if self._changes.sequence() == self._state.sequence:
                return ProductState()
            new_changes = self._changes.since(self._state.sequence)
        except sqlite3.Error as error:
            logger.warning("product changes: %s", error)
            return ProductState()
        self._state = self._state.then(new_changes)
        return new_changes

    def _apply_changes(self, new_changes: ProductState) -> None:
        """Serve the changes: prices and stock at once, texts and new products once bound."""
        served, previous = self.served, self.served.catalogue
        if previous is None:
            return
        self.served = replace(served, catalogue=with_prices_and_stock(previous, new_changes))
        if not reflects(previous, new_changes):
            state = replace(
                self.served, catalogue=self._catalogue(), refused=served.refused - {"products"}
            )
            self.served = self._versions.with_recommenders(
                state,
                previous=self.served,
                champions=[] if served.champion is None else [served.champion],
                variants=served.rankers,
            )

    def _watched(self) -> Iterator[Path]:
        yield self._ws.bundles / CURRENT
        yield self._ws.online / "current.json"
        if self._stores is not None:
            yield self._stores.online / "current.json"
            yield from sorted(self._stores.experiments.glob("*/state.json"))

    def _load(self) -> Served:
        previous, bundles, stores = self.served, self._ws.bundles, self._stores
        file, last = bundles / CURRENT, bundles / ANSWERED
        answered: Mapping[str, VersionName] = self._load_or_keep(
            last, lambda: read_champions(last), {}
        )
        self._named = current = self._load_or_keep(
            file, lambda: read_champions(file), self._named or answered
        )
        experiments = previous.experiments
        if stores is not None:
            experiments = self._load_or_keep(
                stores.experiments, lambda: tuple(running(stores)), experiments
            )
        cut = self._load_or_keep(self._ws.online, self._cut, previous.cut)
        state = Served(
            cut=cut,
            catalogue=self._load_or_keep(self._ws.online, self._catalogue, previous.catalogue),
            baskets=self._load_or_keep(self._ws.online, self._baskets, previous.baskets),
            experiments=experiments,
            store=self._store(),
        )
        variants = {v.model for e in experiments for v in e.variants.values()}
        state = self._versions.with_recommenders(
            state,
            previous=previous,
            champions=_in_order("recommender", current, previous, answered),
            variants=variants,
        )
        for family in predicting_families():
            champions = _in_order(family, current, previous, answered)
            state = self._versions.with_predictor(
                state, family, previous=previous, champions=champions
            )
        self._versions.keep(state)
        if state.refused or not variants <= state.rankers.keys():
            self._try_again()
        if not state.refused and current != answered and state.catalogue is not None:
            with suppress(OSError):  # a read-only Bento gets no promotions anyway
                write_champions(last, current)
        return state

    def _load_or_keep(self, what: object, load: Callable[[], T], previous: T) -> T:
        """Return the result of `load`; if it raises, `previous`, and schedule a retry."""
        try:
            return load()
        except Exception:  # one broken part must not stop the others from answering
            self._failed(what)
            return previous

    def _failed(self, what: object) -> None:
        """Log that `what` cannot be loaded now, and schedule a retry."""
        self._try_again()
        metrics.LOAD_FAILED.set_to_current_time()
        logger.exception("cannot load %s, again in %s s", what, self._pause_s)

    def _try_again(self) -> None:
        self._again = time.monotonic() + self._pause_s

    def _catalogue(self) -> Catalogue | None:
        cut = current_cut(self._ws)
        if cut is None:
            return None
        return catalogue_of(
            products_of(self._ws, cut),
            cut.as_of,
            changes=cut.changes if self._stores in (None, self._ws) else ANY_LOG,
            state=self._state,
            previous=self.served.catalogue,
        )

    def _baskets(self) -> Baskets | None:
        """Return the rules of the current cut; the served ones if their files are the same."""
        cut, previous = current_cut(self._ws), self.served.baskets
        if cut is None or (previous is not None and previous.files == cut.baskets):
            return None if cut is None else previous
        mined = baskets_of(self._ws, cut)
        return None if mined is None else Baskets.of(mined, cut.baskets)

    def _cut(self) -> LogCut:
        """Return what the stores' current cut holds of the event log; nothing without one."""
        cut = None if self._stores is None else current_cut(self._stores)
        return NOTHING if cut is None else LogCut(microseconds(cut.as_of), cut.events)

    def _store(self) -> OnlineStore | None:
        if self._stores is None or not (self._stores.online / "current.json").exists():
            return None
        stores, client = self._stores, self.served.store
        if client is None:
            client = self._load_or_keep(stores.feast, lambda: OnlineStore(stores), None)
        try:
            if client is not None:  # the first read imports every store Feast knows
                client.online_customer("warm-up")
        except Exception:  # each request tries again, and falls back
            metrics.LOAD_FAILED.set_to_current_time()
            logger.exception("cannot read the online store in %s", stores.feast)
        return client


def _parts(served: Served) -> list[int]:
    """Return the identities of the large objects in `served`."""
    products = None if served.catalogue is None else served.catalogue.products
    return [id(products), *map(id, (*served.predictors.values(), *served.rankers.values()))]


def _longer(pause_s: float) -> float:
    return min(LONGEST_PAUSE_S, 2 * pause_s)


def _in_order(
    name: str,
    current: Mapping[str, VersionName],
    previous: Served,
    answered: Mapping[str, VersionName],
) -> list[str]:
    """Return the versions of model `name` to try: the promoted, the current, the last to answer.

    Empty if none is promoted.
    """
    if name not in current:
        return []
    candidates = (current[name], previous.answering.get(name), answered.get(name))
    return list(dict.fromkeys(str(candidate) for candidate in candidates if candidate))


def _stamps(paths: Iterator[Path]) -> Iterator[tuple[str, object]]:
    """Yield each existing file's content stamp: files are replaced, never changed in place."""
    for path in paths:
        with suppress(FileNotFoundError):
            yield str(path), content_stamp(path)
