"""POST /v1/products:similar."""

from collections.abc import Callable
from typing import Final

import pandas as pd

from serving.answers.drafts import CONTENT
from serving.answers.similar import similar_items
from serving.models.watcher import ModelWatcher
from serving.schemas.base import Model
from serving.schemas.similar import SimilarAnswer, SimilarRequest
from serving.state.customers import age_s

_CONTENT: Final = Model(name=CONTENT, version=None)


class Similar:
    """Answers requests for similar products from the served catalogue and champion."""

    def __init__(self, models: ModelWatcher, *, clock: Callable[[], pd.Timestamp]) -> None:
        self._models, self._clock = models, clock

    async def answer(self, request: SimilarRequest, *, request_id: str) -> SimilarAnswer:
        """Return the list. Raises Problem (`unknown_product`) if the product is unknown.

        The score of a product is its content similarity, the cosine of titles and categories, plus
        the champion's strength of co-purchase: 1 for the closest companion, less if that is not as
        close as the mean product's. Ties go to the product with more recent buyers. Products with
        neither follow by recent demand.
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
