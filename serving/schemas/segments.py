"""Segments of customers: definitions, numbers, and members in pages of one state."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from serving.schemas.base import Request, Time


class NoParameters(Request, frozen=True, kw_only=True):
    """A query without parameters."""


class MembersQuery(Request, frozen=True, kw_only=True):
    """The parameters of a page of members."""

    page_size: Annotated[int, Meta(ge=1, le=500)] = 100
    """Members in a page, at most."""
    page_token: Annotated[str, Meta(min_length=1, max_length=1_000)] | None = None
    """The `next_page_token` of the page before; without it, the first page."""


class SegmentRequest(Request, frozen=True, kw_only=True):
    """Defines a segment by a filter, or gives it another filter."""

    filter: Annotated[str, Meta(min_length=1, max_length=4_096)]
    """Such as `spend_365d >= 500 and lifecycle = "active"`; training/SEGMENTS.md has the
    language."""


class Segment(Struct, frozen=True, kw_only=True):
    """A segment and its number of customers."""

    key: str
    kind: Literal["rfm", "lifecycle", "defined"]
    """`rfm` and `lifecycle`: one of the groups that every shop has, which exclude each other."""
    filter: str
    """Times in it are in UTC."""
    version: int | None
    """Counts the filters that the key has had; null for the groups of every shop."""
    count: int
    """Its members, all of which `/members` lists."""


class SegmentsAnswer(Struct, frozen=True, kw_only=True):
    """All segments, counted on one state: at most 512."""

    request_id: str
    as_of: Time
    """What happened and was recorded before this time counts."""
    segments: list[Segment]


class SegmentAnswer(Struct, frozen=True, kw_only=True):
    """A segment as it is from now on, counted on the current state."""

    request_id: str
    as_of: Time
    """What happened and was recorded before this time counts."""
    segment: Segment


class Member(Struct, frozen=True, kw_only=True):
    """A customer in a segment."""

    customer_id: str
    since: Time
    """The first evaluation of this stay in the segment."""


class MembersAnswer(Struct, frozen=True, kw_only=True):
    """A page of a segment's members, by `customer_id`. All its pages are of one state."""

    request_id: str
    key: str
    as_of: Time
    """What happened and was recorded before this time counts."""
    count: int
    """Members on all pages."""
    members: list[Member]
    next_page_token: str | None
    """Null on the last page. It holds while no more than one newer state is made."""
