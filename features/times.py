"""Times as stored: microseconds since 1970, UTC."""

from datetime import timedelta
from typing import Final

import pandas as pd

EPOCH: Final = pd.Timestamp(0, tz="UTC").as_unit("us")
STALE_AFTER: Final = timedelta(days=8)
"""The age beyond which features are stale: snapshots are a week apart, and may be a day late."""


def microseconds(time: pd.Timestamp) -> int:
    """Return `time` as Unix microseconds.

    >>> microseconds(pd.Timestamp("1970-01-01T00:00:01Z"))
    1000000
    """
    return int(time.as_unit("us").asm8.view("i8"))


def timestamp(unix_microseconds: int) -> pd.Timestamp:
    """Return Unix microseconds as a UTC time.

    >>> timestamp(1_000_000)
    Timestamp('1970-01-01 00:00:01+0000', tz='UTC')
    """
    return pd.Timestamp(unix_microseconds, unit="us", tz="UTC").as_unit("us")


DAY_US: Final = 86_400_000_000
"""Microseconds of a day, in which stored times are told."""
