"""Products: changes that a shop posts."""

from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from serving.schemas.base import Category, Id, NotNegative, ProblemDetails, Request

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
    stock (`filter.in_stock`); until it is set, the stock is unknown. `filter.store_id` lists only
    products that have more than 0 units in that store."""

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
