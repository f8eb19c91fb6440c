"""Predictions about customers: up to a thousand in a request, in its order."""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Final

import pandas as pd
from msgspec.structs import replace

from features.customer_row import Row
from features.events import EventLog
from serving.models import Models, predictor
from serving.rows import (
    OnlineStore,
    StoreUnavailable,
    age_s,
    read_customer,
    staleness,
)
from serving.schemas.base import Model
from serving.schemas.predictions import ChurnRequest, Prediction, PredictionAnswer
from training.bundle import Bundle
from training.inputs import encode_rows

logger = logging.getLogger(__name__)
TURN: Final = 32
"""Customers read before other requests get their turn."""


class Predictions:
    """Answers for predictions from the served models, the stores and the clock."""

    def __init__(
        self, models: Models, events: EventLog | None, *, clock: Callable[[], pd.Timestamp]
    ) -> None:
        self._models, self._events, self._clock = models, events, clock

    async def churn(self, request: ChurnRequest, *, request_id: str) -> PredictionAnswer:
        """Return for each customer the probability of no order within the horizon.

        Of whom no purchase is known, or cannot be read, it is the share of all customers who left
        in the model's last test window.
        """
        now, served = self._clock(), self._models.served
        catalogue, bundle = served.catalogue, served.churn
        since = catalogue.as_of if catalogue else now
        rows: dict[int, Row] = {}
        predictions: list[Prediction] = []
        rate = _rate(bundle)
        for place, customer_id in enumerate(request.customer_ids):
            prediction, row = self._read(served.store, customer_id, now, since)
            if row is not None:
                rows[place] = row
            predictions.append(replace(prediction, value=rate))
            if place % TURN == TURN - 1:
                await asyncio.sleep(0)
        ages = [p.feature_age_s for p in predictions if p.feature_age_s is not None]
        model, horizon = Model(name="none", version=None), None
        if bundle is None or catalogue is None:
            predictions = [replace(p, fallback_reason="model_unavailable") for p in predictions]
        else:
            manifest, horizon = bundle.manifest, predictor(bundle).horizon_days
            model = Model(name=manifest.name, version=manifest.version)
            ids = [request.customer_ids[place] for place in rows]
            queries = encode_rows(list(rows.values()), ids, catalogue.products, now)
            for place, value in zip(rows, predictor(bundle).predict(queries), strict=True):
                predictions[place] = replace(predictions[place], value=float(value))
        return PredictionAnswer(
            request_id=request_id,
            model=model,
            experiments=[],
            feature_age_s=max(ages, default=None),
            horizon_days=horizon,
            predictions=predictions,
            fallback_reason="model_unavailable" if horizon is None else None,
        )

    def _read(
        self, store: OnlineStore | None, customer_id: str, now: pd.Timestamp, since: pd.Timestamp
    ) -> tuple[Prediction, Row | None]:
        """Return the prediction without its value, and the row to predict from, if there is one."""
        blank = Prediction(customer_id=customer_id, value=None, feature_age_s=None)
        try:
            customer = read_customer(store, self._events, customer_id, at=now, since=since)
        except StoreUnavailable as error:
            logger.warning("online store: %s", error)
            return replace(blank, fallback_reason="store_unavailable"), None
        if customer is None:
            return replace(blank, fallback_reason="unknown_customer"), None
        blank = replace(blank, feature_age_s=age_s(now, customer.stored_us))
        if not customer.bought:
            return replace(blank, fallback_reason="no_history"), None
        return replace(blank, fallback_reason=staleness(customer, now)), customer.row


def _rate(bundle: Bundle | None) -> float | None:
    rate = None if bundle is None else bundle.manifest.metrics.get("churn_rate")
    return None if rate is None or math.isnan(rate) else rate
