"""Recommendations: who asks, what is known of them, which version answers, what is written down.

A degraded answer is still an answer; `fallback_reason` says what was missing.
"""

import asyncio
import logging
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from experiments.assignment import assign
from experiments.exposures import Exposure, ExposureLog
from features.events import EventLog
from serving.models import Catalogue, Models, Served
from serving.rows import StoreUnavailable, age_s, frame, read_customer, staleness
from serving.schemas import (
    Assigned,
    FallbackReason,
    Model,
    RecommendationAnswer,
    RecommendationRequest,
    RecommendedItem,
)
from training.inputs import FloatArray, encode_queries
from training.ranking import top_k

logger = logging.getLogger(__name__)
POPULARITY: Final = "popularity"
_POPULAR: Final = Model(name=POPULARITY, version=None)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A list before it is cut to size and written down."""

    catalogue: Catalogue | None = None
    scores: FloatArray | None = None
    """(C,) of the catalogue's products; None without a catalogue."""
    source: str = POPULARITY
    """The model or fallback that made the scores."""
    model: Model = _POPULAR
    experiments: tuple[Assigned, ...] = ()
    age_s: float | None = None
    reason: FallbackReason | None = None


class Recommendations:
    """Answers for recommendations from the served models, the stores and the clock."""

    def __init__(
        self,
        models: Models,
        events: EventLog | None,
        exposures: ExposureLog | None,
        *,
        clock: Callable[[], pd.Timestamp],
    ) -> None:
        self._models, self._events, self._exposures = models, events, exposures
        self._clock = clock

    async def answer(
        self, request: RecommendationRequest, *, request_id: str
    ) -> RecommendationAnswer:
        """Return a list, after its exposure is on disk.

        Where it cannot be written, the list is the champion's, in no experiment, and that is the
        reason told, whatever else was missing.
        """
        now, served = self._clock(), self._models.served
        unit_id = request.customer_id if request.personalized else None
        draft = self._draft(served, unit_id, now)
        items = _items(draft, request)
        shown = Exposure(
            recommendation_id=uuid.uuid4().hex,
            experiment=draft.experiments[0].key if draft.experiments else None,
            variant=draft.experiments[0].variant if draft.experiments else None,
            unit_id=unit_id,
            model_version=draft.model.name + (f"@{v}" if (v := draft.model.version) else ""),
            scenario=request.scenario,
            product_ids=tuple(item.product_id for item in items),
            propensities=tuple(item.propensity for item in items),
            exposed_timestamp=now,
        )
        if not await self._written(shown):
            if draft.experiments:
                draft = self._draft(replace(served, experiments=()), unit_id, now)
                items = _items(draft, request)
            draft = replace(draft, reason="exposure_log_unavailable")
        return RecommendationAnswer(
            request_id=request_id,
            recommendation_id=shown.recommendation_id,
            model=draft.model,
            experiments=list(draft.experiments),
            feature_age_s=draft.age_s,
            items=items,
            fallback_reason=draft.reason,
        )

    async def _written(self, exposure: Exposure) -> bool:
        if self._exposures is None:
            return False
        try:
            await asyncio.wrap_future(self._exposures.append(exposure))
        except (sqlite3.Error, OSError, ValueError) as error:
            logger.warning("exposure log: %s", error)
            return False
        return True

    def _draft(self, served: Served, unit_id: str | None, now: pd.Timestamp) -> Draft:
        catalogue = served.catalogue
        if catalogue is None:
            return Draft(reason="model_unavailable")
        popular = Draft(
            catalogue=catalogue, scores=catalogue.popularity, age_s=age_s(now, catalogue.as_of)
        )
        if unit_id is None:
            return replace(popular, reason="not_personalized")
        try:
            customer = read_customer(
                served.store, self._events, unit_id, at=now, since=catalogue.as_of
            )
        except StoreUnavailable as error:
            logger.warning("online store: %s", error)
            return replace(popular, reason="store_unavailable")
        if customer is None or not customer.bought:
            return replace(popular, reason="no_history" if customer else "unknown_customer")
        name, assigned = _assigned(served, unit_id)
        if name in served.rankers:
            reason = staleness(customer, now)
        else:
            name, assigned, reason = served.champion, (), "model_unavailable"
        if name is None:
            return replace(popular, reason=reason)
        ranker = served.rankers[name]
        manifest = ranker.bundle.manifest
        queries = encode_queries(frame([customer.row], [unit_id]), catalogue.products, now)
        return replace(
            popular,
            scores=ranker.score(queries)[0],
            source=manifest.model,
            model=Model(name=manifest.name, version=manifest.version),
            experiments=assigned,
            age_s=age_s(now, customer.stored, catalogue.as_of),
            reason=reason,
        )


def _assigned(served: Served, unit_id: str) -> tuple[str | None, tuple[Assigned, ...]]:
    """Return the version that answers the unit and the variant that says so, if any."""
    for experiment in served.experiments:  # one at most runs at a time
        variant = assign(experiment, unit_id)
        if variant is not None:
            name = experiment.variants[variant].model
            return name, (Assigned(key=experiment.key, variant=variant),)
    return served.champion, ()


def _items(draft: Draft, request: RecommendationRequest) -> list[RecommendedItem]:
    if draft.catalogue is None or draft.scores is None:
        return []
    products = draft.catalogue.products
    exclude = np.zeros((1, len(products)), dtype=bool)
    found = products.places.get_indexer(pd.Index(request.exclude_product_ids, dtype=object))
    exclude[0, found[found >= 0]] = True
    chosen = top_k(draft.scores[None, :], request.k, exclude=exclude)[0]
    return [
        RecommendedItem(
            product_id=products.product_ids[place],
            position=position,
            score=float(draft.scores[place]),
            source=draft.source,
            propensity=1.0,
        )
        for position, place in enumerate(chosen, start=1)
        if place >= 0
    ]
