"""The digests of what was known at given times: they say whether a snapshot is current."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from configs.duck import connect, parquet
from configs.durable import content_stamp
from features.schema import TABLES, TIMES
from features.tables import REPLACED, table_paths
from features.times import microseconds
from features.views import READ
from features.workspace import Workspace

Paths = Mapping[str, Path]
"""The Parquet file of each canonical table."""
Integers = npt.NDArray[np.int64]


def cut_digest(ws: Workspace, as_of: pd.Timestamp) -> str:
    """Return the digest of every canonical row known before `as_of`, in any order."""
    return cut_digests(table_paths(ws), [as_of])[as_of]


def cut_digests(paths: Paths, times: Sequence[pd.Timestamp]) -> dict[pd.Timestamp, str]:
    """Return for each of `times` (UTC) the digest of the rows known before it.

    Each row becomes a number (MD5 of its columns as JSON); a digest is computed from their
    sums and counts by table.
    """
    parts: list[dict[str, list[str]]] = [{} for _ in times]
    moments = np.array([microseconds(time) for time in times], dtype=np.int64)
    replaced = paths.get(REPLACED)
    for name in READ:
        known = f"greatest({', '.join(TIMES[name])})"
        totals = _sums(name, paths[name], known, moments)
        if name == "order_lines" and replaced is not None:
            totals = totals + _sums(name, replaced, known, moments)
            totals = totals - _sums(name, replaced, "replaced_timestamp", moments)
        for part, total in zip(parts, totals, strict=True):
            part[name] = [str(number) for number in total]
    return {
        time: hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()
        for time, part in zip(times, parts, strict=True)
    }


def _sums(table: str, path: Path, known: str, moments: Integers) -> npt.NDArray[np.object_]:
    """Return (T, 3) the count and the sums of both halves of the rows' numbers before `moments`.

    They are integers of any size. `moments` (T,) are microseconds since 1970.
    """
    times, sums = _accumulated(table, path, known, content_stamp(path))
    count, *quarters = sums[:, np.searchsorted(times, moments)].astype(object)
    low, high = (quarters[n] + quarters[n + 1] * 2**32 for n in (0, 2))
    return np.stack([count, low, high], axis=1)


@lru_cache(maxsize=5)  # three tables, and replaced lines by two times
def _accumulated(
    table: str, path: Path, known: str, _: tuple[int, ...]
) -> tuple[Integers, Integers]:
    """Return the times (K,) at which rows became known, and what accumulated before each and at
    the end (5, K + 1): their count, and the sums of the 32-bit quarters of their numbers.

    It is computed once a process for each state of a file, whose stamp is the last argument, and
    takes 48 bytes a time.
    """
    columns = ", ".join(f"{column} := {column}" for column in TABLES[table].columns)
    quarters = ", ".join(
        f"sum({half} & 4294967295)::BIGINT AS {half}_0, sum({half} >> 32)::BIGINT AS {half}_1"
        for half in ("low", "high")
    )
    rows = f"to_json(struct_pack({columns}))::VARCHAR AS row FROM {parquet(path)}"
    query = f"""
        SELECT moment, count(*), {quarters} FROM (
            SELECT moment, md5_number_lower(row) AS low, md5_number_upper(row) AS high
            FROM (SELECT epoch_us({known}) AS moment, {rows})
        ) WHERE moment IS NOT NULL GROUP BY moment ORDER BY moment
        """
    found = connect().execute(query).fetchnumpy()
    times, *numbers = (np.asarray(values, dtype=np.int64) for values in found.values())
    return times, np.stack([np.concatenate([[0], np.cumsum(part)]) for part in numbers])
