"""The window of recommenders, what a customer buys in the days after a moment; and where windows
begin."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import pandas as pd

WINDOW_DAYS: Final = 28
"""Models learn to predict the purchases of so many days, and are measured on as many."""
WINDOW: Final = timedelta(days=WINDOW_DAYS)


def spaced(
    times: Sequence[pd.Timestamp], *, days: int, first: pd.Timestamp, last: pd.Timestamp
) -> list[pd.Timestamp]:
    """Return the newest of `times` (oldest first) in [first, last], and every one `days` before.

    Two may be a day nearer, since a week in which summer time begins is shorter.

    >>> times = list(pd.date_range("2024-01-01", periods=6, freq="7D"))
    >>> [f"{at:%m-%d}" for at in spaced(times, days=14, first=times[0], last=times[4])]
    ['01-01', '01-15', '01-29']
    """
    apart, found = pd.Timedelta(days=days - 1), list[pd.Timestamp]()
    for at in reversed(times):
        if first <= at <= last and (not found or found[-1] - at >= apart):
            found.append(at)
    return found[::-1]
