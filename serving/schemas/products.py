"""Products: changes that a shop posts, and requests for similar products."""

from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from serving.schemas.base import Answer, Category, Id, NotNegative, ProblemDetails, Request
from serving.schemas.recommendations import Filter

Title = Annotated[str, Meta(min_length=1, max_length=1_000)]


class Product(Request, frozen=True, kw_only=True):
    """Changes to a product; at least one field. Omitted fields stay unchanged."""

    product_id: Id
    """An unknown id creates a product, which may be listed."""
    title: Title | UnsetType = UNSET
    category: Category | UnsetType = UNSET
    unit_price: NotNegative | UnsetType = UNSET
    """In the workspace's currency; valid until the next change."""
    available: bool | UnsetType = UNSET
    """False: never listed until it is set to true."""
    store_stock: (
        Annotated[dict[Id, NotNegative], Meta(min_length=1, max_length=10_000)] | UnsetType
    ) = UNSET
    """Units by store_id, for all stores: it replaces the previous value. A sum of 0 means out of
    stock (`filter.in_stock`); until it is set, the stock is unknown."""

    def __post_init__(self) -> None:
        """Raise ValueError if no field changes."""
        changes = (self.title, self.category, self.unit_price, self.available, self.store_stock)
        if all(value is UNSET for value in changes):
            raise ValueError(
                "this product has no changes; give one of title, category, unit_price, "
                "available, store_stock"
            )


class ProductsRequest(Request, frozen=True, kw_only=True):
    """Up to 500 products; an invalid one does not affect the others, and the last of a product
    wins."""

    products: Annotated[list[Product], Meta(min_length=1, max_length=500)]


class ProductParts(Request, frozen=True, kw_only=True):
    """A `ProductsRequest` whose products are decoded one by one."""

    products: Annotated[list[Raw], Meta(min_length=1, max_length=500)]


class ProductResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result for one product."""

    status: int
    """200: on disk, and applied by every worker within seconds; 422: see `problem`."""
    problem: ProblemDetails | None = None


class ProductsAnswer(Struct, frozen=True, kw_only=True):
    """The result for each product, in the order of the request."""

    request_id: str
    results: list[ProductResult]


class SimilarRequest(Request, frozen=True, kw_only=True):
    """Requests the `k` products most similar to one, or most often bought with it."""

    product_id: Id
    """It may be unavailable: the answer then lists substitutes."""
    k: Annotated[int, Meta(ge=1, le=100)] = 10
    filter: Filter | None = None
    exclude_product_ids: Annotated[list[Id], Meta(max_length=1_000)] = field(default_factory=list)
    explain: bool = False
    """Whether each item has `reasons`."""


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
