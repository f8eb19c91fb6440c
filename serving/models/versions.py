"""Model versions: loaded, bound to the products, tried, and only then served."""

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
    """The exported versions in the folder `bundles`, keyed like `recommender@3`, on one device.

    A version that cannot be loaded, or fails its trial, is logged and left out.
    """

    def __init__(self, bundles: Path, trial: Trial, *, device: Literal["cpu", "cuda"]) -> None:
        self._folder, self._trial, self._device = bundles, trial, device
        self._loaded: dict[str, Bundle] = {}

    def with_recommenders(
        self, state: Served, *, previous: Served, champions: Sequence[str], variants: Iterable[str]
    ) -> Served:
        """Return `state` with the first of `champions` and all `variants` that pass their trial.

        Versions in `previous` are not tried again. If no champion can score the products of
        `state`, but one scores the previous products, the previous products stay.
        """
        variants = [*variants]
        result = self._with_rankers(state, previous, champions, variants)
        if champions and result.champion is None and previous.champion is not None:
            on_previous_products = replace(state, catalogue=previous.catalogue)
            result = _refusing(
                self._with_rankers(on_previous_products, previous, champions, variants), "products"
            )
        if result.catalogue is None or result.champion in champions[:1] or not champions:
            return result
        logger.error(
            "%s is refused: %s answers instead", champions[0], result.champion or "popularity"
        )
        return _refusing(result, "recommender")

    def with_predictor(
        self, state: Served, family: str, *, previous: Served, champions: Sequence[str]
    ) -> Served:
        """Return `state` with the first of the `champions` of `family` that passes its trial.

        A version in `previous` is not tried again.
        """
        for name in champions:
            result = self._with_predictor(state, family, name, previous)
            if result is not None:
                break
        else:
            result = None
        if not champions or (result is not None and name == champions[0]):
            return result or state
        logger.error(
            "%s is refused: %s answers instead", champions[0], name if result else "nothing"
        )
        return _refusing(result or state, family)

    def keep(self, state: Served) -> None:
        """Drop loaded bundles that `state` does not use."""
        used = {id(ranker.bundle) for ranker in state.rankers.values()}
        used |= {id(bundle) for bundle in state.predictors.values()}
        self._loaded = {name: loaded for name, loaded in self._loaded.items() if id(loaded) in used}

    def _with_rankers(
        self, state: Served, previous: Served, champions: Sequence[str], variants: Sequence[str]
    ) -> Served:
        by_name = {name: self._ranker(name, state, previous) for name in variants}
        champion = None
        for name in champions:
            by_name[name] = by_name.get(name) or self._ranker(name, state, previous)
            if by_name[name] is not None:
                champion = name
                break
        rankers = {name: ranker for name, ranker in by_name.items() if ranker is not None}
        return replace(state, champion=champion, rankers=rankers)

    def _ranker(self, name: str, state: Served, previous: Served) -> Ranker | None:
        if state.catalogue is None:
            return None
        products, previous_ranker = state.catalogue.products, previous.rankers.get(name)
        if previous_ranker is not None and previous_ranker.products is products:
            return previous_ranker
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
        self, state: Served, family: str, name: str, previous: Served
    ) -> Served | None:
        """Return `state` with version `name` of `family`; None if it cannot answer."""
        try:
            bundle = self._bundle(name)
            result = replace(state, predictors={**state.predictors, family: bundle})
            tried = bundle is previous.predictors.get(family) and previous.catalogue is not None
            if state.catalogue is not None and not tried:
                self._trial.predictor(result, family)
        except Exception:
            _failed(name)
            return None
        return result

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
