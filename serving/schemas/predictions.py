"""Predictions about customers: what is asked and what is answered."""

from collections.abc import Mapping
from typing import Annotated, Final

from msgspec import Meta, Struct

from serving.schemas.base import Answer, FallbackReason, Id, Request, Time


class PredictionRequest(Request, frozen=True, kw_only=True):
    """Asks for the number that the path names, of each customer."""

    customer_ids: Annotated[list[Id], Meta(min_length=1, max_length=1_000)]
    explain: bool = False
    """Whether each prediction gives its `reasons`."""


class ChurnRequest(PredictionRequest, frozen=True, kw_only=True):
    """Asks for the probability that each customer places no order within `horizon_days`."""


REQUESTS: Final[Mapping[str, type[PredictionRequest]]] = {"churn": ChurnRequest}
"""The requests that the OpenAPI document describes by a schema of their own, by registered name."""


class Reason(Struct, frozen=True, kw_only=True):
    """What one feature does to one prediction: a Shapley value against the typical customer."""

    feature: str
    """Such as `days_since_last_order`, `orders_365d`, `spend_365d`; the same in other windows
    counts with it."""
    value: float
    """The customer's own, in days, pieces or the workspace's currency."""
    impact: float
    """What it adds to `typical_value`; below 0, it lowers the prediction. All features together add
    up to `value` less `typical_value`; those told are the ones of the largest impact."""


class Prediction(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One customer's number; the order is the request's."""

    customer_id: str
    value: float | None
    """Null where no model can answer."""
    feature_age_s: float | None
    fallback_reason: FallbackReason | None = None
    reasons: list[Reason] | None = None
    """At most five, where asked for by `explain` and a model answered."""


class PredictionAnswer(Answer, frozen=True, kw_only=True):
    """A number for each customer."""

    horizon_days: int | None
    predictions: list[Prediction]
    typical_value: float | None = None
    """With `explain`: the prediction of the typical customer (every feature the median of the
    active customers at the model's data cut). Not given by a version that was fitted before there
    were reasons."""


class CardRequest(Request, frozen=True, kw_only=True):
    """Asks for all that is known and predicted of one customer."""

    customer_id: Id


class CustomerCard(Answer, frozen=True, kw_only=True):
    """One customer, under the names that CRM systems know; fresh orders count at once.

    An order counts with a sale or fee of positive value. Amounts are in the workspace's currency,
    before returns. What is not defined, or not known, is null.
    """

    customer_id: str
    churn_probability: float | None
    """That the customer places no order within `horizon_days`; of a customer without purchases the
    share of all who left."""
    horizon_days: int | None
    predicted_number_of_orders: float | None
    """Always null: no model answers this yet."""
    predicted_clv: float | None
    """Always null: no model answers this yet."""
    historic_clv: float | None
    """All that the customer ever spent, before returns; null of an unknown customer."""
    historic_number_of_orders: int | None
    """Orders ever placed; null of an unknown customer."""
    average_days_between_orders: float | None
    """From the first order to the last, by the number of gaps; null with fewer than two orders."""
    average_order_value: float | None
    """`historic_clv` by `historic_number_of_orders`; null without an order."""
    expected_date_of_next_order: Time | None
    """Always null: no model answers this yet."""
