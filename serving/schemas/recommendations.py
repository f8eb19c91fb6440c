"""Recommendations: what is asked and what is answered."""

from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from serving.schemas.base import (
    Answer,
    Category,
    Id,
    Label,
    NotNegative,
    ProblemDetails,
    Request,
)
from training.lists.slates import Strategy


def _shops(default: str) -> Meta:
    """Say in the document what a field is that a request does not give."""
    return Meta(description=f"Not given: as the shop's policy says, or else {default}.")


class Filter(Request, frozen=True, kw_only=True):
    """Keeps a list to products that satisfy every condition given."""

    categories: Annotated[list[Category], Meta(max_length=100)] = field(default_factory=list)
    """Any of these; empty: all, and those without category."""
    price_min: NotNegative | None = None
    """The price is what the shop said last, or else that of the last sale, in the workspace's
    currency."""
    price_max: NotNegative | None = None
    in_stock: bool = False
    """True leaves out what is known to have no stock in any store. What the shop says is not
    available is never listed, whatever is asked."""

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
    exclude_product_ids: Annotated[list[Id], Meta(max_length=1_000)] = field(default_factory=list)
    diversity: Annotated[float, Meta(ge=0, le=1), _shops("0")] | UnsetType = UNSET
    """How much unlike each other the products are; 0 is by score alone."""
    max_per_category: Annotated[int, Meta(ge=1, le=100), _shops("null")] | UnsetType | None = UNSET
    """Products of one category, null: of any number; where the rest cannot fill the list, items
    say `filled`."""
    session_product_ids: Annotated[list[Id], Meta(max_length=100)] = field(default_factory=list)
    """What the visitor has just looked at, newest last, beside what was posted of the customer as
    viewed, clicked or added within half an hour. For a customer without purchases, or without
    `customer_id`, the champion answers as if they had just been bought, and they are not listed;
    the purchases of a customer who has any say more, and these are not read."""
    scenario: Label = "default"
    """Where the list is shown (`email`, `home`); kept with the exposure."""
    personalized: bool = True
    """False: the answer reads and keeps nothing of the customer, the session included."""
    explain: bool = False
    """Whether each item gives its `reasons`."""


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


class RecommendationsRequest(Request, frozen=True, kw_only=True):
    """Up to 100 requests; a bad one fails alone."""

    requests: Annotated[list[RecommendationRequest], Meta(min_length=1, max_length=100)]


class RecommendationParts(Request, frozen=True, kw_only=True):
    """A `RecommendationsRequest` whose requests are decoded one by one."""

    requests: Annotated[list[Raw], Meta(min_length=1, max_length=100)]


class RecommendationResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one request of the batch would have got alone: its status, and its answer or problem."""

    status: int
    answer: RecommendationAnswer | None = None
    problem: ProblemDetails | None = None


class RecommendationsAnswer(Struct, frozen=True, kw_only=True):
    """A result for each request, in their order."""

    request_id: str
    results: list[RecommendationResult]
