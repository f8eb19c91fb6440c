"""Versions of models: loaded, bound to the products, tried, and only then let in."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

from serving.models.trial import Trial
from serving.state.served import Ranker, Served
from serving.telemetry import metrics
from training.bundle import Bundle, VersionName, load_bundle
from training.interfaces import Recommender, Relates

logger = logging.getLogger(__name__)


class Versions:
    """The exported versions in the folder `bundles`, by `recommender@3`, on one device.

    A version that cannot be loaded, or fails its trial, is logged and left out.
    """

    def __init__(self, bundles: Path, trial: Trial, *, device: Literal["cpu", "cuda"]) -> None:
        self._folder, self._trial, self._device = bundles, trial, device
        self._loaded: dict[str, Bundle] = {}

    def with_recommenders(
        self, state: Served, *, standing: Served, champions: Sequence[str], variants: Iterable[str]
    ) -> Served:
        """Return `state` with the first of `champions` that passes, and the `variants` that do.

        What is `standing` need not pass again. Where no champion can score the products of `state`,
        but one scores those that stand, these go on.
        """
        variants = [*variants]
        found = self._ranking(state, standing, champions, variants)
        if champions and found.champion is None and standing.champion is not None:
            held = replace(state, catalogue=standing.catalogue)
            found = _refusing(self._ranking(held, standing, champions, variants), "products")
        if found.catalogue is None or found.champion in champions[:1] or not champions:
            return found
        logger.error("%s is refused: %s goes on", champions[0], found.champion or "popularity")
        return _refusing(found, "recommender")

    def with_predictor(
        self, state: Served, family: str, *, standing: Served, champions: Sequence[str]
    ) -> Served:
        """Return `state` with the first of the `champions` of `family` that passes.

        What is `standing` need not pass again.
        """
        for name in champions:
            found = self._with_predictor(state, family, name, standing)
            if found is not None:
                break
        else:
            found = None
        if not champions or (found is not None and name == champions[0]):
            return found or state
        logger.error("%s is refused: %s goes on", champions[0], name if found else "nothing")
        return _refusing(found or state, family)

    def keep(self, state: Served) -> None:
        """Forget what was loaded and is not in `state`."""
        used = {id(ranker.bundle) for ranker in state.rankers.values()}
        used |= {id(bundle) for bundle in state.predictors.values()}
        self._loaded = {name: one for name, one in self._loaded.items() if id(one) in used}

    def _ranking(
        self, state: Served, standing: Served, champions: Sequence[str], variants: Sequence[str]
    ) -> Served:
        found = {name: self._ranker(name, state, standing) for name in variants}
        champion = None
        for name in champions:
            found[name] = found.get(name) or self._ranker(name, state, standing)
            if found[name] is not None:
                champion = name
                break
        rankers = {name: ranker for name, ranker in found.items() if ranker is not None}
        return replace(state, champion=champion, rankers=rankers)

    def _ranker(self, name: str, state: Served, standing: Served) -> Ranker | None:
        if state.catalogue is None:
            return None
        products, stands = state.catalogue.products, standing.rankers.get(name)
        if stands is not None and stands.products is products:
            return stands
        try:
            bundle = self._bundle(name)
            model = cast(Recommender, bundle.model)
            ranker = Ranker(
                bundle=bundle,
                products=products,
                score=model.scorer(products),
                related=model.related(products) if isinstance(model, Relates) else None,
            )
            alone = replace(state, champion=name, rankers={name: ranker}, experiments=())
            self._trial.recommender(alone)
        except Exception:  # one broken version must not stop the others from answering
            _failed(name)
            return None
        return ranker

    def _with_predictor(
        self, state: Served, family: str, name: str, standing: Served
    ) -> Served | None:
        """Return `state` with version `name` of `family`; None where it cannot answer."""
        try:
            bundle = self._bundle(name)
            found = replace(state, predictors={**state.predictors, family: bundle})
            tried = bundle is standing.predictors.get(family) and standing.catalogue is not None
            if state.catalogue is not None and not tried:
                self._trial.predictor(found, family)
        except Exception:
            _failed(name)
            return None
        return found

    def _bundle(self, name: str) -> Bundle:
        if name not in self._loaded:
            self._loaded[name] = load_bundle(
                self._folder / VersionName.parse(name).folder, device=self._device
            )
        return self._loaded[name]


def _refusing(state: Served, part: str) -> Served:
    return replace(state, refused=state.refused | {part})


def _failed(name: str) -> None:
    metrics.LOAD_FAILED.set_to_current_time()
    logger.exception("cannot answer with %s", name)
