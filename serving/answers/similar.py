"""Products like one product: alike in title and category, or bought along with it."""

from typing import Final

import numpy as np

from serving.answers.drafts import POPULARITY
from serving.answers.items import excluded
from serving.problems import Problem
from serving.schemas.products import SimilarItem, SimilarRequest
from serving.state.catalogue import Catalogue
from serving.state.served import Ranker
from training.data.inputs import FloatArray
from training.lists.reasons import name_of
from training.lists.slates import Policy, compose

CONTENT: Final = "content"
CO_PURCHASE: Final = "co_purchase"
_OF_EQUALS: Final = np.float32(1e-4)


def similar_items(
    catalogue: Catalogue, ranker: Ranker | None, request: SimilarRequest
) -> list[SimilarItem]:
    """Return the list of one product; Problem where the catalogue does not know it."""
    products, shelf = catalogue.products, catalogue.shelf
    place = products.places.get(request.product_id)
    if place is None:
        raise Problem("unknown_product", f"product_id {request.product_id!r}: not known here")
    alike = _alike(catalogue, place)
    along = _along(len(products), place, ranker)
    total = alike + along
    demand = shelf.popularity / max(1.0, shelf.popularity.max(initial=0))
    slate = compose(
        np.where(total > 0, total + _OF_EQUALS * demand, -np.inf),
        shelf,
        policy=Policy(k=request.k),
        exclude=excluded(catalogue, (request.product_id,), request),
    )
    name = name_of(products, place)
    items: list[SimilarItem] = []
    for found in slate.places:
        source = CO_PURCHASE if along[found] > alike[found] else CONTENT
        why = [f"often bought with {name}"] * bool(along[found] > 0)
        why += [f"like {name}"] * bool(alike[found] > 0)
        item = SimilarItem(
            product_id=products.product_ids[found],
            position=len(items) + 1,
            score=float(total[found] or shelf.popularity[found]),
            source=source if total[found] > 0 else POPULARITY,
            reasons=why if request.explain else None,
        )
        items.append(item)
    return items


def _alike(catalogue: Catalogue, place: int) -> FloatArray:
    """Return (C,) the cosines with the product at `place`."""
    vectors = catalogue.shelf.vectors
    cosines: FloatArray = vectors @ vectors[[place]].toarray()[0]
    return cosines


def _along(width: int, place: int, ranker: Ranker | None) -> FloatArray:
    """Return (C,) how much is bought along with the product at `place`, 0 to 1."""
    if ranker is None or ranker.related is None:
        return np.zeros(width, dtype=np.float32)
    weights = ranker.related(np.array([place]), np.arange(width, dtype=np.int64))[0]
    along: FloatArray = np.maximum(weights, 0)
    along[place] = 0
    along /= max(1.0, along.max())
    return along
