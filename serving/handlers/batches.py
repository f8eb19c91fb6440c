"""Lists for many customers in one request: each part as if it had been asked alone."""

import asyncio
import logging
from typing import Final

import msgspec

from serving.handlers.parts import decode_part
from serving.handlers.recommendations import Recommendations
from serving.problems import Problem
from serving.schemas.recommendations import (
    RecommendationParts,
    RecommendationRequest,
    RecommendationResult,
    RecommendationsAnswer,
)

logger = logging.getLogger(__name__)
PATH: Final = "/v1/recommendations:batch"
_DECODER: Final = msgspec.json.Decoder(RecommendationRequest)


class Batches:
    """Answers for batches of recommendations."""

    def __init__(self, recommendations: Recommendations) -> None:
        self._recommendations = recommendations

    async def answer(
        self, request: RecommendationParts, *, request_id: str
    ) -> RecommendationsAnswer:
        """Return a result for each part; each exposure is on disk by then.

        Other requests get their turn between two parts. No part waits for its own exposure before
        the next one is made: the log commits them in groups. Where the batch is cancelled, so is
        every part, and no exposure of theirs is handed to the log any more.
        """
        made: list[asyncio.Task[RecommendationResult]] = []
        async with asyncio.TaskGroup() as group:
            for index, part in enumerate(request.requests):
                made.append(group.create_task(self._result(part, index, request_id)))
                await asyncio.sleep(0)
        results = [part.result() for part in made]
        return RecommendationsAnswer(request_id=request_id, results=results)

    async def _result(self, part: msgspec.Raw, index: int, request_id: str) -> RecommendationResult:
        try:
            asked = decode_part(_DECODER, part, at=f"/requests/{index}")
            answer = await self._recommendations.part(asked, request_id=request_id)
            return RecommendationResult(status=200, answer=answer)
        except Problem as problem:
            found = problem
        except Exception:  # a part that fails must not take the others with it
            logger.exception("part %s of a batch", index)
            found = Problem("internal_error", "this is our fault; the server's log says more")
        details = found.details(request_id=request_id, instance=PATH)
        return RecommendationResult(status=found.status, problem=details)
