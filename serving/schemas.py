"""What goes over the wire: requests that refuse unknown fields, and answers.

The OpenAPI document is made from these classes (serving.openapi). Within v1 only additions.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from training.slates import Strategy

_NO_CONTROL = r"^[^\x00-\x1f\x7f-\x9f]*(?![\s\S])"
_text = Meta(min_length=1, max_length=128, pattern=_NO_CONTROL)
Id = Annotated[str, _text, Meta(description="1-128 characters without control characters.")]
Label = Annotated[str, _text]
Time = Annotated[datetime, Meta(tz=True, description="RFC 3339, with its offset from UTC.")]
Positive = Annotated[float, Meta(gt=0, lt=1e12)]
NotNegative = Annotated[float, Meta(ge=0, lt=1e12)]
Category = Annotated[str, Meta(min_length=1, max_length=1_000)]
FallbackReason = Literal[
    "unknown_customer",
    "no_history",
    "not_personalized",
    "stale_features",
    "store_unavailable",
    "model_unavailable",
    "exposure_log_unavailable",
]


def _shops(default: str) -> Meta:
    """Say in the document what a field is that a request does not give."""
    return Meta(description=f"Not given: as the shop's policy says, or else {default}.")


class Request(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request body; an unknown field is an error."""


class Filter(Request, frozen=True, kw_only=True):
    """Keeps a list to products that satisfy every condition given."""

    categories: Annotated[list[Category], Meta(max_length=100)] = []
    """Any of these; empty: all, and those without category."""
    price_min: NotNegative | None = None
    """The price is that of the last sale, in the workspace's currency."""
    price_max: NotNegative | None = None

    def __post_init__(self) -> None:
        """Refuse bounds that no price satisfies."""
        low, high = self.price_min, self.price_max
        if low is not None and high is not None and low > high:
            raise ValueError(f"price_min = {low} is above price_max = {high}")


class RecommendationRequest(Request, frozen=True, kw_only=True):
    """Asks for the `k` products that the customer is most likely to want."""

    customer_id: Id | None = None
    """Without one the answer is in no experiment, and personal only by `session_product_ids`."""
    k: Annotated[int, Meta(ge=1, le=100), _shops("10")] | UnsetType = UNSET
    strategy: Annotated[Strategy, _shops("for_you")] | UnsetType = UNSET
    """`for_you`: anything. `buy_again`: the last 400 purchases alone; it may be short, even empty.
    `new_to_you`: none of these. `trending`: recent demand, for all alike."""
    filter: Filter | None = None
    exclude_product_ids: Annotated[list[Id], Meta(max_length=1_000)] = []
    diversity: Annotated[float, Meta(ge=0, le=1), _shops("0")] | UnsetType = UNSET
    """How much unlike each other the products are; 0 is by score alone."""
    max_per_category: Annotated[int, Meta(ge=1, le=100), _shops("null")] | UnsetType | None = UNSET
    """Products of one category, null: of any number; where the rest cannot fill the list, items
    say `filled`."""
    session_product_ids: Annotated[list[Id], Meta(max_length=100)] = []
    """What the visitor has just looked at, newest last. For a customer without purchases, or
    without `customer_id`, the champion answers as if they had just been bought, and they are not
    listed; the purchases of a customer who has any say more, and these are not read."""
    scenario: Label = "default"
    """Where the list is shown (`email`, `home`); kept with the exposure."""
    personalized: bool = True
    """False: the answer reads and keeps nothing of the customer, the session included."""
    explain: bool = False
    """Whether each item gives its `reasons`."""


class ChurnRequest(Request, frozen=True, kw_only=True):
    """Asks for the probability that each customer places no order within `horizon_days`."""

    customer_ids: Annotated[list[Id], Meta(min_length=1, max_length=1_000)]


class OrderItem(Request, frozen=True, kw_only=True):
    """A line of an order or a refund."""

    product_id: Id
    quantity: Positive
    unit_price: NotNegative
    """Net of discount, in the workspace's currency."""


class CustomerEvent(Request, frozen=True, kw_only=True, tag_field="type"):
    """What every event says."""

    event_id: Id
    """The same id again is a duplicate and changes nothing."""
    customer_id: Id
    time: Time
    """When it happened: between 1970 and now."""
    recommendation_id: Id | None = None
    position: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    channel: Label | None = None
    store_id: Id | None = None


class ProductViewed(CustomerEvent, frozen=True, kw_only=True, tag="product_viewed"):
    """A customer saw a product's page."""

    product_id: Id


class ProductClicked(CustomerEvent, frozen=True, kw_only=True, tag="product_clicked"):
    """A customer clicked on a product in a list."""

    product_id: Id


class ProductAdded(CustomerEvent, frozen=True, kw_only=True, tag="product_added"):
    """A customer put a product into the basket."""

    product_id: Id


class OrderEvent(CustomerEvent, frozen=True, kw_only=True):
    """What both order types say."""

    order_id: Id
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}(?![\s\S])")]
    """ISO 4217; the workspace's own, others are rejected."""
    items: Annotated[list[OrderItem], Meta(min_length=1, max_length=1_000)]


class OrderCompleted(OrderEvent, frozen=True, kw_only=True, tag="order_completed"):
    """A customer bought; the next answer knows it."""


class OrderRefunded(OrderEvent, frozen=True, kw_only=True, tag="order_refunded"):
    """Units came back; quantities are positive."""


AnyEvent = ProductViewed | ProductClicked | ProductAdded | OrderCompleted | OrderRefunded


class EventsRequest(Request, frozen=True, kw_only=True):
    """Up to 500 events; a bad one is rejected alone."""

    events: Annotated[list[AnyEvent], Meta(min_length=1, max_length=500)]


class EventParts(Request, frozen=True, kw_only=True):
    """An `EventsRequest` whose events are decoded one by one."""

    events: Annotated[list[Raw], Meta(min_length=1, max_length=500)]


class Model(Struct, frozen=True, kw_only=True):
    """Who answered."""

    name: str
    """`recommender`, `churn`, or the name of a fallback."""
    version: str | None
    """None for a fallback."""


class Assigned(Struct, frozen=True, kw_only=True):
    """The variant of an experiment that made this answer."""

    key: str
    variant: str


class Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every answer says."""

    request_id: str
    model: Model
    experiments: list[Assigned]
    """Empty when the customer is in none."""
    feature_age_s: float | None
    """Seconds since the snapshot of the oldest stored features that were read; null without any."""
    fallback_reason: FallbackReason | None = None


class RecommendedItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A product on its position, 1 is best."""

    product_id: str
    position: int
    score: float
    """Comparable within this answer only."""
    source: str
    """The model or fallback that brought it in."""
    propensity: float
    """The probability with which it took this position; 1 where nothing was random."""
    filled: bool = False
    """True: `max_per_category` would have left this position empty, or the model knows no score."""
    reasons: list[str] | None = None
    """At most two short sentences, where asked for by `explain`."""


class RecommendationAnswer(Answer, frozen=True, kw_only=True):
    """A list of products; put `recommendation_id` on the events that follow from it."""

    recommendation_id: str
    items: list[RecommendedItem]


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


class RejectedEvent(Struct, frozen=True, kw_only=True):
    """Why the event at `index` was not taken."""

    index: int
    code: str
    detail: str


class EventsAnswer(Struct, frozen=True, kw_only=True):
    """What became of the events, on disk by now."""

    request_id: str
    accepted: int
    duplicates: int
    rejected: list[RejectedEvent]


class FieldError(Struct, frozen=True, kw_only=True):
    """What is wrong, and where: `pointer` is a JSON Pointer (RFC 6901) into the body."""

    pointer: str
    detail: str


class ProblemDetails(Struct, frozen=True, kw_only=True):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[FieldError]


class Health(Struct, frozen=True, kw_only=True):
    """What `/livez` and `/readyz` say."""

    status: Literal["ok", "loading"]
