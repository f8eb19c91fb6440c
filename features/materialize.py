"""Materialize: write the features of one cut to the online store. One writer."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features import snapshots
from features.absorb import absorb_events, absorb_products
from features.customer_row import ONLINE_VALUE, ONLINE_VIEW, ROW_CODE, pack
from features.feast_store import ONLINE_DB, open_store, register
from features.offline import OfflineFeatures, nullable
from features.online.store import current_cut
from features.views import CUSTOMER_VIEWS
from features.workspace import Workspace, WorkspaceError, write_json


def materialize(ws: Workspace, as_of: pd.Timestamp) -> None:
    """Write the customers and products as of `as_of` (UTC) to the online store.

    Ingests the event log and the product changes, and builds the snapshots first. The same cut of
    the same rows changes nothing. Raises WorkspaceError for a cut before the current one, or after
    `ws.now()`.
    """
    if as_of > ws.now():
        raise WorkspaceError(f"as_of = {as_of}: the workspace's clock stands at {ws.now()}")
    absorb_events(ws)
    absorb_products(ws)
    snapshots.build(ws, as_of=as_of)
    register(ws)
    with ws.lock("online"):
        files = {view: snapshots.files_of(ws, view)[as_of] for view in CUSTOMER_VIEWS}
        digest = snapshots.built_from(files[CUSTOMER_VIEWS[0]])
        cut = {"as_of": as_of.isoformat(), "digest": digest, "code": ROW_CODE}
        current = current_cut(ws)
        if current is not None:
            current_as_of = pd.Timestamp(current["as_of"])
            if current_as_of > as_of:
                raise WorkspaceError(
                    f"as_of = {as_of}: the online store already holds the later cut "
                    f"{current_as_of}; remove {ws.online} and {ws.feast} to start again"
                )
            if current == {**cut, "products": current["products"]}:
                return
        _write_customers(ws, files)
        name = f"products-{snapshots.stamp(as_of)}-{digest[:8]}.parquet"
        table = pa.Table.from_pandas(OfflineFeatures(ws).products(as_of), preserve_index=False)
        snapshots.write_parquet(ws.online / name, table)
        write_json(ws.online / "current.json", {**cut, "products": name})
        needed = {name, current["products"] if current else name}
        for path in ws.online.glob("products-*.parquet"):
            if path.name not in needed:
                path.unlink()


def _write_customers(ws: Workspace, files: Mapping[str, Path]) -> None:
    """Write the customers of both views' snapshot `files`, packed, in one transaction."""
    activity, history = (
        pq.read_table(files[view]).to_pandas(types_mapper=nullable) for view in CUSTOMER_VIEWS
    )
    keys = ["customer_id", "event_timestamp", "created_timestamp"]
    rows = activity.merge(history.drop(columns=keys[1:]), on="customer_id", how="left")
    packed = rows[keys].assign(**{ONLINE_VALUE: pack(rows)})
    table = pa.Table.from_pandas(packed, preserve_index=False)
    snapshots.write_parquet(ws.online / f"{ONLINE_VIEW}.parquet", table)
    with closing(sqlite3.connect(ws.feast / ONLINE_DB)) as database:
        database.execute("PRAGMA journal_mode = WAL")  # readers do not wait for this transaction
    if len(packed):  # none in a shop of guests alone
        open_store(ws).write_to_online_store(ONLINE_VIEW, df=packed)
