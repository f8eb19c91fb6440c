"""Products and bundles that complement a basket, from rules and the catalogue."""

from collections.abc import Callable

import numpy as np

from serving.schemas.base import FallbackReason
from serving.schemas.baskets import Bundle, ComplementItem, ComplementRequest, Direction
from serving.state.baskets import Baskets
from serving.state.catalogue import Catalogue
from training.data.inputs import IntArray
from training.lists.slates import BoolArray

Allowed = Callable[[IntArray], BoolArray]


def complement(
    baskets: Baskets, catalogue: Catalogue, request: ComplementRequest
) -> tuple[list[ComplementItem], list[Bundle], FallbackReason | None]:
    """Return items and bundles for the basket, and why there are none, if so.

    A product of the basket is never an item. Each other product stands by its strongest rule from
    the basket; of equal rules, that from the product which the request names first.
    """
    known = [name for name in dict.fromkeys(request.product_ids) if name in baskets.places]
    basket = np.array([baskets.places[name] for name in known], dtype=np.int64)
    lacking = catalogue.unavailable
    if request.store_id is not None:
        lacking = lacking | catalogue.stores.lacking(request.store_id, len(lacking))

    def allowed(places: IntArray) -> BoolArray:
        """Return where `places` of the rules' products may be listed: in the shop, not lacking."""
        distinct, numbers = np.unique(places, return_inverse=True)
        names = (catalogue.products.places.get(baskets.product_ids[at]) for at in distinct)
        listed = [place is not None and not lacking[place] for place in names]
        return np.array(listed, dtype=np.bool_)[numbers].reshape(places.shape)

    items = _items(baskets, basket, allowed, request.k)
    bundles = _bundles(baskets, basket, allowed, request.k)
    reason: FallbackReason | None = None
    if not items and not bundles:
        in_shop = catalogue.products.places.keys() & {*request.product_ids}
        reason = "no_rules" if known or in_shop else "unknown_products"
    return items, bundles, reason


def _items(baskets: Baskets, basket: IntArray, allowed: Allowed, k: int) -> list[ComplementItem]:
    numbers, firsts = baskets.rules_from(basket)
    others = baskets.others[numbers]
    listed = allowed(others) & ~np.isin(others, basket)
    numbers, firsts, others = numbers[listed], firsts[listed], others[listed]
    together, of_first, of_other = baskets.counts[numbers, :3].T.astype(np.float64)
    strength = together / np.sqrt(of_first * of_other)
    order = np.argsort(-strength, kind="stable")
    first_of_other = np.sort(np.unique(others[order], return_index=True)[1])
    items = []
    for position, at in enumerate(order[first_of_other[:k]], 1):
        both, first, other, followed, preceded = map(int, baskets.counts[numbers[at]])
        items.append(
            ComplementItem(
                product_id=baskets.product_ids[others[at]],
                position=position,
                score=float(strength[at]),
                with_product_id=baskets.product_ids[firsts[at]],
                orders=both,
                support=both / baskets.orders,
                confidence=both / first,
                lift=both * baskets.orders / (first * other),
                direction=Direction(
                    followed=followed,
                    preceded=preceded,
                    share=followed / (followed + preceded) if followed + preceded else None,
                ),
            )
        )
    return items


def _bundles(baskets: Baskets, basket: IntArray, allowed: Allowed, k: int) -> list[Bundle]:
    """Return the bundles whose products are in the basket or allowed, and of which some miss."""
    numbers = baskets.bundles_with(basket)
    members = baskets.bundles[numbers]
    inside = np.isin(members, basket)
    listed = (inside | allowed(members)).all(axis=1) & ~inside.all(axis=1)
    numbers, members, inside = numbers[listed], members[listed], inside[listed]
    order = np.lexsort((numbers, -baskets.held[numbers], -inside.sum(axis=1)))[:k]
    return [
        Bundle(
            product_ids=baskets.product_ids[members[at][~inside[at]]].tolist(),
            with_product_ids=baskets.product_ids[members[at][inside[at]]].tolist(),
            orders=int(baskets.held[numbers[at]]),
            support=int(baskets.held[numbers[at]]) / baskets.orders,
        )
        for at in order
    ]
