"""Predictions for customers, from their features and fresh events."""

import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pandas as pd
from msgspec.structs import replace

from features.customer_row import activity_frame
from features.logs.events import EventLog
from serving.schemas.base import FallbackReason, Model
from serving.schemas.predictions import Prediction, Reason
from serving.state.customers import Customer, StoreUnavailable, age_s, read_customer, staleness
from serving.state.served import Served
from training.bundle import Bundle
from training.customers import reasons
from training.data.inputs import encode_rows
from training.families import predictor_families

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CustomerToPredict:
    """A customer of a request, with its features."""

    customer_id: str
    customer: Customer | None
    """None if unknown or unreadable."""
    reason: FallbackReason | None
    """Why the answer is degraded; None if it is not."""
    age_s: float | None


def read(
    served: Served, events: EventLog | None, customer_id: str, *, now: pd.Timestamp
) -> CustomerToPredict:
    """Return the customer at `now`, with its features and fresh events."""
    customer: Customer | None = None
    reason: FallbackReason | None = "unknown_customer"
    try:
        customer = read_customer(served.store, events, customer_id, at=now, since=served.cut)
    except StoreUnavailable as error:
        logger.warning("customer row: %s", error)
        reason = "store_unavailable"
    if customer is not None:
        reason = staleness(customer, now) if customer.bought else "no_history"
    age = None if customer is None else age_s(now, customer.stored_us)
    return CustomerToPredict(customer_id=customer_id, customer=customer, reason=reason, age_s=age)


def answering_model(served: Served, family: str) -> tuple[Model, int | None]:
    """Return the served model of `family`, and its horizon in days (None without a model)."""
    bundle = served.predictors.get(family)
    if bundle is None or served.catalogue is None:
        return Model(name="none", version=None), None
    manifest, horizon = bundle.manifest, bundle.predictor.horizon_days
    return Model(name=manifest.name, version=manifest.version), horizon


def predict(
    served: Served,
    family: str,
    customers: Sequence[CustomerToPredict],
    *,
    now: pd.Timestamp,
    explain: bool = False,
) -> list[Prediction]:
    """Return the predictions of the model of `family` for each customer, at `now`.

    For a customer whose purchases are unknown or unreadable, the value is the family's `unknown`
    metric from the model's last test window; null without a model.
    """
    bundle, now = served.predictors.get(family), served.time(now)
    blank = Prediction(customer_id="", value=_unknown(family, bundle), feature_age_s=None)
    answers = [
        replace(blank, customer_id=a.customer_id, feature_age_s=a.age_s, fallback_reason=a.reason)
        for a in customers
    ]
    if bundle is None or served.catalogue is None:
        return [replace(p, fallback_reason="model_unavailable") for p in answers]
    bought = {
        p: a.customer.row for p, a in enumerate(customers) if a.customer and a.customer.bought
    }
    rows, ids = list(bought.values()), [customers[place].customer_id for place in bought]
    queries, model = encode_rows(rows, ids, served.catalogue.products, now), bundle.predictor
    for place, value in zip(bought, model.predict(queries), strict=True):
        answers[place] = replace(answers[place], value=float(value))
    typical = bundle.manifest.typical
    if explain and typical and bought:
        stored = activity_frame(rows)
        explanations = reasons.explain(model, stored, queries, at=now, typical=typical)
        for place, explanation in zip(bought, explanations, strict=True):
            answers[place] = replace(
                answers[place], reasons=[Reason(**asdict(r)) for r in explanation]
            )
    return answers


def _unknown(family: str, bundle: Bundle | None) -> float | None:
    metric = predictor_families()[family].unknown
    value = None if bundle is None or metric is None else bundle.manifest.metrics.get(metric)
    return None if value is None or math.isnan(value) else value


def typical_value(served: Served, family: str, now: pd.Timestamp) -> float | None:
    """Return the prediction for the typical customer at `now`; None if the version has none."""
    bundle = served.predictors.get(family)
    if bundle is None or served.catalogue is None or not bundle.manifest.typical:
        return None
    now = served.time(now)
    row = reasons.typical_row(bundle.manifest.typical, now)
    queries = encode_rows([row], [""], served.catalogue.products, now)
    return float(bundle.predictor.predict(queries)[0])
