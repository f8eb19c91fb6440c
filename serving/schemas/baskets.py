"""Requests for what complements a basket, and their answers."""

from typing import Annotated

from msgspec import Meta, Struct

from serving.schemas.base import Answer, Id, Request


class ComplementRequest(Request, frozen=True, kw_only=True):
    """Requests the `k` products most associated with the products of a basket."""

    product_ids: Annotated[list[Id], Meta(min_length=1, max_length=100)]
    """The basket; unknown products are ignored."""
    k: Annotated[int, Meta(ge=1, le=100)] = 10
    """The longest list of items, and of bundles."""
    store_id: Id | None = None
    """Lists only products that this store has, as `filter.store_id` of recommendations."""


class Direction(Struct, frozen=True, kw_only=True):
    """Which of two products customers buy first, where they buy them in different orders.

    In orders of known customers, within 90 days.
    """

    followed: int
    """Orders with `with_product_id` that a later order with `product_id` followed."""
    preceded: int
    """Orders with `product_id` that a later order with `with_product_id` followed."""
    share: float | None
    """`followed` of both together: 1 if the item always comes after, 0.5 if either comes first.
    Null if neither ever happened."""


class ComplementItem(Struct, frozen=True, kw_only=True):
    """A product at its position; 1 is best.

    Its figures are those of the strongest rule from a product of the basket, and count orders up to
    the last `materialize`.
    """

    product_id: str
    position: int
    score: float
    """The rule's strength: the geometric mean of its confidence and that of the reverse rule."""
    with_product_id: str
    """The product of the basket that the rule comes from."""
    orders: int
    """Orders with both products, at least 3."""
    support: float
    """Share of all orders with both."""
    confidence: float
    """Share of the orders with `with_product_id` that have this product."""
    lift: float
    """The confidence, divided by the share of all orders with this product."""
    direction: Direction


class Bundle(Struct, frozen=True, kw_only=True):
    """Three products that are bought in one order."""

    product_ids: list[str]
    """The products to add to the basket: one or two."""
    with_product_ids: list[str]
    """The products of the bundle that the basket contains."""
    orders: int
    """Orders with all three, at least 3."""
    support: float
    """Share of all orders with all three."""


class ComplementAnswer(Answer, frozen=True, kw_only=True):
    """Products and bundles for a basket; the same for all customers, and no exposure."""

    items: list[ComplementItem]
    bundles: list[Bundle]
    """Those that miss one product first, then by orders."""
