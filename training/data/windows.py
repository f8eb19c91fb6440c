"""The window of recommenders, what a customer buys in the days after a moment; and where windows
begin."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

WINDOW_DAYS: Final = 28
"""Models learn to predict the purchases of so many days, and are measured on as many."""
WINDOW: Final = timedelta(days=WINDOW_DAYS)

Time = TypeVar("Time", bound=datetime)


def spaced(times: Sequence[Time], *, days: int, first: Time, last: Time) -> list[Time]:
    """Return the newest of `times` (oldest first) in [first, last], and every one `days` before.

    Two may be a day nearer, since a week in which summer time begins is shorter.

    >>> times = [datetime(2024, 1, 1) + timedelta(weeks=week) for week in range(6)]
    >>> [f"{at:%m-%d}" for at in spaced(times, days=14, first=times[0], last=times[4])]
    ['01-01', '01-15', '01-29']
    """
    apart, found = timedelta(days=days - 1), list[Time]()
    for at in reversed(times):
        if first <= at <= last and (not found or found[-1] - at >= apart):
            found.append(at)
    return found[::-1]
