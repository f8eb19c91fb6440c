"""Requests and responses of predictions about customers."""

from collections.abc import Mapping
from typing import Annotated, Final

from msgspec import Meta, Struct

from serving.schemas.base import Answer, FallbackReason, Id, Request, Time


class PredictionRequest(Request, frozen=True, kw_only=True):
    """Requests the prediction that the path names, for each customer."""

    customer_ids: Annotated[list[Id], Meta(min_length=1, max_length=1_000)]
    explain: bool = False
    """Whether each prediction has `reasons`."""


class ChurnRequest(PredictionRequest, frozen=True, kw_only=True):
    """Requests the probability that each customer places no order within `horizon_days`."""


REQUESTS: Final[Mapping[str, type[PredictionRequest]]] = {"churn": ChurnRequest}
"""The requests that have their own schema in the OpenAPI document, by registered name."""


class Reason(Struct, frozen=True, kw_only=True):
    """Effect of one feature on one prediction: a Shapley value against the typical customer."""

    feature: str
    """Such as `days_since_last_order`, `orders_365d`, `spend_365d`; it includes the same measure in
    other windows."""
    value: float
    """The customer's value, in days, pieces or the workspace's currency."""
    impact: float
    """Amount that it adds to `typical_value`; below 0, it lowers the prediction. The impacts of all
    features add up to `value` minus `typical_value`; only the largest are listed."""


class Prediction(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The prediction for one customer, in the order of the request."""

    customer_id: str
    value: float | None
    """Null if no model can answer."""
    feature_age_s: float | None
    fallback_reason: FallbackReason | None = None
    reasons: list[Reason] | None = None
    """At most five, if `explain` is true and a model answered."""


class PredictionAnswer(Answer, frozen=True, kw_only=True):
    """A prediction for each customer."""

    horizon_days: int | None
    predictions: list[Prediction]
    typical_value: float | None = None
    """With `explain`: the prediction for the typical customer (each feature is the median of the
    active customers at the model's data cut). Absent for versions that were fitted before reasons
    existed."""


class CardRequest(Request, frozen=True, kw_only=True):
    """Requests all facts and predictions about one customer."""

    customer_id: Id


class CustomerCard(Answer, frozen=True, kw_only=True):
    """One customer, with the field names of CRM systems; new orders count at once.

    An order counts if it has a sale or fee of positive value. Amounts are in the workspace's
    currency, before returns. A value that is undefined or unknown is null.
    """

    customer_id: str
    churn_probability: float | None
    """Probability that the customer places no order within `horizon_days`; for a customer without
    purchases, the share of all customers who left."""
    horizon_days: int | None
    predicted_number_of_orders: float | None
    """Always null: no model answers this yet."""
    predicted_clv: float | None
    """Always null: no model answers this yet."""
    historic_clv: float | None
    """Total spend of the customer, before returns; null for an unknown customer."""
    historic_number_of_orders: int | None
    """Orders ever placed; null for an unknown customer."""
    average_days_between_orders: float | None
    """Days from the first to the last order, divided by the number of gaps; null with fewer than
    two orders."""
    average_order_value: float | None
    """`historic_clv` divided by `historic_number_of_orders`; null without an order."""
    expected_date_of_next_order: Time | None
    """Always null: no model answers this yet."""
