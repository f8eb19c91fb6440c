"""Recommendations: draft, list, exposure on disk, and only then the answer.

A degraded answer is still valid; its `fallback_reason` says what was missing.
"""

import asyncio
import dataclasses
import logging
import os
import sqlite3
from collections.abc import Callable

import pandas as pd
from msgspec.structs import replace

from experiments.exposures import Exposure
from features.logs.events import EventLog
from serving.answers.drafts import draft as draft_of
from serving.answers.drafts import scored
from serving.answers.items import items, policy_of
from serving.models.watcher import ModelWatcher
from serving.schemas.recommendations import RecommendationAnswer, RecommendationRequest
from serving.stores.group_commit import GroupCommit
from training.lists.slates import Policy

logger = logging.getLogger(__name__)


class Recommendations:
    """Answers requests for recommendations from the served models, the stores and the clock.

    `policy` has the defaults for fields that a request omits.
    """

    def __init__(
        self,
        models: ModelWatcher,
        events: EventLog | None,
        exposures: GroupCommit[Exposure] | None,
        *,
        clock: Callable[[], pd.Timestamp],
        policy: Policy | None = None,
    ) -> None:
        self._models, self._events, self._exposures = models, events, exposures
        self._clock = clock
        self._policy = policy or Policy()

    async def answer(
        self, request: RecommendationRequest, *, request_id: str
    ) -> RecommendationAnswer:
        """Return a list, after its exposure is on disk. Waits for a running write, then `part`."""
        if self._exposures is not None:
            await self._exposures.written()
        return await self.part(request, request_id=request_id)

    async def part(
        self, request: RecommendationRequest, *, request_id: str
    ) -> RecommendationAnswer:
        """Return a list of a batch, after its exposure is on disk.

        If the exposure cannot be written, the list is the champion's, in no experiment and without
        random positions, and `fallback_reason` is `exposure_log_unavailable` in any case.

        Concurrent requests take turns between reading, scoring and composing: each step then runs
        for all of them with warm processor caches.
        """
        now, served = self._clock(), self._models.served
        unit_id = request.customer_id if request.personalized else None
        policy, recommendation_id = policy_of(request, self._policy), os.urandom(16).hex()
        draft = draft_of(served, self._events, request, policy=policy, now=now)
        await asyncio.sleep(0)
        draft = scored(draft)
        await asyncio.sleep(0)
        listed = items(draft, request, policy=policy, recommendation_id=recommendation_id)
        shown = Exposure(
            recommendation_id=recommendation_id,
            experiment=draft.experiments[0].key if draft.experiments else None,
            variant=draft.experiments[0].variant if draft.experiments else None,
            unit_id=unit_id,
            model_version=draft.model.label,
            scenario=request.scenario,
            product_ids=tuple(item.product_id for item in listed),
            propensities=tuple(item.propensity for item in listed),
            exposed_timestamp=now,
        )
        if not await self._written(shown):
            if draft.experiments or policy.explore:
                served = dataclasses.replace(served, experiments=())
                policy = policy.model_copy(update={"explore": 0})
                draft = scored(draft_of(served, self._events, request, policy=policy, now=now))
                listed = items(draft, request, policy=policy, recommendation_id=recommendation_id)
            draft = replace(draft, reason="exposure_log_unavailable")
        return RecommendationAnswer(
            request_id=request_id,
            recommendation_id=recommendation_id,
            model=draft.model,
            experiments=list(draft.experiments),
            feature_age_s=draft.age_s,
            items=listed,
            fallback_reason=draft.reason,
        )

    async def _written(self, exposure: Exposure) -> bool:
        if self._exposures is None:
            return False
        try:
            await self._exposures.add(exposure)
        except (sqlite3.Error, OSError) as error:
            logger.warning("exposure log: %s", error)
            return False
        return True
