"""Products like one product: alike in title and category, or bought along with it."""

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd

from serving.catalogue import Catalogue
from serving.lists import POPULARITY, excluded
from serving.models import Models
from serving.problems import Problem
from serving.rows import age_s
from serving.schemas.base import Model
from serving.schemas.products import SimilarAnswer, SimilarItem, SimilarRequest
from serving.served import Ranker
from training.inputs import FloatArray
from training.reasons import name_of
from training.slates import Policy, compose

CONTENT: Final = "content"
CO_PURCHASE: Final = "co_purchase"
_OF_EQUALS: Final = np.float32(1e-4)
_CONTENT: Final = Model(name=CONTENT, version=None)


class Similar:
    """Answers for similar products from the served catalogue and champion."""

    def __init__(self, models: Models, *, clock: Callable[[], pd.Timestamp]) -> None:
        self._models, self._clock = models, clock

    async def answer(self, request: SimilarRequest, *, request_id: str) -> SimilarAnswer:
        """Return the list. Raises Problem (`unknown_product`) where no such product is known.

        A product scores its likeness by content, the cosine of titles and categories, plus how
        much it is bought along, as the champion knows it: 1 for the closest companion, less where
        even that is not as close as the mean product's. Of equals the one with more recent buyers
        comes first; what has neither is filled in by recent demand.
        """
        served, now = self._models.served, self._clock()
        catalogue = served.catalogue
        ranker = served.rankers.get(served.champion) if served.champion else None
        model, items = _CONTENT, []
        if ranker is not None and ranker.related is not None:
            manifest = ranker.bundle.manifest
            model = Model(name=manifest.name, version=manifest.version)
        if catalogue is not None:
            items = similar_items(catalogue, ranker, request)
        return SimilarAnswer(
            request_id=request_id,
            model=model,
            experiments=[],
            feature_age_s=None if catalogue is None else age_s(now, catalogue.as_of_us),
            items=items,
            fallback_reason=None if catalogue and ranker else "model_unavailable",
        )


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
