"""Requests for similar products and their answers."""

from typing import Annotated

from msgspec import Meta, Struct, field

from configs.languages import Language
from serving.schemas.base import Answer, Id, Request
from serving.schemas.recommendations import Filter


class SimilarRequest(Request, frozen=True, kw_only=True):
    """Requests the `k` products most similar to one, or most often bought with it."""

    product_id: Id
    """It may be unavailable: the answer then lists substitutes."""
    k: Annotated[int, Meta(ge=1, le=100)] = 10
    filter: Filter | None = None
    exclude_product_ids: Annotated[list[Id], Meta(max_length=1_000)] = field(default_factory=list)
    explain: bool = False
    """Whether each item has `reasons`."""
    language: Language = "en"
    """Of the `reasons`; titles in them stay as the shop wrote them."""


class SimilarItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A product at its position; 1 is best."""

    product_id: str
    position: int
    score: float
    """Sum of the similarity, 0 to 1, and the strength of co-purchase, 0 to 1. With the source
    `popularity`, the number of recent buyers: no other similar products are known."""
    source: str
    """The larger part of the score: `content` (title and category), `co_purchase`, or
    `popularity`."""
    reasons: list[str] | None = None
    """At most two short sentences, if `explain` is true."""


class SimilarAnswer(Answer, frozen=True, kw_only=True):
    """A list of products; the same for every customer, and not recorded as an exposure."""

    items: list[SimilarItem]
