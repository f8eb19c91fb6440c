"""Requests and responses of recommendations."""

from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from configs.languages import Language
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


def _doc(default: str) -> Meta:
    """Describe the default of an optional field in the OpenAPI document."""
    return Meta(description=f"Default: the value in the shop's policy, or else {default}.")


class Filter(Request, frozen=True, kw_only=True):
    """Restricts a list to products that satisfy every given condition."""

    categories: Annotated[list[Category], Meta(max_length=100)] = field(default_factory=list)
    """Any of these; empty: all products, also those without a category."""
    price_min: NotNegative | None = None
    """In the workspace's currency. The price is the last one that the shop posted, or else that of
    the last sale."""
    price_max: NotNegative | None = None
    in_stock: bool = False
    """True excludes products that are known to be out of stock in all stores. Products that are not
    `available` are never listed, whatever the filter."""
    store_id: Id | None = None
    """Lists only products that this store has: those whose last posted `store_stock` gives it more
    than 0 units. A store that was never named in a stock has none, so the list is empty."""

    def __post_init__(self) -> None:
        """Raise ValueError if no price satisfies the bounds."""
        low, high = self.price_min, self.price_max
        if low is not None and high is not None and low > high:
            raise ValueError(f"price_min = {low} is above price_max = {high}")


class RecommendationRequest(Request, frozen=True, kw_only=True):
    """Requests the `k` products that the customer most likely wants."""

    customer_id: Id | None = None
    """Without it, the answer is in no experiment, and only `session_product_ids` personalize it."""
    k: Annotated[int, Meta(ge=1, le=100), _doc("10")] | UnsetType = UNSET
    strategy: Annotated[Strategy, _doc("for_you")] | UnsetType = UNSET
    """`for_you`: any product. `buy_again`: only the customer's last 400 purchases; the list may be
    short, even empty. `new_to_you`: none of these. `trending`: recent demand, the same for all.
    `content`: like the customer's purchases, or the session, in title, category and price, without
    data of other customers and in no experiment; without purchases, the most typical products."""
    filter: Filter | None = None
    exclude_product_ids: Annotated[list[Id], Meta(max_length=1_000)] = field(default_factory=list)
    diversity: Annotated[float, Meta(ge=0, le=1), _doc("0")] | UnsetType = UNSET
    """How different the products are from each other; 0 ranks by score only."""
    max_per_category: Annotated[int, Meta(ge=1, le=100), _doc("null")] | UnsetType | None = UNSET
    """Largest number of products of one category; null: no limit. If the rest cannot fill the list,
    the items beyond the limit have `filled`."""
    session_product_ids: Annotated[list[Id], Meta(max_length=100)] = field(default_factory=list)
    """Products that the visitor has just looked at, newest last, in addition to the customer's
    posted views, clicks and baskets of the last half hour. For a customer without purchases, or
    without `customer_id`, the champion answers as if they had just been bought, and they are not
    listed. They are ignored for a customer with purchases."""
    scenario: Label = "default"
    """Where the list is shown (`email`, `home`); recorded with the exposure."""
    personalized: bool = True
    """False: the answer neither reads nor stores data of the customer or the session."""
    explain: bool = False
    """Whether each item has `reasons`."""
    language: Language = "en"
    """Of the `reasons`; titles in them stay as the shop wrote them."""


class RecommendedItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A product at its position; 1 is best."""

    product_id: str
    position: int
    score: float
    """Comparable within this answer only."""
    source: str
    """The model or fallback that scored it."""
    propensity: float
    """Probability that this product got this position; 1 if nothing was random."""
    filled: bool = False
    """True: `max_per_category` would leave this position empty, or the model has no score."""
    reasons: list[str] | None = None
    """At most two short sentences, if `explain` is true."""


class RecommendationAnswer(Answer, frozen=True, kw_only=True):
    """A list of products; send `recommendation_id` with the events that result from it."""

    recommendation_id: str
    items: list[RecommendedItem]


class RecommendationsRequest(Request, frozen=True, kw_only=True):
    """Up to 100 requests; an invalid one does not affect the others."""

    requests: Annotated[list[RecommendationRequest], Meta(min_length=1, max_length=100)]


class RecommendationParts(Request, frozen=True, kw_only=True):
    """A `RecommendationsRequest` whose requests are decoded one by one."""

    requests: Annotated[list[Raw], Meta(min_length=1, max_length=100)]


class RecommendationResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result of one request, as without a batch: its status, and its answer or problem."""

    status: int
    answer: RecommendationAnswer | None = None
    problem: ProblemDetails | None = None


class RecommendationsAnswer(Struct, frozen=True, kw_only=True):
    """A result for each request, in the order of the requests."""

    request_id: str
    results: list[RecommendationResult]
