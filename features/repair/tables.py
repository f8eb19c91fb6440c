"""Canonical rows that are stamped ahead of the clock: posted ones, corrections, texts."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from features.logs.events import logged
from features.repair.findings import Finding, found
from features.schema import TABLES, TIME
from features.tables import generation, read_replaced, read_table, table_paths, write_tables
from features.times import microseconds
from features.workspace import Workspace

_TIMES: Final = ["event_timestamp", "recorded_timestamp"]
_KEYS: Final = {"order_lines": ["order_id", "line_number"], "events": ["event_id"]}
"""The tables whose rows may be posted, and what identifies a row in the log too."""


@dataclass
class _Restamping:
    """The tables at hand, and what is ahead of `limit` in them."""

    ws: Workspace
    limit: pd.Timestamp
    frames: dict[str, pd.DataFrame]
    """Every table, and the lines that corrections replaced."""
    late: dict[tuple[str, str], pd.Series] = field(default_factory=dict)
    """Which rows of a table are ahead in a column."""
    posted: dict[str, pd.Series] = field(default_factory=dict)
    """Which of them are recorded as the log says."""


def find(ws: Workspace, limit: pd.Timestamp) -> list[Finding]:
    """Return the canonical rows that became known after `limit`, a time ahead of the clock.

    A row of a file that happens after it is left out: the file says so, not the clock.
    """
    found_in = _look(ws, limit)
    return [] if found_in is None else _findings(found_in, found_in.frames)


def restamp(ws: Workspace, limit: pd.Timestamp, *, now: pd.Timestamp) -> list[Finding]:
    """Give those rows a time before `now`: posted ones that of the log, the others one in order.

    One new generation of the tables; the previous one stays until the next ingest.
    """
    with ws.lock("tables"):
        looked = _look(ws, limit)
        if looked is None or not looked.late:
            return []
        before = {name: frame.copy() for name, frame in looked.frames.items()}
        for name in _KEYS:
            _take_from_log(looked, name)
        _in_order(looked, now)
        tables = {name: looked.frames[name] for name in TABLES}
        write_tables(ws, tables, replaced=looked.frames["replaced_lines"])
    return _findings(looked, before, looked.frames)


def _look(ws: Workspace, limit: pd.Timestamp) -> _Restamping | None:
    if generation(ws) is None:
        return None
    frames = {name: read_table(ws, name) for name in TABLES}
    frames["replaced_lines"] = read_replaced(table_paths(ws))
    looked = _Restamping(ws, limit, frames)
    for name, column in (("customers", "valid_from"), ("products", "valid_from")):
        _add(looked, name, column, frames[name][column] > limit)
    _add(
        looked,
        "replaced_lines",
        "replaced_timestamp",
        frames["replaced_lines"]["replaced_timestamp"] > limit,
    )
    for name in ("order_lines", "events", "replaced_lines"):
        rows = frames[name]
        late = rows["recorded_timestamp"] > limit
        if not late.any():
            continue
        table = "events" if name == "events" else "order_lines"
        key = _KEYS[table]
        posted = pd.MultiIndex.from_frame(rows[key]).isin(
            pd.MultiIndex.from_frame(logged(ws, table)[key])
        )
        looked.posted[name] = late & posted
        _add(
            looked, name, "recorded_timestamp", late & (posted | (rows["event_timestamp"] <= limit))
        )
    return looked


def _add(looked: _Restamping, name: str, column: str, late: pd.Series) -> None:
    if late.any():
        looked.late[name, column] = late


def _take_from_log(looked: _Restamping, table: str) -> None:
    """Set the times of posted rows to those that the log has now."""
    log = logged(looked.ws, table).set_index(_KEYS[table])[_TIMES]
    for name in (table, "replaced_lines") if table == "order_lines" else (table,):
        if name not in looked.posted:
            continue
        posted, rows = looked.posted[name], looked.frames[name]
        keys = rows.loc[posted, _KEYS[table]]
        index = pd.MultiIndex.from_frame(keys) if len(_KEYS[table]) > 1 else keys[_KEYS[table][0]]
        for column in _TIMES:
            rows.loc[posted, column] = log[column].reindex(index).array


def _in_order(looked: _Restamping, now: pd.Timestamp) -> None:
    """Give all other stamps times just before `now`, equal ones one time, in their order."""
    columns = {
        (name, column): late & ~looked.posted[name]
        if column == "recorded_timestamp" and name in looked.posted
        else late
        for (name, column), late in looked.late.items()
    }
    stamps = sorted(
        {
            stamp
            for (name, column), rows in columns.items()
            for stamp in looked.frames[name].loc[rows, column]
        }
    )
    start = now - pd.Timedelta(microseconds=len(stamps))
    times = {stamp: start + pd.Timedelta(microseconds=n) for n, stamp in enumerate(stamps)}
    for (name, column), rows in columns.items():
        if rows.any():
            frame = looked.frames[name]
            frame.loc[rows, column] = frame.loc[rows, column].map(times).astype(TIME).array


def _findings(
    looked: _Restamping,
    before: dict[str, pd.DataFrame],
    after: dict[str, pd.DataFrame] | None = None,
) -> list[Finding]:
    findings = []
    for (name, column), late in looked.late.items():
        was = _micros(before[name].loc[late, column])
        became = () if after is None else (_micros(after[name].loc[late, column]),)
        findings += found(f"tables: {name}.{column}", was, *became)
    return findings


def _micros(times: pd.Series) -> "np.typing.NDArray[np.int64]":
    return np.array([microseconds(time) for time in times], dtype=np.int64)
