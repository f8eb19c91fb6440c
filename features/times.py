"""Times as stored (microseconds since 1970, UTC), and as text."""

import datetime
from datetime import timedelta
from typing import Annotated, Final

import msgspec
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
"""Microseconds in a day; stored times are in microseconds."""


def read_day(text: str) -> datetime.date:
    """Return the day in `text`, written YYYY-MM-DD. Raises ValueError.

    >>> read_day("2011-07-01")
    datetime.date(2011, 7, 1)
    """
    try:
        day = datetime.date.fromisoformat(text)
        if day.isoformat() != text:  # such as 20110701
            raise ValueError
    except ValueError:
        raise ValueError(f"{text!r}: write YYYY-MM-DD") from None
    return day


def read_time(text: str) -> pd.Timestamp:
    """Return the time (UTC) in `text`, RFC 3339 as the API reads it. Raises ValueError.

    >>> read_time("2011-07-01T00:00:00+02:00")
    Timestamp('2011-06-30 22:00:00+0000', tz='UTC')
    """
    try:
        time = msgspec.convert(text, Annotated[datetime.datetime, msgspec.Meta(tz=True)])
        utc = time.astimezone(datetime.UTC)
    except (msgspec.ValidationError, OverflowError) as error:
        raise ValueError(f"{text!r}: write 2011-12-10T00:00:00Z") from error
    return pd.Timestamp(utc).as_unit("us")
