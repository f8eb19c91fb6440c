"""The memberships of one state of the segments by customer, in memory."""

from bisect import bisect_left
from typing import Any, Final, NamedTuple

import numpy as np

from features.times import microseconds
from training.segments.states import State

_OPEN: Final = -1
_COUNTS: Final = """
SELECT customer_id, count(*) AS stays FROM membership
WHERE list_contains($keys, segment) GROUP BY customer_id ORDER BY customer_id
"""
_STAYS: Final = f"""
SELECT CAST(list_position($keys, segment) - 1 AS SMALLINT) AS segment,
    epoch_us(entered_timestamp) AS entered,
    coalesce(epoch_us(left_timestamp), {_OPEN}) AS left_at
FROM membership
WHERE list_contains($keys, segment) ORDER BY customer_id, entered, membership.segment
"""
_CHANNELS: Final = "SELECT customer_id, channels_365d FROM customers WHERE len(channels_365d) > 0"


class Stay(NamedTuple):
    """One stay of a customer in a segment; times in microseconds since 1970 (UTC)."""

    segment: str
    """Its key."""
    entered_us: int
    """The first evaluation of the stay."""
    left_us: int | None
    """The first evaluation at which the customer was no longer a member; None: still one."""


class SegmentIndex:
    """A state's stays and channels of each customer; a look-up is a binary search.

    S stays take 18 bytes each, next to one text for each customer.
    """

    def __init__(self, state: State) -> None:
        con, keys = state.con.cursor(), state.segments
        counts: Any = con.execute(_COUNTS, {"keys": keys}).fetchnumpy()
        stays: Any = con.execute(_STAYS, {"keys": keys}).fetchnumpy()
        self.generation = state.generation
        self.as_of_us = microseconds(state.as_of)
        """Time T of the state, in microseconds since 1970 (UTC)."""
        self._keys = keys
        self._ids: list[str] = counts["customer_id"].tolist()  # by code points, as Python compares
        self._starts = np.concatenate([[0], np.cumsum(counts["stays"], dtype=np.int64)])
        self._segment, self._entered = np.asarray(stays["segment"]), np.asarray(stays["entered"])
        self._left = np.asarray(stays["left_at"])
        combinations: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._channels: dict[str, tuple[str, ...]] = {}
        for customer_id, channels in con.execute(_CHANNELS).fetchall():
            names = tuple(channels)
            self._channels[customer_id] = combinations.setdefault(names, names)

    def stays(self, customer_id: str) -> list[Stay]:
        """Return all stays of the customer, oldest first; empty for one unknown to the state."""
        place = bisect_left(self._ids, customer_id)
        if place == len(self._ids) or self._ids[place] != customer_id:
            return []
        stays = slice(*self._starts[place : place + 2].tolist())
        rows = (column[stays].tolist() for column in (self._segment, self._entered, self._left))
        return [
            Stay(
                segment=self._keys[segment],
                entered_us=entered,
                left_us=None if left == _OPEN else left,
            )
            for segment, entered, left in zip(*rows, strict=True)
        ]

    def channels(self, customer_id: str) -> list[str]:
        """Return the channels that the customer bought through in the 365 days before T."""
        return [*self._channels.get(customer_id, ())]
