"""When a log's row was recorded: by the clock, which may be set forward or back.

A log's order is its `sequence`. A stamp says when a row was recorded, and bounds nothing: after a
step of the clock, stamps go back or lie in the future. As in hybrid logical clocks (Kulkarni and
others, 2014), a stamp leads the clock only by a bound.
"""

from typing import Final

import pandas as pd

from features.times import microseconds

MAX_LEAD: Final = pd.Timedelta(minutes=5)
"""How far a new stamp may lead the clock. What leads it further was stamped by a clock that was
ahead (`python -m features repair`)."""
MAX_LEAD_US: Final = MAX_LEAD // pd.Timedelta(microseconds=1)


def next_stamp(now_us: int, last_us: int | None, *, step_us: int = 0) -> int:
    """Return the stamp of a row that follows one stamped `last_us` (None: the first row).

    It is not before the last one plus `step_us`, so that small steps back of the clock keep the
    order, unless that one lies ahead of the clock by more than MAX_LEAD. All in microseconds.

    >>> next_stamp(100, 90), next_stamp(100, 130), next_stamp(100, 10**9)
    (100, 130, 300000100)
    """
    return now_us if last_us is None else max(now_us, min(last_us + step_us, now_us + MAX_LEAD_US))


def ahead_of(now: pd.Timestamp) -> int:
    """Return the last stamp (microseconds) that is not ahead of the clock at `now` (UTC)."""
    return microseconds(now) + MAX_LEAD_US
