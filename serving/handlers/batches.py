"""Lists for many customers in one request; each part is answered like a single request."""

import asyncio
from typing import Final

import msgspec

from serving.handlers.parts import decode_part
from serving.handlers.recommendations import Recommendations
from serving.problems import Problem, failed
from serving.schemas.recommendations import (
    RecommendationParts,
    RecommendationRequest,
    RecommendationResult,
    RecommendationsAnswer,
)

PATH: Final = "/v1/recommendations:batch"
_DECODER: Final = msgspec.json.Decoder(RecommendationRequest)


class Batches:
    """Answers for batches of recommendations."""

    def __init__(self, recommendations: Recommendations) -> None:
        self._recommendations = recommendations

    async def answer(
        self, request: RecommendationParts, *, request_id: str
    ) -> RecommendationsAnswer:
        """Return a result for each part, after all exposures are on disk.

        Other requests can run between two parts. A part starts before the previous part's exposure
        is committed: the log commits exposures in groups. Cancelling the batch cancels every part,
        and then no more exposures are passed to the log.
        """
        tasks: list[asyncio.Task[RecommendationResult]] = []
        async with asyncio.TaskGroup() as group:
            for index, part in enumerate(request.requests):
                tasks.append(group.create_task(self._result(part, index, request_id)))
                await asyncio.sleep(0)
        results = [part.result() for part in tasks]
        return RecommendationsAnswer(request_id=request_id, results=results)

    async def _result(self, part: msgspec.Raw, index: int, request_id: str) -> RecommendationResult:
        try:
            decoded = decode_part(_DECODER, part, at=f"/requests/{index}")
            answer = await self._recommendations.part(decoded, request_id=request_id)
            return RecommendationResult(status=200, answer=answer)
        except Problem as problem:
            failure = problem
        except Exception as error:  # one part that fails must not stop the others
            failure = failed(error, f"part {index} of a batch")
        details = failure.details(request_id=request_id, instance=PATH)
        return RecommendationResult(status=failure.status, problem=details)
