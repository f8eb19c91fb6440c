"""A benchmark's window must have ended: days that the data lack would look like silence."""

from datetime import timedelta
from typing import Final

import pandas as pd

from features.snapshots import known_span
from features.tables import PinnedTables
from features.workspace import Workspace
from training.errors import NotEnoughData

_DAY: Final = pd.Timedelta(hours=25)
"""The longest day of a year: the one on which summer time ends."""


def refuse_unfinished(ws: Workspace, *, cut: pd.Timestamp, days: int) -> None:
    """Raise NotEnoughData unless the data reach into the last day of [cut, cut + days); UTC.

    The cut that it names as the latest is a day of the shop's time zone.
    """
    end = cut + pd.Timedelta(days=days)
    _, last = known_span(PinnedTables(ws).paths, ws.now())  # the shop may rest at the end
    if last < end - _DAY:
        latest = last.tz_convert(ws.timezone).date() + timedelta(days=1 - days)
        raise NotEnoughData(
            f"the last order line is of {last.isoformat()}, before the end of the {days} days from "
            f"the cut {cut.isoformat()}: choose a cut of {latest} or earlier (--as-of)"
        )
