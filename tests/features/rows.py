"""Feature rows of a few order lines at one cut."""

from typing import Any

import ibis
import pandas as pd

from tests.features.shop import time

CUT = "2011-07-01"


def rows_at(transform: Any, table: pd.DataFrame, *cuts: str, **options: Any) -> pd.DataFrame:
    """Return the rows of `transform` at `cuts`, sorted by id and time."""
    frame = pd.DataFrame({"cut": pd.DatetimeIndex([time(cut) for cut in cuts])})
    rows: pd.DataFrame = transform(
        ibis.memtable(table), ibis.memtable(frame), **options
    ).to_pandas()
    key = [rows.columns[0], "event_timestamp"]
    return rows.sort_values(key, ignore_index=True)
