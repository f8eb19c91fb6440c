"""From what is known of customers to predictions about them."""

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
from serving.state.served import Served, predictor
from training.bundle import Bundle
from training.customers import reasons
from training.data.inputs import encode_rows
from training.families import predictions

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CustomerToPredict:
    """A customer that is asked about, and what is known of it."""

    customer_id: str
    customer: Customer | None
    """None where it is unknown, or cannot be read."""
    reason: FallbackReason | None
    """Why the answer is not as good as it should be."""
    age_s: float | None


def read(
    served: Served, events: EventLog | None, customer_id: str, *, now: pd.Timestamp
) -> CustomerToPredict:
    """Return what is known of the customer at `now`, fresh events included."""
    since = served.catalogue.as_of if served.catalogue else now
    customer: Customer | None = None
    reason: FallbackReason | None = "unknown_customer"
    try:
        customer = read_customer(served.store, events, customer_id, at=now, since=since)
    except StoreUnavailable as error:
        logger.warning("customer row: %s", error)
        reason = "store_unavailable"
    if customer is not None:
        reason = staleness(customer, now) if customer.bought else "no_history"
    age = None if customer is None else age_s(now, customer.stored_us)
    return CustomerToPredict(customer_id=customer_id, customer=customer, reason=reason, age_s=age)


def who(served: Served, family: str) -> tuple[Model, int | None]:
    """Return the model of `family` that answers, and its horizon in days; None without one."""
    bundle = served.predictors.get(family)
    if bundle is None or served.catalogue is None:
        return Model(name="none", version=None), None
    manifest, horizon = bundle.manifest, predictor(bundle).horizon_days
    return Model(name=manifest.name, version=manifest.version), horizon


def predict(
    served: Served,
    family: str,
    asked: Sequence[CustomerToPredict],
    *,
    now: pd.Timestamp,
    explain: bool = False,
) -> list[Prediction]:
    """Return what the model of `family` predicts for each customer, at `now`.

    For a customer whose purchases are not known, or cannot be read, the value is the family's
    `unknown` figure of the model's last test window; null without a model.
    """
    bundle = served.predictors.get(family)
    blank = Prediction(customer_id="", value=_unknown(family, bundle), feature_age_s=None)
    found = [
        replace(blank, customer_id=a.customer_id, feature_age_s=a.age_s, fallback_reason=a.reason)
        for a in asked
    ]
    if bundle is None or served.catalogue is None:
        return [replace(p, fallback_reason="model_unavailable") for p in found]
    bought = {p: a.customer.row for p, a in enumerate(asked) if a.customer and a.customer.bought}
    rows, ids = list(bought.values()), [asked[place].customer_id for place in bought]
    queries, model = encode_rows(rows, ids, served.catalogue.products, now), predictor(bundle)
    for place, value in zip(bought, model.predict(queries), strict=True):
        found[place] = replace(found[place], value=float(value))
    typical = bundle.manifest.typical
    if explain and typical and bought:
        stored = activity_frame(rows)
        told = reasons.explain(model, stored, queries, at=now, typical=typical)
        for place, why in zip(bought, told, strict=True):
            found[place] = replace(found[place], reasons=[Reason(**asdict(r)) for r in why])
    return found


def _unknown(family: str, bundle: Bundle | None) -> float | None:
    metric = predictions()[family].unknown
    value = None if bundle is None or metric is None else bundle.manifest.metrics.get(metric)
    return None if value is None or math.isnan(value) else value


def typical_value(served: Served, family: str, now: pd.Timestamp) -> float | None:
    """Return the prediction of the typical customer at `now`; None of a version without one."""
    bundle = served.predictors.get(family)
    if bundle is None or served.catalogue is None or not bundle.manifest.typical:
        return None
    row = reasons.typical_row(bundle.manifest.typical, now)
    queries = encode_rows([row], [""], served.catalogue.products, now)
    return float(predictor(bundle).predict(queries)[0])
