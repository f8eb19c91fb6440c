"""A benchmark's window must have ended: days that the data lack would look like silence.

Orders at or after its end show that; a gap within the data is not seen.
"""

from datetime import timedelta
from pathlib import Path
from typing import Final

import pandas as pd

from configs.duck import connect, parquet
from features.tables import PinnedTables
from features.times import microseconds
from features.workspace import Workspace
from training.errors import NotEnoughData

_DAY: Final = pd.Timedelta(hours=25)
"""The longest day of a year: the one on which summer time ends."""


def refuse_unfinished(ws: Workspace, *, cut: pd.Timestamp, days: int) -> None:
    """Raise NotEnoughData unless the data reach into the last day of [cut, cut + days); UTC.

    The cut that it names as the latest is a day of the shop's time zone.
    """
    end = cut + pd.Timedelta(days=days)
    last = _last_order(PinnedTables(ws).paths["order_lines"], ws.now())
    if last < end - _DAY:
        latest = last.tz_convert(ws.timezone).date() + timedelta(days=1 - days)
        raise NotEnoughData(
            f"the last order line is of {last.isoformat()}, before the end of the {days} days from "
            f"the cut {cut.isoformat()}: choose a cut of {latest} or earlier (--as-of)"
        )


def _last_order(lines: Path, now: pd.Timestamp) -> pd.Timestamp:
    """Return when the last order line that is known before `now` (UTC) happened.

    Raises NotEnoughData without one.
    """
    query = (
        f"SELECT max(epoch_us(event_timestamp)) FROM {parquet(lines)} "
        "WHERE epoch_us(event_timestamp) < $1 AND epoch_us(recorded_timestamp) < $1"
    )
    ((last,),) = connect().execute(query, [microseconds(now)]).fetchall()
    if last is None:
        raise NotEnoughData(f"no order line was known before {now.isoformat()}")
    return pd.Timestamp(last, unit="us", tz="UTC")
