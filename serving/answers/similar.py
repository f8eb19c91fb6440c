"""Products similar to one product: by title and category, or by co-purchase."""

from typing import Final

import numpy as np

from serving.answers.drafts import CONTENT, POPULARITY
from serving.answers.items import excluded
from serving.problems import Problem
from serving.schemas.similar import SimilarItem, SimilarRequest
from serving.state.catalogue import Catalogue
from serving.state.served import Ranker
from training.data.inputs import FloatArray
from training.lists.reasons import TEXTS, name_of
from training.lists.slates import Policy, compose

CO_PURCHASE: Final = "co_purchase"
_TIE_BREAK: Final = np.float32(1e-4)


def similar_items(
    catalogue: Catalogue, ranker: Ranker | None, request: SimilarRequest
) -> list[SimilarItem]:
    """Return the list for one product. Raises Problem if the catalogue does not contain it."""
    products, shelf = catalogue.products, catalogue.shelf
    place = products.places.get(request.product_id)
    if place is None:
        raise Problem(
            "unknown_product", f"product_id {request.product_id!r}: it is not in the catalogue"
        )
    similarity = _content_similarity(catalogue, place)
    co_purchase = _co_purchase(len(products), place, ranker)
    total = similarity + co_purchase
    demand = shelf.popularity / max(1.0, shelf.popularity.max(initial=0))
    slate = compose(
        np.where(total > 0, total + _TIE_BREAK * demand, -np.inf),
        shelf,
        policy=Policy(k=request.k),
        exclude=excluded(catalogue, (request.product_id,), request),
    )
    name, texts = name_of(products, place), TEXTS[request.language]
    items: list[SimilarItem] = []
    for other in slate.places:
        source = CO_PURCHASE if co_purchase[other] > similarity[other] else CONTENT
        sentences = [texts.bought_with.format(name=name)] * bool(co_purchase[other] > 0)
        sentences += [texts.like.format(name=name)] * bool(similarity[other] > 0)
        item = SimilarItem(
            product_id=products.product_ids[other],
            position=len(items) + 1,
            score=float(total[other] or shelf.popularity[other]),
            source=source if total[other] > 0 else POPULARITY,
            reasons=sentences if request.explain else None,
        )
        items.append(item)
    return items


def _content_similarity(catalogue: Catalogue, place: int) -> FloatArray:
    """Return (C,) the cosine similarities to the product at `place`."""
    vectors = catalogue.shelf.vectors
    cosines: FloatArray = vectors @ vectors[[place]].toarray()[0]
    return cosines


def _co_purchase(width: int, place: int, ranker: Ranker | None) -> FloatArray:
    """Return (C,) the strength of co-purchase with the product at `place`, 0 to 1."""
    if ranker is None or ranker.related is None:
        return np.zeros(width, dtype=np.float32)
    weights = ranker.related(np.array([place]), np.arange(width, dtype=np.int64))[0]
    co_purchase: FloatArray = np.maximum(weights, 0)
    co_purchase[place] = 0
    co_purchase /= max(1.0, co_purchase.max())
    return co_purchase
