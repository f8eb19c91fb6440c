"""Predictions for customers, from their features and fresh events."""

import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
from msgspec.structs import replace

from configs.languages import Language
from features.customer_row import activity_frame
from features.logs.events import EventLog
from serving.schemas.base import FallbackReason, Model
from serving.schemas.predictions import Interval, Prediction, Reason
from serving.state.customers import Customer, StoreUnavailable, age_s, read_customer, staleness
from serving.state.served import Served
from training.bundle import Bundle
from training.customers import reasons
from training.customers.reason_words import in_words
from training.data.inputs import Queries, encode_rows
from training.families import Prediction as Predicted
from training.targets import Target, interval_of, numbers_of

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


def answering_model(served: Served, target: str) -> tuple[Model, int | None]:
    """Return the served model of `target`, and its horizon in days (None without a model)."""
    found = served.answers(target)
    if found is None:
        return Model(name="none", version=None), None
    bundle, _ = found
    manifest, horizon = bundle.manifest, bundle.predictor.horizon_days
    return Model(name=manifest.name, version=manifest.version), horizon


def predict(
    served: Served,
    target: str,
    customers: Sequence[CustomerToPredict],
    *,
    now: pd.Timestamp,
    explain: Language | None = None,
    made: dict[int, tuple[Queries, Any]] | None = None,
) -> list[Prediction]:
    """Return the predictions of `target` for each customer, at `now`; reasons in `explain`.

    `made` carries what models predicted for the same customers from call to call, so that a model
    of several targets computes once.

    For a customer whose purchases are unknown or unreadable, the value is the target's `unknown`
    metric from the model's last test window; null without a model, and for a time beyond the
    horizon.
    """
    found, now = served.answers(target), served.time(now)
    blank = Prediction(customer_id="", value=_unknown(found), feature_age_s=None)
    answers = [
        replace(blank, customer_id=a.customer_id, feature_age_s=a.age_s, fallback_reason=a.reason)
        for a in customers
    ]
    if found is None or served.catalogue is None:
        return [replace(p, fallback_reason="model_unavailable") for p in answers]
    (bundle, prediction), products = found, served.catalogue.products
    bought = {
        p: a.customer.row for p, a in enumerate(customers) if a.customer and a.customer.bought
    }
    rows, ids = list(bought.values()), [customers[place].customer_id for place in bought]
    made = {} if made is None else made
    if id(bundle) not in made:
        queries = encode_rows(rows, ids, products, now)
        made[id(bundle)] = queries, bundle.predictor.predict(queries)
    queries, predicted = made[id(bundle)]
    numbers, ends = numbers_of(predicted, prediction), interval_of(predicted, prediction)
    for row, place in enumerate(bought):
        interval = None
        if ends is not None:
            low, high = (_finite(part[row]) for part in ends)
            interval = Interval(low=low, high=high)
        answers[place] = replace(answers[place], value=_finite(numbers[row]), interval=interval)
    typical = bundle.manifest.typical
    if explain and typical and bought:
        explanations = reasons.explain(
            Target(model=bundle.predictor, prediction=prediction).predict,
            activity_frame(rows),
            queries,
            at=now,
            typical=typical,
        )
        for place, explanation in zip(bought, explanations, strict=True):
            spoken = [_spoken(reason, target, language=explain) for reason in explanation]
            answers[place] = replace(answers[place], reasons=spoken)
    return answers


def typical_value(served: Served, target: str, now: pd.Timestamp) -> float | None:
    """Return the prediction for the typical customer at `now`; None if the version has none."""
    found = served.answers(target)
    if found is None or served.catalogue is None or not found[0].manifest.typical:
        return None
    (bundle, prediction), now = found, served.time(now)
    row = reasons.typical_row(bundle.manifest.typical, now)
    queries = encode_rows([row], [""], served.catalogue.products, now)
    explained = Target(model=bundle.predictor, prediction=prediction)
    return float(explained.predict(queries)[0])


def _spoken(reason: reasons.Reason, target: str, *, language: Language) -> Reason:
    return Reason(**asdict(reason), text=in_words(reason, target, language=language))


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None


def _unknown(found: tuple[Bundle, Predicted] | None) -> float | None:
    if found is None or found[1].unknown is None:
        return None
    return _finite(found[0].manifest.metrics.get(found[1].unknown, math.nan))
