"""Titles, categories and countries in the file of the order lines, as versions by time."""

from collections.abc import Sequence
from typing import Final

import pandas as pd

from features.schema import TABLES, TEXT

Texts = Sequence[str]
_DTYPES: Final = {
    table: {name: str(column.dtype) for name, column in TABLES[table].columns.items()}
    for table in ("customers", "products")
}


def versions(table: str, rows: pd.DataFrame, *, key: str, texts: Texts) -> pd.DataFrame:
    """Return canonical `table` from order `rows`: a row where a text of `key` is first another.

    `rows` has the columns `key`, `event_timestamp` and `texts`, and an index of the file's rows.
    Rows without `key` are passed over; a text that is missing keeps its last value. Of several
    texts at one time the first counts.
    """
    known = rows[rows[key].notna()].sort_values("event_timestamp", kind="stable")
    known = known.drop_duplicates([key, "event_timestamp"])
    filled = known.groupby(key)[list(texts)].ffill()
    previous = filled.groupby(known[key]).shift()
    changed = ((filled != previous) & filled.notna()).fillna(filled.notna()).any(axis=1)
    new = known[changed | ~known[key].duplicated()]
    frame = pd.DataFrame(index=new.index)
    for name, dtype in _DTYPES[table].items():
        if name == "valid_from":
            frame[name] = new["event_timestamp"]
        elif name in texts:
            frame[name] = filled.loc[new.index, name].astype(TEXT)
        elif name == key:
            frame[name] = new[key]
        else:
            frame[name] = pd.Series(pd.NA, index=new.index, dtype=dtype)
    return frame
