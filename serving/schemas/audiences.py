"""Requests for an audience: the customers most similar to a seed, and the answer."""

from typing import Annotated

from msgspec import Meta, Struct

from serving.schemas.base import Id, Request, Time
from training.segments.smallest import SMALLEST

_Ids = Annotated[list[Id], Meta(max_length=10_000)]


class AudienceRequest(Request, frozen=True, kw_only=True):
    """Requests the customers whose purchases resemble those of a seed.

    The seed is either `customer_ids` or the members of `segment`; it is not in the audience.
    """

    customer_ids: Annotated[list[Id], Meta(min_length=1, max_length=10_000)] | None = None
    """Those without a purchase do not count."""
    segment: Annotated[str, Meta(min_length=1, max_length=63)] | None = None
    """The key of a segment."""
    size: Annotated[int, Meta(ge=1, le=10_000)] = 100
    """The most members of the audience."""
    smallest_size: Annotated[int, Meta(ge=1, le=10_000)] = SMALLEST
    """A smaller seed or audience is refused, so that it does not tell about single persons."""
    opt_outs: _Ids | None = None
    """Customers who may not be in it, beside those in the workspace's list. Needed without such a
    list; empty if nobody opted out."""


class AudienceMember(Struct, frozen=True, kw_only=True):
    """A customer in an audience."""

    customer_id: str
    score: float
    """Larger is more similar; comparable within one answer only."""


class AudienceAnswer(Struct, frozen=True, kw_only=True):
    """The audience, the most similar customer first."""

    request_id: str
    as_of: Time
    """What happened and was recorded before this time counts."""
    seed_size: int
    """The customers in the seed, with purchases or without."""
    members: list[AudienceMember]
