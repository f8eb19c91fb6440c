"""Feature snapshots: what was known at each Monday and at the requested cut, as Parquet files.

`snapshots/VIEW/<time>.parquet` holds one view at one time T: a pure function of the canonical rows
known before T. Its footer names their digest and the code's version; while both match the file is
reused, otherwise it is built again.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from configs.code import source_digest
from configs.durable import replacing
from features.schema import TABLES, TIMES
from features.tables import known_before, read_file, table_paths
from features.views import READ, VIEWS, compute
from features.workspace import Workspace, WorkspaceError

CODE_VERSION: Final = source_digest("features.views")
"""The digest of all code that determines a snapshot; those of other code are built again."""
_CUTS_AT_ONCE: Final = 53
_LINES_AT_ONCE: Final = 15_000_000  # lines times cuts: bounds the memory of one expression

Paths = Mapping[str, Path]
"""The Parquet file of each canonical table."""
Progress = Callable[[int, int], None]
"""Called with the number of current files and of all files."""


def snapshot_times(
    ws: Workspace, *, as_of: pd.Timestamp, paths: Paths | None = None
) -> list[pd.Timestamp]:
    """Return the times (UTC) of the snapshots up to `as_of`: every Monday 00:00 local, and `as_of`.

    The first one is the first Monday at which a line was known. Raises WorkspaceError if no
    line was known before `as_of`. `paths` are by default those of the current tables.
    """
    return _times(paths or table_paths(ws), ws.timezone, as_of)


def _times(paths: Paths, timezone: str, as_of: pd.Timestamp) -> list[pd.Timestamp]:
    lines = _connect().read_parquet(paths["order_lines"])
    first = ibis.greatest(lines.event_timestamp, lines.recorded_timestamp).min().to_pyarrow()
    first = pd.Timestamp(first.as_py())
    if pd.isna(first) or first >= as_of:
        raise WorkspaceError(
            f"as_of = {as_of}: no order line was known before it (the first one at {first}); "
            "run `python -m features ingest` or name a later day"
        )
    start, end = (t.tz_convert(timezone).tz_localize(None).normalize() for t in (first, as_of))
    mondays = pd.date_range(start, end, freq="W-MON")
    local = mondays.tz_localize(  # midnights that clocks skip or show twice
        timezone, nonexistent="shift_forward", ambiguous=np.ones(len(mondays), dtype=bool)
    )
    grid = local.tz_convert("UTC").as_unit("us")
    return [time for time in grid if first < time < as_of] + [as_of.tz_convert("UTC").as_unit("us")]


def cut_digest(ws: Workspace, as_of: pd.Timestamp) -> str:
    """Return the digest of every canonical row known before `as_of`, in any order."""
    return cut_digests(table_paths(ws), [as_of])[as_of]


def known_order_lines(
    ws: Workspace, as_of: pd.Timestamp, *, paths: Paths | None = None
) -> pd.DataFrame:
    """Return the canonical order lines that happened and were recorded before `as_of`.

    `paths` are by default those of the current tables.
    """
    lines = read_file((paths or table_paths(ws))["order_lines"])
    return known_before(lines, as_of).reset_index(drop=True)


def files_of(ws: Workspace, view: str) -> dict[pd.Timestamp, Path]:
    """Return the files of `view` by their time, oldest first."""
    paths = (ws.snapshots / view).glob("*.parquet")
    return dict(sorted((_time(path), path) for path in paths))


def stamp(time: pd.Timestamp) -> str:
    """Return `time` (UTC) as written in file names, with microseconds only if it has any."""
    return time.strftime("%Y%m%dT%H%M%S.%fZ" if time.microsecond else "%Y%m%dT%H%M%SZ")


def path_of(ws: Workspace, view: str, time: pd.Timestamp) -> Path:
    """Return the file of `view` at `time` (UTC)."""
    return ws.snapshots / view / f"{stamp(time)}.parquet"


def built_from(path: Path) -> str:
    """Return the digest of the rows that the file was built from; empty if other code built it.

    Raises FileNotFoundError.
    """
    metadata = pq.read_schema(path).metadata or {}
    current = metadata.get(b"code") == CODE_VERSION.encode()
    return metadata[b"digest"].decode() if current else ""


def build(
    ws: Workspace,
    *,
    as_of: pd.Timestamp,
    progress: Progress | None = None,
    paths: Paths | None = None,
) -> list[pd.Timestamp]:
    """Build every snapshot up to `as_of` (UTC) that is missing or out of date; return their times.

    A snapshot of any other time that is out of date is removed, so that nothing stale is read.
    `paths` are by default those of the current tables.
    """
    with ws.lock("snapshots"):
        for path in ws.snapshots.glob("*/.*"):  # leftovers of a killed build
            path.unlink()
        paths = paths or table_paths(ws)  # one generation, even if another is ingested meanwhile
        times = _times(paths, ws.timezone, as_of)
        existing = {view: files_of(ws, view) for view in VIEWS}
        digests = cut_digests(
            paths, sorted({*times, *(time for files in existing.values() for time in files)})
        )
        missing = {}
        for view, files in existing.items():
            current = {t for t, path in files.items() if built_from(path) == digests[t]}
            for time in files.keys() - current - set(times):
                files[time].unlink()
            missing[view] = [time for time in times if time not in current]
        total = len(times) * len(VIEWS)
        done = total - sum(len(cuts) for cuts in missing.values())
        lines = pq.read_metadata(paths["order_lines"]).num_rows
        at_once = min(max(_LINES_AT_ONCE // max(lines, 1), 1), _CUTS_AT_ONCE)
        for view, cuts in missing.items():
            for start in range(0, len(cuts), at_once):
                for time, rows in compute(_connect(), paths, view, cuts[start : start + at_once]):
                    origin = {"digest": digests[time], "code": CODE_VERSION}
                    write_parquet(path_of(ws, view, time), rows.replace_schema_metadata(origin))
                    done += 1
                    if progress is not None:
                        progress(done, total)
        return times


def cut_digests(paths: Paths, times: Sequence[pd.Timestamp]) -> dict[pd.Timestamp, str]:
    """Return for each of the sorted `times` the digest of the rows known before it.

    Each row becomes a number (MD5 of its columns as JSON); a digest is computed from their
    sums and counts by table, accumulated from one time to the next.
    """
    cuts = pa.table({"cut": pa.array(times, pa.timestamp("us", tz="UTC"))})
    con: Any = _connect().con  # DuckDB itself: Ibis has no MD5 as a number
    con.register("cuts", cuts)
    parts: dict[pd.Timestamp, dict[str, list[str]]] = {time: {} for time in times}
    for name in READ:
        columns = ", ".join(f"{column} := {column}" for column in TABLES[name].columns)
        known = f"greatest({', '.join(TIMES[name])})"
        sums = con.execute(
            f"""
            SELECT cut, count(*), sum(md5_number_lower(row)::HUGEINT),
                   sum(md5_number_upper(row)::HUGEINT)
            FROM (SELECT {known} AS known, to_json(struct_pack({columns}))::VARCHAR AS row
                  FROM read_parquet(?)) AS rows
            ASOF JOIN cuts ON rows.known < cuts.cut
            GROUP BY cut
            """,
            [str(paths[name])],
        ).fetchall()
        by_time = {pd.Timestamp(cut): numbers for cut, *numbers in sums}
        total = np.zeros(3, dtype=object)  # integers of any size
        for time in times:
            total = total + np.array(by_time.get(time, (0, 0, 0)), dtype=object)
            parts[time][name] = [str(number) for number in total]
    return {
        time: hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()
        for time, part in parts.items()
    }


def write_parquet(path: Path, rows: pa.Table) -> None:
    """Replace `path` by `rows` in one step."""
    with replacing(path) as file:
        pq.write_table(rows, file, compression="zstd", coerce_timestamps="us")


def _time(path: Path) -> pd.Timestamp:
    form = "%Y%m%dT%H%M%S.%fZ" if "." in path.stem else "%Y%m%dT%H%M%SZ"
    return pd.to_datetime(path.stem, format=form, utc=True).as_unit("us")


def _connect() -> Any:
    """Return a new in-memory DuckDB in UTC, on two threads."""
    return ibis.duckdb.connect(threads=2)
