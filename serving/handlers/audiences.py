"""POST /v1/audiences: customers similar to a seed, of the segments' current state."""

from collections.abc import Collection
from pathlib import Path

from features.schema import BadInput
from serving.handlers.segments import LoadedStates, in_thread
from serving.problems import Problem, refused
from serving.schemas.audiences import AudienceAnswer, AudienceMember, AudienceRequest
from training.segments.audiences import SmallAudience, audience
from training.segments.membership import SegmentError
from training.segments.opt_outs import FILE, read_opt_outs
from training.segments.states import State


class Audiences:
    """Answers requests for audiences from the segments of a workspace."""

    def __init__(self, states: LoadedStates) -> None:
        self._states = states

    async def answer(self, request: AudienceRequest, *, request_id: str) -> AudienceAnswer:
        """Return the audience. Raises Problem for what no audience can be made of."""

        def found() -> AudienceAnswer:
            state = self._states.current()
            seed = _seed(state, request)
            opt_outs = _opt_outs(self._states.store.states.folder, request)
            vectors = state.vectors
            try:
                listed = audience(
                    vectors,
                    seed,
                    size=request.size,
                    opt_outs=opt_outs,
                    smallest=request.smallest_size,
                )
            except SmallAudience as error:
                raise refused("/smallest_size", str(error)) from error
            except SegmentError as error:
                place = "/segment" if request.segment else "/customer_ids"
                raise refused(place, str(error)) from error
            return AudienceAnswer(
                request_id=request_id,
                as_of=state.as_of.to_pydatetime(),
                seed_size=len(set(seed)),
                members=[
                    AudienceMember(customer_id=customer_id, score=score)
                    for customer_id, score in listed.itertuples(index=False)
                ],
            )

        return await in_thread(found)


def _seed(state: State, request: AudienceRequest) -> list[str]:
    if (request.customer_ids is None) == (request.segment is None):
        raise refused("/segment", "give either customer_ids or segment")
    if request.segment is None:
        return request.customer_ids or []
    return state.member_ids(request.segment)


def _opt_outs(folder: Path, request: AudienceRequest) -> Collection[str]:
    """Return who opted out, by the request and by the workspace's list."""
    given = frozenset(request.opt_outs or ())
    try:
        return given | read_opt_outs(folder, None)
    except SegmentError as error:  # there is no list
        if request.opt_outs is None:
            raise refused(
                "/opt_outs",
                "nothing says who opted out: give opt_outs (empty if nobody did), or write "
                f"{folder.name}/{FILE} in the workspace",
            ) from error
        return given
    except BadInput as error:
        raise Problem("store_unavailable", f"{folder.name}/{FILE} cannot be read") from error
