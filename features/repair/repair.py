"""Find and mend what was stamped while the clock was ahead. See `repair`."""

import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from configs.durable import replacing, sync
from features import snapshots
from features.logs.stamps import MAX_LEAD, ahead_of
from features.materialize import REPAIRING, write_cut
from features.online.store import CURRENT, current_cut
from features.repair import changes, events, tables
from features.repair.findings import Damage, Finding
from features.times import microseconds, timestamp
from features.views import VIEWS
from features.workspace import Workspace, WorkspaceError


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a repair found."""

    now: pd.Timestamp
    """The workspace's clock, by which something is ahead."""
    findings: list[Finding]
    damaged: list[Damage]
    interrupted: bool
    """Whether an earlier repair did not come to its end; `apply` ends it."""


def repair(ws: Workspace, *, apply: bool = False) -> Report:
    """Return what is stamped further ahead of the clock than MAX_LEAD; with `apply`, mend it.

    Nothing is lost, hidden or counted twice meanwhile, also for requests that are served. If the
    process is killed, `materialize` refuses until another call has gone on. First the online cut is
    written again as of now, so that it holds no event that is ahead. Then posted events, product
    changes and the canonical rows get times that the clock has reached. At last the snapshots of
    times to come are removed.
    Raises WorkspaceError if a log cannot be read.
    """
    now = ws.now()
    try:
        damaged, interrupted = [*_damage(ws)], (ws.home / REPAIRING).exists()
        if apply:
            with ws.lock("online"):
                findings = _mend(ws)
        else:
            findings = _find(ws, now)
    except sqlite3.Error as error:
        raise WorkspaceError(str(error)) from error
    return Report(now=now, findings=findings, damaged=damaged, interrupted=interrupted)


def _mend(ws: Workspace) -> list[Finding]:
    mark, findings = ws.home / REPAIRING, []
    if mark.exists():  # the tables may not have followed the logs
        findings += _mend_tables(ws)
    findings += _mend_cut(ws)
    with replacing(mark):  # an empty file
        pass
    findings += _mend_logs(ws)
    findings += _mend_tables(ws)
    findings += _remove_snapshots(ws)
    mark.unlink()
    sync(ws.home)
    return findings


def _damage(ws: Workspace) -> list[Damage]:
    found = events.damage(ws.events_db) if ws.events_db.exists() else []
    if ws.product_changes_db.exists():
        found += changes.damage(ws.product_changes_db)
    return found


def _find(ws: Workspace, now: pd.Timestamp) -> list[Finding]:
    findings, limit = _ahead_cut(ws, now), timestamp(ahead_of(now))
    if ws.events_db.exists():
        findings += events.find(ws.events_db, microseconds(now))
    if ws.product_changes_db.exists():
        findings += changes.find(ws.product_changes_db, microseconds(now))
    findings += tables.find(ws, limit)
    return findings + _ahead_snapshots(ws, now)[1]


def _ahead_cut(ws: Workspace, now: pd.Timestamp) -> list[Finding]:
    cut = current_cut(ws)
    if cut is None or cut.as_of <= now + MAX_LEAD:
        return []
    return [Finding(place=f"online/{CURRENT}", rows=1, first=cut.as_of, last=cut.as_of)]


def _mend_cut(ws: Workspace) -> list[Finding]:
    """Write the online cut again as of now if it is ahead."""
    now = ws.now()
    findings = _ahead_cut(ws, now)
    if findings:
        write_cut(ws, now)
    return [replace(finding, became=(now, now)) for finding in findings]


def _mend_logs(ws: Workspace) -> list[Finding]:
    findings: list[Finding] = []
    now, cut = ws.now(), current_cut(ws)
    not_before_us = 0 if cut is None else microseconds(cut.as_of)
    for log, path in ((events, ws.events_db), (changes, ws.product_changes_db)):
        if path.exists():
            now_us = microseconds(now)
            findings += log.restamp(path, now_us=now_us, not_before_us=not_before_us)
    return findings


def _mend_tables(ws: Workspace) -> list[Finding]:
    now = ws.now()
    with ws.lock("absorb"):
        return tables.restamp(ws, timestamp(ahead_of(now)), now=now)


def _ahead_snapshots(ws: Workspace, now: pd.Timestamp) -> tuple[list[Path], list[Finding]]:
    """Return the files of snapshots ahead of the clock, and the finding."""
    files = {
        path: time
        for view in VIEWS
        for time, path in snapshots.files_of(ws, view).items()
        if time > now + MAX_LEAD
    }
    if not files:
        return [], []
    times = files.values()
    finding = Finding(place="snapshots", rows=len(files), first=min(times), last=max(times))
    return [*files], [finding]


def _remove_snapshots(ws: Workspace) -> list[Finding]:
    with ws.lock("snapshots"):
        files, findings = _ahead_snapshots(ws, ws.now())
        for file in files:
            file.unlink()
    return [replace(finding, removed=True) for finding in findings]
