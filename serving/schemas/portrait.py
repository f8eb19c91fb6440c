"""The portrait of one customer: the card, and what the shop knows beyond it."""

from typing import Literal

from msgspec import Struct

from configs.languages import Language
from serving.schemas.base import Id, Request, Time
from serving.schemas.predictions import CustomerCard


class PortraitRequest(Request, frozen=True, kw_only=True):
    """Requests all that is known about one customer."""

    customer_id: Id
    language: Language = "en"
    """The language of `name` and `previous_name`."""


class PortraitRfm(Struct, frozen=True, kw_only=True):
    """The customer's RFM group."""

    as_of: Time
    """The time of the segments' state: what happened and was recorded before it counts."""
    code: str
    """Such as `Champions`, as filters of segments write it."""
    name: str
    """The same in the request's `language`."""
    since: Time
    """The first evaluation of this stay in the group; groups are evaluated at month starts and at
    each refresh."""
    previous_code: str | None
    """The group before; null if none is recorded."""
    previous_name: str | None


class PortraitLifecycle(Struct, frozen=True, kw_only=True):
    """The customer's lifecycle state."""

    as_of: Time
    """The time of the segments' state: what happened and was recorded before it counts."""
    code: Literal["new", "active", "at_risk", "lapsed", "won_back", "none"]
    name: str
    """The same in the request's `language`."""
    since: Time
    """The first evaluation of this stay in the state."""


class InSegment(Struct, frozen=True, kw_only=True):
    """A segment that the customer is in."""

    key: str
    since: Time
    """The first evaluation of this stay in the segment."""


class PortraitSegments(Struct, frozen=True, kw_only=True):
    """The segments that the customer is in, as `GET /v1/segments` lists them."""

    as_of: Time
    """The time of the segments' state: what happened and was recorded before it counts."""
    segments: list[InSegment]
    """By `key`; those of the RFM group and of the lifecycle state are among them."""


class PortraitChannels(Struct, frozen=True, kw_only=True):
    """Where the customer buys."""

    as_of: Time
    """The time of the segments' state: what happened and was recorded before it counts."""
    channels: list[str]
    """The channels bought through in the 365 days before `as_of`, by name; empty if the shop's
    orders name none."""


class Affinity(Struct, frozen=True, kw_only=True):
    """What the customer spent in one category."""

    category: str | None
    """Null: products without a category, or that the catalogue no longer has."""
    share: float
    """Share of the spend in all categories. Every purchase counts the same, however old."""
    spend: float
    """In the workspace's currency, before returns."""
    last_time: Time
    """The newest purchase in the category."""


class PortraitAffinities(Struct, frozen=True, kw_only=True):
    """The categories that the customer buys."""

    as_of: Time
    """Purchases until this time count: the last 400, each with the value of its last line."""
    categories: list[Affinity]
    """The 20 with the largest shares, largest first."""


class PriceBand(Struct, frozen=True, kw_only=True):
    """Where the customer's mean price lies among the prices of the catalogue."""

    as_of: Time
    code: Literal["low", "mid", "high"]
    """`low` below `mid_from`, `high` above `mid_to`, else `mid`."""
    mean_unit_spend: float
    """Spend, fees included, divided by units: of the 365 days before the customer's snapshot, and
    of the orders since then. In the workspace's currency."""
    mid_from: float
    """A third of the catalogue's prices lie below (interpolated)."""
    mid_to: float
    """A third of the catalogue's prices lie above (interpolated)."""


class Rhythm(Struct, frozen=True, kw_only=True):
    """How often the customer orders: from the orders among the last 400 purchases, and the last
    order of all. Orders at one time are one. Days are of 24 hours."""

    as_of: Time
    median_days: float | None
    """Median days between two orders in a row; null with fewer than two orders."""
    spread_days: float | None
    """Third quartile of these days minus the first, interpolated; null with fewer than three
    orders."""
    days_since_last_order: float
    overdue: bool | None
    """Whether `days_since_last_order` is more than `median_days` + `spread_days`; null with fewer
    than three orders."""


class Trend(Struct, frozen=True, kw_only=True):
    """A measure of the last 90 days, and of the 90 days before them."""

    last_90_days: float | None
    """Null if more than the last 400 purchases would be needed; so for `previous_90_days`."""
    previous_90_days: float | None
    change: float | None
    """(`last_90_days` - `previous_90_days`) / `previous_90_days`; null if that is 0 or null."""


class PortraitTrends(Struct, frozen=True, kw_only=True):
    """How the customer's purchases change: from the last 400, each with the value of its last line.
    An order of fees alone does not count."""

    as_of: Time
    """The last 90 days end here."""
    orders: Trend
    """Orders; those at one time are one."""
    spend: Trend
    """In the workspace's currency, before returns."""


class CustomerPortrait(CustomerCard, frozen=True, kw_only=True):
    """One customer: the card of `/v1/customers:predictions`, and parts that each name their time.

    `rfm`, `lifecycle`, `segments` and `channels` are of the last refresh of the segments; they are
    null before the first one, and for a customer unknown to it. The card and the other parts count
    new orders at once; these parts are null for an unknown customer.
    """

    as_of: Time
    """The time of the card."""
    rfm: PortraitRfm | None
    """Null for a customer without an order, too."""
    lifecycle: PortraitLifecycle | None
    segments: PortraitSegments | None
    channels: PortraitChannels | None
    affinities: PortraitAffinities | None
    price_band: PriceBand | None
    """Null without units bought, or without a price in the catalogue."""
    rhythm: Rhythm | None
    """Null without an order."""
    trends: PortraitTrends | None
