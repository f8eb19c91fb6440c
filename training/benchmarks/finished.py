"""A benchmark's window must have ended: days that the data lack would look like silence."""

import pandas as pd

from features.snapshots import known_span
from features.tables import PinnedTables
from features.workspace import Workspace
from training.errors import NotEnoughData


def refuse_unfinished(ws: Workspace, *, cut: pd.Timestamp, days: int) -> None:
    """Raise NotEnoughData unless the data reach into the last day of [cut, cut + days); UTC."""
    end = cut + pd.Timedelta(days=days)
    _, last = known_span(PinnedTables(ws).paths, end)
    if last < end - pd.Timedelta(days=1):
        latest = last.floor("D") + pd.Timedelta(days=1 - days)
        raise NotEnoughData(
            f"the last order line is of {last.isoformat()}, before the end of the {days} days from "
            f"the cut {cut.isoformat()}: choose a cut of {latest.date()} or earlier (--as-of)"
        )
