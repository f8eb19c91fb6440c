"""The digests of what was known at given times: they say whether a snapshot is current."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from configs.duck import connect, parquet
from features.schema import TABLES, TIMES
from features.tables import REPLACED, table_paths
from features.views import READ
from features.workspace import Workspace

Paths = Mapping[str, Path]
"""The Parquet file of each canonical table."""


def cut_digest(ws: Workspace, as_of: pd.Timestamp) -> str:
    """Return the digest of every canonical row known before `as_of`, in any order."""
    return cut_digests(table_paths(ws), [as_of])[as_of]


def cut_digests(paths: Paths, times: Sequence[pd.Timestamp]) -> dict[pd.Timestamp, str]:
    """Return for each of the sorted `times` the digest of the rows known before it.

    Each row becomes a number (MD5 of its columns as JSON); a digest is computed from their
    sums and counts by table, accumulated from one time to the next.
    """
    cuts = pa.table({"cut": pa.array(times, pa.timestamp("us", tz="UTC"))})
    con = connect()
    con.register("cuts", cuts)
    parts: dict[pd.Timestamp, dict[str, list[str]]] = {time: {} for time in times}
    replaced = paths.get(REPLACED)
    for name in READ:
        known = f"greatest({', '.join(TIMES[name])})"
        by_time = _sums(con, name, paths[name], known=known)
        if name == "order_lines" and replaced is not None:
            for column, sign in ((known, 1), ("replaced_timestamp", -1)):
                for time, numbers in _sums(con, name, replaced, known=column).items():
                    by_time[time] = by_time.get(time, 0) + sign * numbers
        total = np.zeros(3, dtype=object)  # integers of any size
        for time in times:
            total = total + by_time.get(time, 0)
            parts[time][name] = [str(number) for number in total]
    return {
        time: hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()
        for time, part in parts.items()
    }


def _sums(con: Any, table: str, path: Path, *, known: str) -> dict[pd.Timestamp, Any]:
    """Return, by the first cut after the time `known` of rows, their count and sums of numbers."""
    columns = ", ".join(f"{column} := {column}" for column in TABLES[table].columns)
    sums = con.execute(
        f"""
        SELECT cut, count(*), sum(md5_number_lower(row)::HUGEINT),
               sum(md5_number_upper(row)::HUGEINT)
        FROM (SELECT {known} AS known, to_json(struct_pack({columns}))::VARCHAR AS row
              FROM {parquet(path)}) AS rows
        ASOF JOIN cuts ON rows.known < cuts.cut
        GROUP BY cut
        """
    ).fetchall()
    return {pd.Timestamp(cut): np.array(numbers, dtype=object) for cut, *numbers in sums}
