"""Texts of customers and products that come again: the same, or a new version from now on."""

import pandas as pd

from features.schema import TABLES
from features.tables import same_rows


def with_new_versions(
    table: str, frame: pd.DataFrame, stored: pd.DataFrame, *, arrival: pd.Timestamp
) -> pd.DataFrame:
    """Return `frame`, rows of `table` (customers or products) that a file dates by its orders.

    Where another text is `stored` for the same id and time, the file's is a version of its own,
    valid from the `arrival`; it is left out if the latest stored version has the same texts.
    """
    if frame.empty or stored.empty:
        return frame
    key = TABLES[table].unique
    texts = [name for name in TABLES[table].columns if name not in key]
    before = frame[key].merge(stored, on=key, how="left", indicator=True)
    other = (before["_merge"] == "both").to_numpy(dtype=bool)
    other &= ~same_rows(frame, before, texts)
    if not other.any():
        return frame
    changed = frame[other]
    latest = stored.sort_values("valid_from").drop_duplicates(key[0], keep="last")
    current = changed[key[:1]].merge(latest, on=key[0], how="left")
    fresh = changed[~same_rows(changed, current, texts)].drop_duplicates(key[0], keep="last")
    versions: pd.DataFrame = pd.concat([frame[~other], fresh.assign(valid_from=arrival)])
    return versions
