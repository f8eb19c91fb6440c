"""The models that answer: loaded, warmed up, and swapped while requests run."""

import gc
import json
import logging
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, cast

import numpy as np
import pandas as pd

from experiments.definition import Experiment, running
from features.product_changes import ProductChanges, Told
from features.workspace import Workspace
from serving import metrics
from serving.catalogue import Catalogue, catalogue_of, holds, restocked
from serving.rows import OnlineStore
from training.bundle import Bundle, load_bundle
from training.inputs import Products, encode_rows
from training.recommender import Predictor, Recommender, Related, Relates, Scorer

logger = logging.getLogger(__name__)
POLL_S: Final = 0.5


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
    empty and ready. What cannot be loaded is logged and left out.
    """

    def __init__(
        self, ws: Workspace, *, stores: Workspace | None, changes: ProductChanges | None = None
    ) -> None:
        self.served = Served()
        self.ready = False
        self._ws, self._stores = ws, stores
        self._changes, self._told = changes, Told()
        self._bundles: dict[Path, Bundle] = {}
        self._stamp: object = None

    def refresh(self) -> bool:
        """Load what changed since the last call; return whether anything did."""
        stamp, news = tuple(_stamps(self._watched())), self._news()
        if stamp == self._stamp:
            if news:
                self._take(news)
            return bool(news)
        self._stamp = stamp
        self.served = self._load()
        gc.unfreeze()
        gc.collect()
        gc.freeze()  # what is loaded stays: no collection need look at it again
        self.ready = True
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
        current = _read(self._ws.bundles / "current.json")
        experiments = tuple(running(self._stores)) if self._stores else ()
        champion = current.get("recommender", "").replace("/", "@") or None
        names = {v.model for e in experiments for v in e.variants.values()}
        names |= {champion} if champion else set()
        bundles = {name: self._bundle(name.replace("@", "/")) for name in sorted(names)}
        churn = self._bundle(current["churn"]) if "churn" in current else None
        catalogue = self._catalogue()
        rankers = self._bound(bundles, catalogue)
        loaded = {b.folder: b for b in (*bundles.values(), churn) if b is not None}
        self._bundles = loaded
        return Served(
            catalogue=catalogue,
            champion=champion if champion in rankers else None,
            rankers=rankers,
            churn=churn,
            experiments=experiments,
            store=self._store(),
        )

    def _bundle(self, name: str) -> Bundle | None:
        folder = self._ws.bundles / name
        if folder in self._bundles:
            return self._bundles[folder]
        try:
            return load_bundle(folder)
        except Exception:  # one broken version must not stop the others from answering
            metrics.LOAD_FAILED.set_to_current_time()
            logger.exception("cannot load %s", folder)
            return None

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

        client = FeatureClient(self._stores)
        try:
            client.online_customer("warm-up")  # the first read imports every store Feast knows
        except Exception:  # each request tries again; what needs no store is answered
            metrics.LOAD_FAILED.set_to_current_time()
            logger.exception("cannot read the online store in %s", self._stores.feast)
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
        try:
            model = cast(Recommender, bundle.model)
            score = model.scorer(products)
            related = model.related(products) if isinstance(model, Relates) else None
            at = pd.Timestamp(products.at, tz="UTC")
            scores = score(encode_rows([{}], ["warm-up"], products, at))
            if scores.shape != (1, len(products)) or not np.isfinite(scores).all():
                raise ValueError(f"{name}: {scores.shape} scores, or not all of them finite")
        except Exception:  # one broken version must not stop the others from answering
            metrics.LOAD_FAILED.set_to_current_time()
            logger.exception("cannot score with %s", name)
            return None
        return Ranker(bundle=bundle, products=products, score=score, related=related)


def predictor(bundle: Bundle) -> Predictor:
    """Return the bundle's model, which predicts."""
    return cast(Predictor, bundle.model)


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
        yield str(path), found.st_mtime_ns, found.st_ino
