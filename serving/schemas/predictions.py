"""Predictions about customers: what is asked and what is answered."""

from typing import Annotated

from msgspec import Meta, Struct

from serving.schemas.base import Answer, FallbackReason, Id, Request


class ChurnRequest(Request, frozen=True, kw_only=True):
    """Asks for the probability that each customer places no order within `horizon_days`."""

    customer_ids: Annotated[list[Id], Meta(min_length=1, max_length=1_000)]


class Prediction(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One customer's number; the order is the request's."""

    customer_id: str
    value: float | None
    """Null where no model can answer."""
    feature_age_s: float | None
    fallback_reason: FallbackReason | None = None


class PredictionAnswer(Answer, frozen=True, kw_only=True):
    """A number for each customer."""

    horizon_days: int | None
    predictions: list[Prediction]
