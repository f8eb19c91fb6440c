"""The models that answer: loaded, warmed up, and swapped while requests run."""

import gc
import json
import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar, cast

import numpy as np
import pandas as pd

from experiments.definition import Experiment, running
from features.product_changes import ProductChanges, Told
from features.workspace import Workspace
from serving import metrics
from serving.catalogue import Catalogue, catalogue_of, holds, restocked
from serving.rows import OnlineStore
from training.bundle import Bundle, load_bundle
from training.inputs import Products, Queries, encode_rows
from training.recommender import Predictor, Recommender, Related, Relates, Scorer

logger = logging.getLogger(__name__)
POLL_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
"""Until what could not be loaded is tried again."""
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Ranker:
    """A recommender version bound to the products of a catalogue."""

    bundle: Bundle
    products: Products
    score: Scorer
    related: Related | None
    """What is bought along with what, where the model knows it."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """All that answers; replaced whole, so that a request sees one state."""

    catalogue: Catalogue | None = None
    champion: str | None = None
    """`recommender@3`."""
    rankers: Mapping[str, Ranker] = field(default_factory=dict)
    """By `recommender@VERSION`: the champion and what running experiments name."""
    churn: Bundle | None = None
    experiments: tuple[Experiment, ...] = ()
    store: OnlineStore | None = None
    """Where stored customer rows are read."""


class Models:
    """Follows a workspace: champions, product snapshot, running experiments, changes of products.

    `served` is empty and `ready` false until the first load is done; with nothing to load it stays
    empty and ready. Where a part cannot be loaded, what was served goes on, or it is left out where
    nothing was; it is logged and tried again, after ever longer pauses, until it can.
    """

    def __init__(
        self, ws: Workspace, *, stores: Workspace | None, changes: ProductChanges | None = None
    ) -> None:
        self.served = Served()
        self._loaded = threading.Event()
        self._ws, self._stores = ws, stores
        self._changes, self._told = changes, Told()
        self._bundles: dict[Path, Bundle] = {}
        self._named: Mapping[str, str] = {}
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
        """Load what changed, or is due to be tried again; return whether there was anything."""
        stamp, news = tuple(_stamps(self._watched())), self._news()
        if stamp == self._stamp and time.monotonic() < self._again:
            if news:
                self._take(news)
            return bool(news)
        self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s) if stamp == self._stamp else POLL_S
        self._stamp, self._again = stamp, math.inf
        self.served = self._load()
        gc.unfreeze()
        gc.collect()
        gc.freeze()  # what is loaded stays: no collection need look at it again
        self._loaded.set()
        return True

    def follow(self, stop: threading.Event) -> None:
        """Load, then refresh until `stop` is set."""
        pause = POLL_S
        while True:
            try:
                self.refresh()
                pause = POLL_S
            except Exception:  # the thread must outlive whatever a file holds; requests go on
                pause = min(5.0, 2 * pause)
                self._stamp = None
                metrics.LOAD_FAILED.set_to_current_time()
                logger.exception("cannot load, again in %s s; what was served goes on", pause)
            if stop.wait(pause):
                return

    def _news(self) -> Told:
        """Return what was said of products since the last call, as far as it can be read."""
        if self._changes is None:
            return Told()
        try:
            if self._changes.sequence() == self._told.sequence:
                return Told()
            news = self._changes.since(self._told.sequence)
        except sqlite3.Error as error:
            logger.warning("product changes: %s", error)
            return Told()
        self._told = self._told.then(news)
        return news

    def _take(self, news: Told) -> None:
        """Serve `news`: prices and availability at once, texts and new products when bound."""
        served, standing = self.served, self.served.catalogue
        if standing is None:
            return
        self.served = replace(served, catalogue=restocked(standing, news))
        if not holds(standing, news):
            catalogue = self._catalogue()
            bundles = {name: ranker.bundle for name, ranker in served.rankers.items()}
            rankers = self._bound(bundles, catalogue)
            champion = served.champion if served.champion in rankers else None
            self.served = replace(served, catalogue=catalogue, rankers=rankers, champion=champion)

    def _watched(self) -> Iterator[Path]:
        yield self._ws.bundles / "current.json"
        yield self._ws.online / "current.json"
        if self._stores is not None:
            yield self._stores.online / "current.json"
            yield from sorted(self._stores.experiments.glob("*/state.json"))

    def _load(self) -> Served:
        standing = self.served
        file = self._ws.bundles / "current.json"
        self._named = named = self._part(file, lambda: _read(file), self._named)
        stores = self._stores
        experiments = standing.experiments
        if stores is not None:
            experiments = self._part(
                stores.experiments, lambda: tuple(running(stores)), experiments
            )
        champion = named.get("recommender", "").replace("/", "@") or None
        names = {v.model for e in experiments for v in e.variants.values()}
        names |= {name for name in (champion, standing.champion if champion else None) if name}
        bundles = {name: self._bundle(name.replace("@", "/")) for name in sorted(names)}
        catalogue = self._part(self._ws.online, self._catalogue, standing.catalogue)
        rankers = self._bound(bundles, catalogue)
        if champion not in rankers:  # the one that stood goes on
            champion = standing.champion if champion and standing.champion in rankers else None
        churn = self._churn(named.get("churn"), catalogue)
        good = [ranker.bundle for ranker in rankers.values()] if catalogue else bundles.values()
        self._bundles = {b.folder: b for b in (*good, churn) if b is not None}
        return Served(
            catalogue=catalogue,
            champion=champion,
            rankers=rankers,
            churn=churn,
            experiments=experiments,
            store=self._store(),
        )

    def _part(self, what: object, load: Callable[[], T], standing: T) -> T:
        """Return what `load` gives; where it raises, what is `standing`, to be tried again."""
        try:
            return load()
        except Exception:  # one broken part must not stop the others from answering
            self._again = time.monotonic() + self._pause_s
            metrics.LOAD_FAILED.set_to_current_time()
            logger.exception("cannot load %s", what)
            return standing

    def _bundle(self, name: str) -> Bundle | None:
        folder = self._ws.bundles / name
        if folder in self._bundles:
            return self._bundles[folder]
        return self._part(folder, lambda: load_bundle(folder), None)

    def _churn(self, name: str | None, catalogue: Catalogue | None) -> Bundle | None:
        """Return the churn version `name` if it predicts, or else the one that stands."""
        if name is None:
            return None
        standing, bundle = self.served.churn, self._bundle(name)
        if bundle is None or bundle is standing or catalogue is None:
            return bundle or standing
        products = catalogue.products

        def checked() -> Bundle:
            values = predictor(bundle).predict(_warm_up(products))
            if not ((values >= 0) & (values <= 1)).all():
                raise ValueError(f"{name}: it predicts {values}, not probabilities")
            return bundle

        return self._part(f"{bundle.folder}: its predictions", checked, standing)

    def _catalogue(self) -> Catalogue | None:
        if not (self._ws.online / "current.json").exists():
            return None
        from features.store import online_products

        as_of, rows = online_products(self._ws)
        return catalogue_of(rows, as_of, told=self._told, standing=self.served.catalogue)

    def _store(self) -> OnlineStore | None:
        if self._stores is None or not (self._stores.online / "current.json").exists():
            return None
        from features.store import FeatureClient

        stores, client = self._stores, self.served.store
        if client is None:
            client = self._part(stores.feast, lambda: FeatureClient(stores), None)
        try:
            if client is not None:  # the first read imports every store Feast knows
                client.online_customer("warm-up")
        except Exception:  # each request tries again; what needs no store is answered
            metrics.LOAD_FAILED.set_to_current_time()
            logger.exception("cannot read the online store in %s", stores.feast)
        return client

    def _bound(
        self, bundles: Mapping[str, Bundle | None], catalogue: Catalogue | None
    ) -> dict[str, Ranker]:
        """Return the recommenders of `bundles` that can score the catalogue's products."""
        found = {
            name: self._ranker(name, bundle, catalogue.products)
            for name, bundle in bundles.items()
            if bundle is not None and catalogue is not None
        }
        return {name: ranker for name, ranker in found.items() if ranker is not None}

    def _ranker(self, name: str, bundle: Bundle, products: Products) -> Ranker | None:
        standing = self.served.rankers.get(name)
        if standing and standing.bundle is bundle and standing.products is products:
            return standing

        def bound() -> Ranker:
            model = cast(Recommender, bundle.model)
            score = model.scorer(products)
            related = model.related(products) if isinstance(model, Relates) else None
            scores = score(_warm_up(products))
            if scores.shape != (1, len(products)) or not np.isfinite(scores).all():
                raise ValueError(f"{name}: {scores.shape} scores, or not all of them finite")
            return Ranker(bundle=bundle, products=products, score=score, related=related)

        return self._part(f"{bundle.folder}: its scores", bound, None)


def predictor(bundle: Bundle) -> Predictor:
    """Return the bundle's model, which predicts."""
    return cast(Predictor, bundle.model)


def _warm_up(products: Products) -> Queries:
    """Return one customer without any history."""
    return encode_rows([{}], ["warm-up"], products, pd.Timestamp(products.at, tz="UTC"))


def _read(path: Path) -> dict[str, str]:
    try:
        content: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content


def _stamps(paths: Iterator[Path]) -> Iterator[tuple[str, int, int]]:
    """Yield what tells one content of a file from the next: they are replaced, never changed."""
    for path in paths:
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            yield str(path), -1, error.errno or 0
            continue
        yield str(path), found.st_mtime_ns, found.st_ino
