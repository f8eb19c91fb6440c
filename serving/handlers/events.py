"""Events: validated one by one, and written to disk before the acknowledgement."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import msgspec
import pandas as pd

from features.logs.events import Event, EventLog, Item
from features.times import EPOCH
from serving.handlers.parts import decode_part
from serving.problems import Problem
from serving.schemas.base import FieldError
from serving.schemas.events import AnyEvent, EventParts, EventsAnswer, OrderEvent, RejectedEvent

_DECODER: Final = msgspec.json.Decoder(AnyEvent)


class Events:
    """Writes posted events to the log."""

    def __init__(
        self, log: EventLog | None, *, clock: Callable[[], pd.Timestamp], currency: str
    ) -> None:
        self._log, self._clock, self._currency = log, clock, currency
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="events")  # for a log that blocks

    def close(self) -> None:
        """End the thread after its current write."""
        self._thread.shutdown()

    async def take(self, request: EventParts, *, request_id: str) -> EventsAnswer:
        """Return each event's outcome. Raises Problem if all break the schema, or without a log."""
        events: dict[int, Event] = {}
        rejected: list[RejectedEvent] = []
        errors: list[FieldError] = []
        for index, part in enumerate(request.events):
            try:
                posted = decode_part(_DECODER, part, at=f"/events/{index}")
            except Problem as problem:
                errors += problem.errors
                rejected.append(
                    RejectedEvent(index=index, code=problem.code, detail=problem.detail)
                )
                continue
            if refusal := self._refusal(posted):
                code, detail = refusal
                rejected.append(RejectedEvent(index=index, code=code, detail=detail))
            else:
                events[index] = _event(posted)
        if len(errors) == len(request.events):
            raise Problem("validation_failed", "no event satisfies the schema", errors=errors)
        if self._log is None:
            raise Problem("store_unavailable", "no event log is configured: set REGULARS_STORES")
        try:
            append = partial(self._log.append, list(events.values()), clock=self._clock)
            result = await asyncio.get_running_loop().run_in_executor(self._thread, append)
        except sqlite3.Error as error:
            raise Problem("store_unavailable", "the event log cannot be written now") from error
        places = list(events)
        rejected += [
            RejectedEvent(index=places[r.index], code=r.code, detail=r.detail)
            for r in result.rejected
        ]
        return EventsAnswer(
            request_id=request_id,
            accepted=result.accepted,
            duplicates=result.duplicates,
            rejected=sorted(rejected, key=lambda r: r.index),
        )

    def _refusal(self, posted: AnyEvent) -> tuple[str, str] | None:
        """Return code and detail of a broken rule that the schema cannot express; else None."""
        if not EPOCH.year <= posted.time.year < 9999 or posted.time < EPOCH:
            return "invalid_time", f"time {posted.time.isoformat()} lies before 1970 or after 9998"
        if isinstance(posted, OrderEvent) and posted.currency != self._currency:
            detail = f"currency {posted.currency}: this shop's is {self._currency}"
            return "foreign_currency", detail
        return None


def _event(posted: AnyEvent) -> Event:
    product_id, order_id, items = None, None, []
    if isinstance(posted, OrderEvent):
        order_id, items = posted.order_id, posted.items
    else:
        product_id = posted.product_id
    return Event(
        event_id=posted.event_id,
        type=str(type(posted).__struct_config__.tag),
        customer_id=posted.customer_id,
        event_timestamp=pd.Timestamp(posted.time).tz_convert("UTC").as_unit("us"),
        product_id=product_id,
        order_id=order_id,
        items=tuple(
            Item(product_id=i.product_id, quantity=i.quantity, unit_price=i.unit_price)
            for i in items
        ),
        recommendation_id=posted.recommendation_id,
        position=posted.position,
        channel=posted.channel,
        store_id=posted.store_id,
    )
