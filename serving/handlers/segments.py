"""Segments over HTTP: numbers, members in pages, and definitions; all of one state at a time."""

import asyncio
import base64
import binascii
import sqlite3
import threading
from collections.abc import Callable
from typing import Final, TypeVar

import duckdb

from configs.durable import content_stamp
from configs.json_files import DamagedFile
from features.workspace import Workspace
from serving.problems import Problem, refused
from serving.schemas.base import FieldError
from serving.schemas.segments import (
    Member,
    MembersAnswer,
    MembersQuery,
    NoParameters,
    Segment,
    SegmentAnswer,
    SegmentRequest,
    SegmentsAnswer,
)
from training.segments.definitions import BUILT_IN, check_key
from training.segments.filter_parser import FilterError
from training.segments.membership import SegmentError, count, members
from training.segments.refresh import SegmentStore
from training.segments.states import NotComputed, State

T = TypeVar("T")
_LOADED: Final = 2
"""Generations in memory: the current one, and the one before for its pages."""


class LoadedStates:
    """The states of a workspace's segments, in memory; None: without stores. For any thread."""

    def __init__(self, ws: Workspace | None) -> None:
        self._ws = ws
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] | None = None
        self._loaded: dict[str, State] = {}

    @property
    def store(self) -> SegmentStore:
        """The definitions and states on the disk. Raises Problem without stores."""
        if self._ws is None:
            raise Problem("store_unavailable", "no segments are configured: set REGULARS_STORES")
        return SegmentStore(self._ws)

    def current(self) -> State:
        """Return the current state, read again once it was replaced. Raises NotComputed."""
        states = self.store.states
        with self._lock:
            try:
                stamp = content_stamp(states.current_file)
            except FileNotFoundError:
                raise NotComputed("segments were not computed yet") from None
            if stamp != self._stamp:
                self._remember(states.load())
                self._stamp = stamp
            return next(reversed(self._loaded.values()))

    def of(self, generation: str) -> State | None:
        """Return the state of `generation`; None if it is neither the current nor the former."""
        current, states = self.current(), self.store.states
        with self._lock:
            if generation in self._loaded:
                return self._loaded[generation]
            if generation not in states.names():
                return None
            self._loaded = {generation: states.load(generation), current.generation: current}
            return self._loaded[generation]

    def _remember(self, state: State) -> None:
        others = {name: s for name, s in self._loaded.items() if name != state.generation}
        kept = [*others.items()][-(_LOADED - 1) :]
        self._loaded = {**dict(kept), state.generation: state}


class Segments:
    """Answers requests about the segments of a workspace."""

    def __init__(self, states: LoadedStates) -> None:
        self._states = states

    async def list(
        self,
        *,
        request_id: str,
        query: NoParameters,  # noqa: ARG002  # it has none
    ) -> SegmentsAnswer:
        """Return all segments with their numbers, of one state."""

        def answer() -> SegmentsAnswer:
            state = self._states.current()
            counted = state.counts()
            return SegmentsAnswer(
                request_id=request_id,
                as_of=state.as_of.to_pydatetime(),
                segments=[_segment(state, key, counted[key]) for key in state.segments],
            )

        return await in_thread(answer)

    async def members(self, *, request_id: str, key: str, query: MembersQuery) -> MembersAnswer:
        """Return a page of members. Raises Problem for an unknown key, and a token of no state."""

        def answer() -> MembersAnswer:
            state, after = self._page(key, query.page_token)
            state.check(key)
            con = state.con.cursor()
            rows = members(con, key, at=state.as_of, after=after, limit=query.page_size + 1)
            page = rows.iloc[: query.page_size]
            more = len(rows) > len(page)
            return MembersAnswer(
                request_id=request_id,
                key=key,
                as_of=state.as_of.to_pydatetime(),
                count=count(con, key, at=state.as_of),
                members=[
                    Member(customer_id=customer_id, since=since.to_pydatetime())
                    for customer_id, since in page.itertuples(index=False)
                ],
                next_page_token=(
                    _token(state.generation, key, page.customer_id.iloc[-1]) if more else None
                ),
            )

        return await in_thread(answer)

    async def put(self, request: SegmentRequest, *, request_id: str, key: str) -> SegmentAnswer:
        """Store the filter as the segment's next version; count it on the current state."""

        def answer() -> SegmentAnswer:
            self._states.current()  # else there is nothing to count on
            _, state = _checked(lambda: self._states.store.define(key, request.filter), key)
            if state is None:
                raise NotComputed("segments were not computed yet")
            return SegmentAnswer(
                request_id=request_id,
                as_of=state.as_of.to_pydatetime(),
                segment=_segment(state, key, count(state.con, key, at=state.as_of)),
            )

        return await in_thread(answer)

    def _page(self, key: str, token: str | None) -> tuple[State, str | None]:
        """Return the state of a page, and the id that it comes after."""
        if token is None:
            return self._states.current(), None
        try:
            parts = base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
            generation, of, after = parts.split("\n")
        except (binascii.Error, ValueError):
            raise _no_page("it is no page_token") from None
        if of != key:
            raise _no_page(f"it is of the segment {of!r}")
        state = self._states.of(generation)
        if state is None:
            raise _no_page("its state was replaced: begin again with the first page")
        return state, after


async def in_thread(answer: Callable[[], T]) -> T:
    """Return what `answer` returns in a thread; its errors of segments as Problems."""
    try:
        return await asyncio.to_thread(answer)
    except NotComputed as error:
        detail = "run `python -m training segments refresh` where the workspace is"
        raise Problem("segments_not_computed", detail) from error
    except SegmentError as error:
        raise Problem("unknown_segment", str(error)) from error
    except (DamagedFile, OSError, duckdb.Error, sqlite3.Error) as error:
        raise Problem("store_unavailable", "the segments cannot be read now") from error


def _checked(define: Callable[[], T], key: str) -> T:
    try:
        check_key(key)
        return define()
    except FilterError as error:
        raise refused("/filter", str(error)) from error
    except SegmentError as error:
        raise Problem("validation_failed", str(error)) from error


def _segment(state: State, key: str, number: int) -> Segment:
    definition = state.definitions.get(key)
    return Segment(
        key=key,
        kind="defined"
        if key not in BUILT_IN
        else ("rfm" if key.startswith("rfm-") else "lifecycle"),
        filter=state.filter_of(key),
        version=None if definition is None else definition.version,
        count=number,
    )


def _token(generation: str, key: str, after: str) -> str:
    return base64.urlsafe_b64encode(f"{generation}\n{key}\n{after}".encode()).decode()


def _no_page(why: str) -> Problem:
    fault = FieldError(pointer="/page_token", detail=why)
    return Problem("validation_failed", f"query parameter page_token: {why}", errors=[fault])
