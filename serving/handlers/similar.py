"""POST /v1/products:similar."""

from collections.abc import Callable
from typing import Final

import pandas as pd

from serving.answers.similar import CONTENT, similar_items
from serving.models.watcher import ModelWatcher
from serving.schemas.base import Model
from serving.schemas.products import SimilarAnswer, SimilarRequest
from serving.state.customers import age_s

_CONTENT: Final = Model(name=CONTENT, version=None)


class Similar:
    """Answers for similar products from the served catalogue and champion."""

    def __init__(self, models: ModelWatcher, *, clock: Callable[[], pd.Timestamp]) -> None:
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
