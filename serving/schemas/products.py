"""Products: what a shop says of them, and which are like one of them."""

from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from serving.schemas.base import Answer, Category, Id, NotNegative, ProblemDetails, Request
from serving.schemas.recommendations import Filter

Title = Annotated[str, Meta(min_length=1, max_length=1_000)]


class Product(Request, frozen=True, kw_only=True):
    """What is new about a product; at least one field. What is not given stays as it is."""

    product_id: Id
    """One that is not known yet becomes a product, and may be listed."""
    title: Title | UnsetType = UNSET
    category: Category | UnsetType = UNSET
    unit_price: NotNegative | UnsetType = UNSET
    """In the workspace's currency; it stands until it is said anew."""
    available: bool | UnsetType = UNSET
    """False: never listed, until it is true again."""
    store_stock: (
        Annotated[dict[Id, NotNegative], Meta(min_length=1, max_length=10_000)] | UnsetType
    ) = UNSET
    """Units by store_id, of all stores at once: it replaces what was said before. A sum of 0 is
    out of stock (`filter.in_stock`); never said, the stock is unknown."""

    def __post_init__(self) -> None:
        """Refuse what says nothing."""
        said = (self.title, self.category, self.unit_price, self.available, self.store_stock)
        if all(value is UNSET for value in said):
            raise ValueError(
                "nothing is said of this product; give one of title, category, unit_price, "
                "available, store_stock"
            )


class ProductsRequest(Request, frozen=True, kw_only=True):
    """Up to 500 products; a bad one is refused alone, of the same product the last one wins."""

    products: Annotated[list[Product], Meta(min_length=1, max_length=500)]


class ProductParts(Request, frozen=True, kw_only=True):
    """A `ProductsRequest` whose products are decoded one by one."""

    products: Annotated[list[Raw], Meta(min_length=1, max_length=500)]


class ProductResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one product."""

    status: int
    """200: on disk, and heeded by every worker within seconds; 422: see `problem`."""
    problem: ProblemDetails | None = None


class ProductsAnswer(Struct, frozen=True, kw_only=True):
    """What became of each product, in the request's order."""

    request_id: str
    results: list[ProductResult]


class SimilarRequest(Request, frozen=True, kw_only=True):
    """Asks for the `k` products most like one, or most bought along with it."""

    product_id: Id
    """It may be unavailable: others in its place are what is asked for then."""
    k: Annotated[int, Meta(ge=1, le=100)] = 10
    filter: Filter | None = None
    exclude_product_ids: Annotated[list[Id], Meta(max_length=1_000)] = field(default_factory=list)
    explain: bool = False
    """Whether each item gives its `reasons`."""


class SimilarItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A product on its position, 1 is best."""

    product_id: str
    position: int
    score: float
    """How like it is, 0 to 1, and how much bought along, 0 to 1, added up; with the source
    `popularity` recent buyers, where nothing more is known to be like the product."""
    source: str
    """What gave the greater part: `content` (title and category), `co_purchase`, or
    `popularity`."""
    reasons: list[str] | None = None
    """At most two short sentences, where asked for by `explain`."""


class SimilarAnswer(Answer, frozen=True, kw_only=True):
    """A list of products; the same for every customer, and not kept as an exposure."""

    items: list[SimilarItem]
