"""The models that answer: loaded, warmed up, and swapped while requests run."""

import gc
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from experiments.definition import Experiment, running
from features.workspace import Workspace
from serving.rows import OnlineStore
from training.bundle import Bundle, load_bundle
from training.inputs import Products, encode_products, encode_rows
from training.recommender import Predictor, Recommender, Related, Relates, Scorer
from training.slates import Shelf

logger = logging.getLogger(__name__)
POLL_S: Final = 0.5
POPULARITY: Final = "buyers_28d"
"""The product feature that orders the fallback list."""
PRICE: Final = "unit_price"
"""The product feature that filters read."""


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """The product snapshot that lists are made from: C products."""

    as_of: pd.Timestamp
    products: Products
    shelf: Shelf
    """What lists are composed from; its popularity is the number of recent buyers."""
    prices: npt.NDArray[np.float64]
    """(C,) of the last sale, in the workspace's currency; NaN where unknown."""


@dataclass(frozen=True, kw_only=True)
class Ranker:
    """A recommender version bound to a catalogue."""

    bundle: Bundle
    catalogue: Catalogue
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
    """Follows a workspace: its champions, its product snapshot, its running experiments.

    `served` is empty and `ready` false until the first load is done; with nothing to load it stays
    empty and ready. What cannot be loaded is logged and left out.
    """

    def __init__(self, ws: Workspace, *, stores: Workspace | None) -> None:
        self.served = Served()
        self.ready = False
        self._ws, self._stores = ws, stores
        self._bundles: dict[Path, Bundle] = {}
        self._stamp: object = None

    def refresh(self) -> bool:
        """Load what changed on disk since the last call; return whether anything did."""
        stamp = tuple(_stamps(self._watched()))
        if stamp == self._stamp:
            return False
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
                pause = min(60.0, 2 * pause)
                self._stamp = None
                logger.exception("cannot load, again in %s s; what was served goes on", pause)
            if stop.wait(pause):
                return

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
        rankers: dict[str, Ranker] = {}
        for name, bundle in bundles.items():
            if bundle is not None and catalogue is not None:
                ranker = self._ranker(name, bundle, catalogue)
                if ranker is not None:
                    rankers[name] = ranker
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
            logger.exception("cannot load %s", folder)
            return None

    def _catalogue(self) -> Catalogue | None:
        if not (self._ws.online / "current.json").exists():
            return None
        from features.store import online_products

        as_of, rows = online_products(self._ws)
        products = encode_products(rows, as_of)
        by_id = rows.set_index("product_id").reindex(products.product_ids)
        prices = by_id[PRICE].to_numpy(np.float64)
        standing = self.served.catalogue
        if standing is not None and standing.as_of == as_of and _same(standing, products, prices):
            return standing
        buyers = by_id[POPULARITY].fillna(0).to_numpy(np.float32)
        return Catalogue(
            as_of=as_of,
            products=products,
            shelf=Shelf.of(products, popularity=buyers),
            prices=prices,
        )

    def _store(self) -> OnlineStore | None:
        if self._stores is None or not (self._stores.online / "current.json").exists():
            return None
        from features.store import FeatureClient

        client = FeatureClient(self._stores)
        try:
            client.online_customer("warm-up")  # the first read imports every store Feast knows
        except Exception:  # each request tries again; what needs no store is answered
            logger.exception("cannot read the online store in %s", self._stores.feast)
        return client

    def _ranker(self, name: str, bundle: Bundle, catalogue: Catalogue) -> Ranker | None:
        standing = self.served.rankers.get(name)
        if standing and standing.bundle is bundle and standing.catalogue is catalogue:
            return standing
        try:
            model, products = cast(Recommender, bundle.model), catalogue.products
            score = model.scorer(products)
            related = model.related(products) if isinstance(model, Relates) else None
            scores = score(encode_rows([{}], ["warm-up"], products, catalogue.as_of))
            if scores.shape != (1, len(products)) or not np.isfinite(scores).all():
                raise ValueError(f"{name}: {scores.shape} scores, or not all of them finite")
        except Exception:  # one broken version must not stop the others from answering
            logger.exception("cannot score with %s", name)
            return None
        return Ranker(bundle=bundle, catalogue=catalogue, score=score, related=related)


def _same(standing: Catalogue, products: Products, prices: npt.NDArray[np.float64]) -> bool:
    """Return whether nothing that answers read differs from the `standing` catalogue."""
    stood = standing.products
    return (
        np.array_equal(stood.product_ids, products.product_ids)
        and np.array_equal(stood.features, products.features)
        and np.array_equal(standing.prices, prices, equal_nan=True)
        and (stood.titles, stood.categories) == (products.titles, products.categories)
    )


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
