"""Materialize: write the features of one cut to the online store. One writer."""

import logging
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from configs.database_checks import check_file
from configs.json_files import write_json
from configs.parquet_files import is_intact, read_parquet, write_parquet
from features import snapshots
from features.absorb import absorb
from features.baskets import files as basket_files
from features.baskets.rules import mine
from features.customer_row import ONLINE_VALUE, ONLINE_VIEW, ROW_CODE, pack
from features.feast_store import ONLINE_DB, open_store, register
from features.logs.stamps import MAX_LEAD
from features.offline import REBUILT, OfflineFeatures, nullable
from features.online.rows import ONLINE_TABLE, is_stored_intact
from features.online.store import CURRENT, Cut, current_cut
from features.views import CUSTOMER_VIEWS
from features.workspace import Workspace, WorkspaceError

logger: Final = logging.getLogger(__name__)
_CUSTOMERS: Final = f"{ONLINE_VIEW}.parquet"
REPAIRING: Final = ".repairing"
"""In a workspace while the logs and the tables may disagree about when an event was recorded."""


def materialize(ws: Workspace, as_of: pd.Timestamp) -> None:
    """Write the customers, products and basket rules as of `as_of` (UTC) to the online store.

    Ingests the event log and the product changes, and builds the snapshots first. The same cut of
    the same rows changes nothing, unless the store was damaged. Raises WorkspaceError for a cut
    before the current one, or after `ws.now()`. A current cut that leads the clock by MAX_LEAD at
    most gives way: the clock was set back a little.
    """
    with ws.lock("online"):
        now = ws.now()
        if as_of > now:
            raise WorkspaceError(f"as_of = {as_of}: the workspace's clock stands at {now}")
        if (ws.home / REPAIRING).exists():
            raise WorkspaceError(
                f"a repair of {ws.home} was interrupted: run `python -m features repair --apply`"
            )
        _check_order(ws, as_of, now=now)
        write_cut(ws, as_of)


def _check_order(ws: Workspace, as_of: pd.Timestamp, *, now: pd.Timestamp) -> None:
    """Raise WorkspaceError if the current cut is later than `as_of`."""
    current = current_cut(ws)
    if current is None or current.as_of <= as_of:
        return
    if current.as_of > now + MAX_LEAD:
        raise WorkspaceError(
            f"the online store holds a cut of {current.as_of}, but the workspace's clock stands at "
            f"{now}: if the clock is wrong now, set it; if it was wrong then, run "
            "`python -m features repair`"
        )
    if current.as_of <= now or current.as_of - as_of > MAX_LEAD:
        raise WorkspaceError(
            f"as_of = {as_of}: the online store already holds the later cut {current.as_of}; "
            f"remove {ws.online} and {ws.feast} to start again"
        )


def write_cut(ws: Workspace, as_of: pd.Timestamp) -> None:
    """Build and write the cut `as_of`, whatever the current one is. Hold `ws.lock("online")`."""
    absorbed = absorb(ws)
    snapshots.build(ws, as_of=as_of, paths=absorbed.tables.paths)
    rebuilt = _remove_damaged(ws.feast / ONLINE_DB)
    register(ws)
    files = {view: snapshots.files_of(ws, view)[as_of] for view in CUSTOMER_VIEWS}
    digest = snapshots.built_from(files[CUSTOMER_VIEWS[0]])
    name = f"products-{snapshots.stamp(as_of)}-{digest[:8]}.parquet"
    baskets = basket_files.names_of(f"{snapshots.stamp(as_of)}-{digest[:8]}")
    cut = Cut(
        as_of=as_of,
        digest=digest,
        code=ROW_CODE,
        products=name,
        events=absorbed.events,
        changes=absorbed.changes,
        baskets=baskets,
    )
    current = current_cut(ws)
    if current == cut and not rebuilt and _all_intact(ws, (name, *baskets.values())):
        return
    _write_customers(ws, files, log_sequence=cut.events, wal=not rebuilt)
    table = pa.Table.from_pandas(OfflineFeatures(ws).products(as_of), preserve_index=False)
    write_parquet(ws.online / name, table)
    lines = snapshots.known_order_lines(ws, as_of, paths=absorbed.tables.paths)
    basket_files.write(ws.online, baskets, mine(lines))
    write_json(ws.online / CURRENT, cut.to_json())
    needed = {name, *baskets.values()}
    if current:
        needed |= {current.products, *current.baskets.values()}
    for kind in ("products", *basket_files.KINDS):
        for path in ws.online.glob(f"{kind}-*.parquet"):
            if path.name not in needed:
                path.unlink()


def _remove_damaged(database: Path) -> bool:
    """Remove the online store's file, which is all derived, and return True if it is damaged."""
    try:
        check_file(database)
    except sqlite3.DatabaseError as error:
        logger.warning("%s: its rows are written anew", error)
        for suffix in ("", "-wal", "-shm"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)
        check_file(database)  # forgets the finding: the new file may get the number of the old one
        return True
    return False


def _all_intact(ws: Workspace, names: Iterable[str]) -> bool:
    """Return whether the current cut's files, and all of its rows, are as they were written."""
    if not all(_is_whole(ws.online / name) for name in (*names, _CUSTOMERS)):
        return False
    count = 0
    with closing(sqlite3.connect(ws.feast / ONLINE_DB)) as database:
        for (value,) in database.execute(f"SELECT value FROM {ONLINE_TABLE}"):
            if not is_stored_intact(value):
                return False
            count += 1
    expected: int = pq.read_metadata(ws.online / _CUSTOMERS).num_rows
    return count >= expected


def _is_whole(file: Path) -> bool:
    return file.exists() and is_intact(file.read_bytes()) is not False


def _write_customers(
    ws: Workspace, files: Mapping[str, Path], *, log_sequence: int, wal: bool
) -> None:
    """Write the customers of both views' snapshot `files`, packed, in one transaction.

    Without `wal`, a process that still holds the file that was here before removes no log of the
    new one when it closes it.
    """
    activity, history = (
        read_parquet(files[view], otherwise=REBUILT).to_pandas(types_mapper=nullable)
        for view in CUSTOMER_VIEWS
    )
    keys = ["customer_id", "event_timestamp", "created_timestamp"]
    rows = activity.merge(history.drop(columns=keys[1:]), on="customer_id", how="left")
    packed = rows[keys].assign(**{ONLINE_VALUE: pack(rows, log_sequence=log_sequence)})
    table = pa.Table.from_pandas(packed, preserve_index=False)
    write_parquet(ws.online / _CUSTOMERS, table)
    with closing(sqlite3.connect(ws.feast / ONLINE_DB)) as database:
        mode = "WAL" if wal else "DELETE"
        database.execute(
            f"PRAGMA journal_mode = {mode}"
        )  # WAL: readers do not wait for this transaction
    if len(packed):  # none in a shop of guests alone
        open_store(ws).write_to_online_store(ONLINE_VIEW, df=packed)
