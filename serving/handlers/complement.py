"""POST /v1/baskets:complement."""

from collections.abc import Callable
from typing import Final

import pandas as pd

from serving.answers.complement import complement
from serving.models.watcher import ModelWatcher
from serving.schemas.base import Model
from serving.schemas.baskets import ComplementAnswer, ComplementRequest
from serving.state.customers import age_s

_RULES: Final = Model(name="basket_rules", version=None)


class Complements:
    """Answers what complements a basket, from the served rules and catalogue."""

    def __init__(self, models: ModelWatcher, *, clock: Callable[[], pd.Timestamp]) -> None:
        self._models, self._clock = models, clock

    async def answer(self, request: ComplementRequest, *, request_id: str) -> ComplementAnswer:
        """Return items and bundles; both empty, with a reason, if nothing is known."""
        served, now = self._models.served, self._clock()
        catalogue, baskets = served.catalogue, served.baskets
        if catalogue is None or baskets is None:
            return ComplementAnswer(
                request_id=request_id,
                model=_RULES,
                experiments=[],
                feature_age_s=None,
                items=[],
                bundles=[],
                fallback_reason="model_unavailable",
            )
        items, bundles, reason = complement(baskets, catalogue, request)
        return ComplementAnswer(
            request_id=request_id,
            model=_RULES,
            experiments=[],
            feature_age_s=age_s(now, catalogue.as_of_us),
            items=items,
            bundles=bundles,
            fallback_reason=reason,
        )
