"""Requests and responses of predictions about customers."""

from collections.abc import Mapping
from typing import Annotated, Final

from msgspec import Meta, Struct

from configs.languages import Language
from serving.schemas.base import Answer, FallbackReason, Id, Request, Time


class PredictionRequest(Request, frozen=True, kw_only=True):
    """Requests the prediction that the path names, for each customer."""

    customer_ids: Annotated[list[Id], Meta(min_length=1, max_length=1_000)]
    explain: bool = False
    """Whether each prediction has `reasons`."""
    language: Language = "en"
    """The language of the reasons' `text`."""


class ChurnRequest(PredictionRequest, frozen=True, kw_only=True):
    """Requests the probability that each customer places no order within `horizon_days`."""


class OrdersRequest(PredictionRequest, frozen=True, kw_only=True):
    """Requests the number of orders that each customer will place within `horizon_days`."""


class SpendRequest(PredictionRequest, frozen=True, kw_only=True):
    """Requests the value of the orders that each customer will place within `horizon_days`, in the
    workspace's currency, before returns."""


class NextOrderRequest(PredictionRequest, frozen=True, kw_only=True):
    """Requests the days until each customer's next order, with an interval that holds it with
    probability 0.9; null lies beyond `horizon_days`."""


REQUESTS: Final[Mapping[str, type[PredictionRequest]]] = {
    "churn": ChurnRequest,
    "expected_orders": OrdersRequest,
    "expected_spend": SpendRequest,
    "next_order": NextOrderRequest,
}
"""The requests that have their own schema in the OpenAPI document, by target."""


class Reason(Struct, frozen=True, kw_only=True):
    """Effect of one feature on one prediction: a Shapley value against the typical customer."""

    feature: str
    """Such as `days_since_last_order`, `orders_365d`, `spend_365d`; it includes the same measure in
    other windows."""
    value: float
    """The customer's value, in days, pieces or the workspace's currency."""
    typical: float
    """The typical customer's value, in the same unit."""
    impact: float
    """Amount that it adds to `typical_value`; below 0, it lowers the prediction. The impacts of all
    features add up to `value` minus `typical_value`; only the largest are listed."""
    text: str
    """The same in words, in the request's `language`."""


class Interval(Struct, frozen=True, kw_only=True):
    """The ends of an interval that holds the value with probability 0.9."""

    low: float | None
    """Null beyond `horizon_days`."""
    high: float | None
    """Null beyond `horizon_days`: then the interval has no upper end."""


class Prediction(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The prediction for one customer, in the order of the request."""

    customer_id: str
    value: float | None
    """Null if no model can answer, and for a time beyond `horizon_days`."""
    feature_age_s: float | None
    interval: Interval | None = None
    """Only of `next_order`."""
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
    """Orders expected within `horizon_days`; null without a champion of `customers`. For a customer
    without purchases, the mean of all customers; so for `predicted_clv`."""
    predicted_clv: float | None
    """Expected value of the orders within `horizon_days`, before returns; null without a champion
    of `customers`."""
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
    """Half of such customers will have ordered by then; null if that lies beyond `horizon_days`."""
