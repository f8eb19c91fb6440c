"""Feature snapshots: what was known at each Monday and at the requested cut, as Parquet files.

A Monday after more than a year without a new row has none (see `snapshot_times`).

`snapshots/VIEW/<time>.parquet` holds one view at one time T: a pure function of the canonical rows
known before T. Its footer names their digest and the code's version; while both match the file is
reused, otherwise it is built again.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from configs.code import source_digest
from configs.duck import connect, parquet
from configs.parquet_files import is_intact, write_parquet
from features.cut_digests import Paths, cut_digests
from features.schema import TIMES
from features.tables import REPLACED, known_before, read_file, read_replaced, table_paths
from features.views import READ, VIEWS, compute
from features.workspace import Workspace, WorkspaceError

CODE_VERSION: Final = source_digest("features.views")
"""The digest of all code that determines a snapshot; those of other code are built again."""
QUIET: Final = pd.Timedelta(weeks=54)
"""Longer than the longest window of a feature, by more than a week."""
MANY: Final = 500
"""A build of more snapshots than this is announced."""
ENDED: Final = pd.Timedelta(days=90)
"""A build so long after the last known line is announced."""
_CUTS_AT_ONCE: Final = 53
_LINES_AT_ONCE: Final = 15_000_000  # lines times cuts: bounds the memory of one expression

Progress = Callable[[int, int], None]
"""Called with the number of current files and of all files: before and after each new file."""

logger: Final = logging.getLogger(__name__)


def snapshot_times(
    ws: Workspace, *, as_of: pd.Timestamp, paths: Paths | None = None
) -> list[pd.Timestamp]:
    """Return the times (UTC) of the snapshots up to `as_of`: every Monday 00:00 local, and `as_of`.

    The first one is the first Monday at which a line was known. A Monday is left out if no row
    became known in the QUIET time before it: its snapshot would hold the rows of the one before.
    Raises WorkspaceError if no line was known before `as_of`. `paths` are by default those of the
    current tables.
    """
    return _times(paths or table_paths(ws), ws.timezone, as_of)


def known_span(paths: Paths, as_of: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return when the first and the last order line known before `as_of` became known (UTC).

    Raises WorkspaceError if no line was known before `as_of`.
    """
    con = connect()
    spans = [
        con.execute(
            f"SELECT min({known}), max({known}) FILTER ({known} < $1) FROM {parquet(path)}",
            [as_of.to_pydatetime()],
        ).fetchall()[0]
        for path, known in _lines_known(paths)
    ]
    firsts = [pd.Timestamp(first).tz_convert("UTC") for first, _ in spans if first is not None]
    lasts = [pd.Timestamp(last).tz_convert("UTC") for _, last in spans if last is not None]
    if not lasts:
        first = str(min(firsts)) if firsts else "none"
        raise WorkspaceError(
            f"as_of = {as_of}: no order line was known before it (the first one at {first}); "
            "run `python -m features ingest` or name a later day"
        )
    return min(firsts), max(lasts)


def end_advice(ws: Workspace, last: pd.Timestamp) -> str:
    """Return how a user can take the end of the day of `last` (UTC), an order's time, as the cut.

    >>> shop = Workspace(Path("x"), "Europe/Berlin", "EUR", "system")
    >>> end_advice(shop, pd.Timestamp("2024-01-02T09:00Z"))
    'give --as-of 2024-01-03, or ingest again with --clock fixed:2024-01-02T23:00:00Z'
    """
    day = (last.tz_convert(ws.timezone) + pd.Timedelta(days=1)).strftime("%Y-%m-%d")
    clock = ws.midnight(day).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"give --as-of {day}, or ingest again with --clock fixed:{clock}"


def _known(table: str) -> str:
    """Return the SQL of when a row of `table` became known."""
    return f"greatest({', '.join(TIMES[table])})"


def _lines_known(paths: Paths) -> list[tuple[Path, str]]:
    """Return the files of order lines, former versions too, and when a line became known (SQL)."""
    files = [paths[name] for name in ("order_lines", REPLACED) if name in paths]
    return [(path, _known("order_lines")) for path in files]


def _times(paths: Paths, timezone: str, as_of: pd.Timestamp) -> list[pd.Timestamp]:
    first, _ = known_span(paths, as_of)
    start, end = (t.tz_convert(timezone).tz_localize(None).normalize() for t in (first, as_of))
    mondays = pd.date_range(start, end, freq="W-MON")
    local = mondays.tz_localize(  # midnights that clocks skip or show twice
        timezone, nonexistent="shift_forward", ambiguous=np.ones(len(mondays), dtype=bool)
    )
    grid = [time for time in local.tz_convert("UTC").as_unit("us") if first < time < as_of]
    return [*_not_quiet(paths, grid, first), as_of.tz_convert("UTC").as_unit("us")]


def _not_quiet(
    paths: Paths, grid: Sequence[pd.Timestamp], first: pd.Timestamp
) -> list[pd.Timestamp]:
    """Return the times of `grid` with a row that became known in the QUIET time before.

    `grid` is sorted; `first` is when the first line became known.
    """
    con = connect()
    con.register("grid", pa.table({"cut": pa.array(grid, pa.timestamp("us", tz="UTC"))}))
    newest: dict[pd.Timestamp, pd.Timestamp] = {}
    changes = [
        *_lines_known(paths),
        *((paths[name], _known(name)) for name in READ if name != "order_lines"),
        *([(paths[REPLACED], "replaced_timestamp")] if REPLACED in paths else []),
    ]
    for path, known in changes:
        weeks = con.execute(
            f"""
            SELECT cut, max(known) FROM (SELECT {known} AS known FROM {parquet(path)}) AS rows
            ASOF JOIN grid ON rows.known < grid.cut
            GROUP BY cut
            """
        ).fetchall()
        for cut, time in weeks:
            at, changed = pd.Timestamp(cut), pd.Timestamp(time)
            newest[at] = max(changed, newest.get(at, changed))
    times = []
    last = first
    for at in grid:
        last = max(newest.get(at, last), last)
        if at - last <= QUIET:
            times.append(at)
    return times


def known_order_lines(
    ws: Workspace, as_of: pd.Timestamp, *, paths: Paths | None = None
) -> pd.DataFrame:
    """Return the canonical order lines that happened and were recorded before `as_of`.

    An order that was corrected at `as_of` or later has its former lines. `paths` are by default
    those of the current tables.
    """
    paths = paths or table_paths(ws)
    lines, replaced = read_file(paths["order_lines"]), read_replaced(paths)
    before = replaced[replaced["replaced_timestamp"] >= as_of]
    if len(before):
        lines = pd.concat([lines, before[lines.columns]], ignore_index=True)
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
    """Return the digest of the rows that the file was built from.

    Empty if other code built it, or if it was damaged, so that it is built again. Raises
    FileNotFoundError.
    """
    content = path.read_bytes()
    if not is_intact(content):
        return ""
    metadata = pq.read_schema(pa.BufferReader(content)).metadata or {}
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
        if progress is not None and done < total:
            progress(done, total)
        _announce(ws, paths, times, missing)
        lines = pq.read_metadata(paths["order_lines"]).num_rows
        at_once = min(max(_LINES_AT_ONCE // max(lines, 1), 1), _CUTS_AT_ONCE)
        for view, cuts in missing.items():
            for start in range(0, len(cuts), at_once):
                for time, rows in compute(connect(), paths, view, cuts[start : start + at_once]):
                    origin = {"digest": digests[time], "code": CODE_VERSION}
                    write_parquet(path_of(ws, view, time), rows.replace_schema_metadata(origin))
                    done += 1
                    if progress is not None:
                        progress(done, total)
        return times


def _announce(
    ws: Workspace,
    paths: Paths,
    times: Sequence[pd.Timestamp],
    missing: Mapping[str, Sequence[pd.Timestamp]],
) -> None:
    """Log a warning before a build that is long, or long after the shop's last order."""
    first, last = known_span(paths, times[-1])
    cuts = sorted({time for views in missing.values() for time in views})
    if cuts and times[-1] - last > ENDED:
        logger.warning(
            "The last order line became known at %s, %d days before the cut %s: %s",
            last.isoformat(),
            (times[-1] - last).days,
            times[-1].isoformat(),
            end_advice(ws, last),
        )
    if len(cuts) > MANY:
        logger.warning(
            "Building %s weekly snapshots of %d views, %s to %s (the first order line is of %s)",
            f"{len(cuts):,}",
            len(VIEWS),
            cuts[0].date(),
            cuts[-1].date(),
            first.date(),
        )


def _time(path: Path) -> pd.Timestamp:
    form = "%Y%m%dT%H%M%S.%fZ" if "." in path.stem else "%Y%m%dT%H%M%SZ"
    return pd.to_datetime(path.stem, format=form, utc=True).as_unit("us")
