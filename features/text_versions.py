"""Texts of customers and products that come again: the same, or a new version from now on."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.schema import TABLES


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
    other &= ~_equal(frame, before, texts)
    if not other.any():
        return frame
    changed = frame[other]
    latest = stored.sort_values("valid_from").drop_duplicates(key[0], keep="last")
    current = changed[key[:1]].merge(latest, on=key[0], how="left")
    fresh = changed[~_equal(changed, current, texts)].drop_duplicates(key[0], keep="last")
    versions: pd.DataFrame = pd.concat([frame[~other], fresh.assign(valid_from=arrival)])
    return versions


def _equal(first: pd.DataFrame, second: pd.DataFrame, names: list[str]) -> npt.NDArray[np.bool_]:
    """Return which rows of two frames of one length have equal texts (null equals null)."""
    equal = np.ones(len(first), dtype=bool)
    for name in names:
        a, b = first[name].reset_index(drop=True), second[name].reset_index(drop=True)
        equal &= ((a == b).fillna(False) | (a.isna() & b.isna())).to_numpy(dtype=bool)
    return equal
