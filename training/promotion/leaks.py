"""Whether the stored features of a time hold anything of the future.

They are computed again from copies of the tables without any row that became known at that time or
later: a feature that differs has read such a row.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from configs.duck import connect, parquet
from configs.parquet_files import read_parquet
from features import snapshots
from features.offline import REBUILT
from features.schema import TIMES
from features.tables import REPLACED, table_paths
from features.views import READ, VIEWS, compute
from features.workspace import Workspace

_NEAR: Final = 1e-9
"""The relative difference of a sum that was added in another order."""


def leaking_features(ws: Workspace, at: pd.Timestamp) -> list[str]:
    """Return the features of the snapshot at `at` (UTC) that hold rows of the future, sorted.

    The snapshot must have been built from the current tables.
    """
    found: set[str] = set()
    with _known_tables(table_paths(ws), at) as paths:
        for view, key in VIEWS.items():
            file = snapshots.path_of(ws, view, at)
            stored = read_parquet(file, otherwise=REBUILT)
            [(_, again)] = compute(connect(), paths, view, [at])
            found |= _differing(stored, again, key=key)
    return sorted(found)


@contextmanager
def _known_tables(paths: Mapping[str, Path], at: pd.Timestamp) -> Iterator[dict[str, Path]]:
    """Yield copies of the tables, with only the rows that were known before `at`."""
    with tempfile.TemporaryDirectory() as scratch:
        copies = {name: Path(scratch) / f"{name}.parquet" for name in (*READ, REPLACED)}
        copies = {name: file for name, file in copies.items() if name in paths}
        con = connect()
        for name, file in copies.items():
            known = " AND ".join(
                f"{time} < '{at.isoformat()}'"
                for time in TIMES["order_lines" if name == REPLACED else name]
            )
            rows = con.sql(f"FROM {parquet(paths[name])} WHERE {known}").to_arrow_table()
            pq.write_table(rows.cast(pq.read_schema(paths[name])), file)
        yield copies


def _differing(stored: pa.Table, again: pa.Table, *, key: str) -> set[str]:
    """Return the names of the columns that differ; all features if the ids do.

    Both are sorted by `key`.
    """
    names = {name for name in again.column_names if name in stored.column_names and name != key}
    if not _equal(stored[key], again[key]):
        return names
    return {name for name in names if not _equal(stored[name], again[name])}


def _equal(first: pa.ChunkedArray, second: pa.ChunkedArray) -> bool:
    if pa.types.is_floating(first.type):
        a, b = first.to_numpy(), second.to_numpy()
        return np.allclose(a, b, rtol=_NEAR, atol=_NEAR, equal_nan=True)
    return bool(first.combine_chunks().equals(second.combine_chunks().cast(first.type)))
