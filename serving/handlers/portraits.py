"""POST /v1/customers:portrait."""

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import duckdb
import pandas as pd
from msgspec.structs import asdict

from configs.durable import content_stamp
from configs.json_files import DamagedFile
from features.logs.events import EventLog
from features.times import microseconds
from serving.answers.portrait import of_row, of_segments
from serving.answers.predictions import read
from serving.handlers.cards import card
from serving.handlers.segments import LoadedStates
from serving.models.watcher import ModelWatcher
from serving.problems import Problem
from serving.schemas.base import FallbackReason
from serving.schemas.portrait import CustomerPortrait, PortraitRequest
from serving.state.segment_index import SegmentIndex
from training.segments.states import NotComputed

logger = logging.getLogger(__name__)
_PARTS: Final = (
    *("rfm", "lifecycle", "segments", "channels"),
    *("affinities", "price_band", "rhythm", "trends"),
)


class IndexedStates:
    """The current state of the segments by customer; it is indexed again once it was replaced."""

    def __init__(self, states: LoadedStates) -> None:
        self._states = states
        self._file: Path | None = None
        self._lock = threading.Lock()
        self._indexed: tuple[tuple[int, ...], SegmentIndex] | None = None

    async def current(self) -> SegmentIndex | None:
        """Return the index of the current state; None before the first refresh.

        A new state is read in a thread, while other requests go on. Raises DamagedFile, OSError,
        duckdb.Error, and Problem without stores.
        """
        self._file = self._file or self._states.store.states.current_file
        found = self._indexed
        try:
            stamp = content_stamp(self._file)
        except FileNotFoundError:
            return None
        if found is not None and found[0] == stamp:
            return found[1]
        try:
            return await asyncio.to_thread(self._read, stamp)
        except NotComputed:
            return None

    def _read(self, stamp: tuple[int, ...]) -> SegmentIndex:
        with self._lock:
            if self._indexed is not None and self._indexed[0] == stamp:
                return self._indexed[1]
            index = SegmentIndex(self._states.current())
            self._indexed = stamp, index  # a state newer than `stamp` is only read once more
            return index


class Portraits:
    """Answers for single customers from the card, the customer's row and the segments."""

    def __init__(
        self,
        models: ModelWatcher,
        events: EventLog | None,
        states: LoadedStates,
        *,
        clock: Callable[[], pd.Timestamp],
    ) -> None:
        self._models, self._events, self._clock = models, events, clock
        self._states = IndexedStates(states)

    async def answer(self, request: PortraitRequest, *, request_id: str) -> CustomerPortrait:
        """Return the customer's portrait; its parts are null where nothing is known."""
        grouped, reason = await self._grouped(request)
        now, served = self._clock(), self._models.served
        found = read(served, self._events, request.customer_id, now=now)
        fields = asdict(card(served, found, now=now, request_id=request_id))
        fields["fallback_reason"] = fields["fallback_reason"] or reason
        read_at = served.time(now)
        if found.customer is not None:
            grouped |= of_row(found.customer.row, served.catalogue, now_us=microseconds(read_at))
        return CustomerPortrait(
            **fields, **{**dict.fromkeys(_PARTS), **grouped}, as_of=read_at.to_pydatetime()
        )

    async def _grouped(
        self, request: PortraitRequest
    ) -> tuple[dict[str, Any], FallbackReason | None]:
        """Return the parts from the segments, and why the answer is degraded, if it is."""
        try:
            index = await self._states.current()
        except Problem:  # there are no stores
            return {}, "store_unavailable"
        except (DamagedFile, OSError, duckdb.Error) as error:
            logger.warning("segments: %s", error)
            return {}, "store_unavailable"
        if index is None:
            return {}, None
        return of_segments(index, request.customer_id, language=request.language), None
