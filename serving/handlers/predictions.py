"""POST /v1/predictions/{target}: up to 1,000 customers a request, answered in its order."""

import asyncio
from collections.abc import Callable
from typing import Final

import pandas as pd

from features.logs.events import EventLog
from serving.answers.predictions import answering_model, predict, read, typical_value
from serving.models.watcher import ModelWatcher
from serving.schemas.predictions import PredictionAnswer, PredictionRequest

TURN: Final = 32
"""Customers read before other requests can run."""


class Predictions:
    """Answers for predictions from the served models, the stores and the clock."""

    def __init__(
        self, models: ModelWatcher, events: EventLog | None, *, clock: Callable[[], pd.Timestamp]
    ) -> None:
        self._models, self._events, self._clock = models, events, clock

    async def answer(
        self, request: PredictionRequest, *, target: str, request_id: str
    ) -> PredictionAnswer:
        """Return the prediction of the champion that predicts `target` for each customer."""
        now, served = self._clock(), self._models.served
        customers = []
        for place, customer_id in enumerate(request.customer_ids):
            customers.append(read(served, self._events, customer_id, now=now))
            if place % TURN == TURN - 1:
                await asyncio.sleep(0)
        typical = None
        if request.explain:  # 128 times the work
            predictions = await asyncio.to_thread(
                predict, served, target, customers, now=now, explain=request.language
            )
            typical = typical_value(served, target, now)
        else:
            predictions = predict(served, target, customers, now=now)
        model, horizon = answering_model(served, target)
        return PredictionAnswer(
            request_id=request_id,
            model=model,
            experiments=[],
            feature_age_s=max((a.age_s for a in customers if a.age_s is not None), default=None),
            horizon_days=horizon,
            predictions=predictions,
            fallback_reason="model_unavailable" if horizon is None else None,
            typical_value=typical,
        )
