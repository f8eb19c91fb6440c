"""Events that a shop posts, and the response to them."""

from typing import Annotated

from msgspec import Meta, Raw, Struct

from serving.schemas.base import Id, Label, NotNegative, Positive, Request, Time


class OrderItem(Request, frozen=True, kw_only=True):
    """A line of an order or a refund."""

    product_id: Id
    quantity: Positive
    unit_price: NotNegative
    """Net of discount, in the workspace's currency."""


class CustomerEvent(Request, frozen=True, kw_only=True, tag_field="type"):
    """Fields of every event."""

    event_id: Id
    """A second event with the same id is a duplicate and is ignored."""
    customer_id: Id
    time: Time
    """Time at which it happened, between 1970 and now."""
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
    """Fields of both order types."""

    order_id: Id
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}(?![\s\S])")]
    """ISO 4217; any currency but the workspace's is rejected."""
    items: Annotated[list[OrderItem], Meta(min_length=1, max_length=1_000)]


class OrderCompleted(OrderEvent, frozen=True, kw_only=True, tag="order_completed"):
    """A customer placed an order; the next answer takes it into account."""


class OrderRefunded(OrderEvent, frozen=True, kw_only=True, tag="order_refunded"):
    """A customer returned units; quantities are positive."""


AnyEvent = ProductViewed | ProductClicked | ProductAdded | OrderCompleted | OrderRefunded


class EventsRequest(Request, frozen=True, kw_only=True):
    """Up to 500 events; an invalid event does not affect the others."""

    events: Annotated[list[AnyEvent], Meta(min_length=1, max_length=500)]


class EventParts(Request, frozen=True, kw_only=True):
    """An `EventsRequest` whose events are decoded one by one."""

    events: Annotated[list[Raw], Meta(min_length=1, max_length=500)]


class RejectedEvent(Struct, frozen=True, kw_only=True):
    """The reason why the event at `index` was rejected."""

    index: int
    code: str
    detail: str


class EventsAnswer(Struct, frozen=True, kw_only=True):
    """Counts of the events by result; accepted events are on disk."""

    request_id: str
    accepted: int
    duplicates: int
    rejected: list[RejectedEvent]
