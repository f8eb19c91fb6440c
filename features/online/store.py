"""The online store: the customers and products that serving reads, written by `materialize`."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from features.customer_row import ONLINE_VIEW, OtherCode, unpack
from features.feast_store import ONLINE_DB, open_store
from features.online.rows import OnlineRows
from features.workspace import Workspace, WorkspaceError


class OnlineStore:
    """The customers that `materialize` wrote, one Feast row each.

    Reads need only `ws.feast`, so that a Bento contains this folder and no snapshots.
    """

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._rows = OnlineRows(open_store(ws), ws.feast / ONLINE_DB)

    def online_customer(self, customer_id: str) -> dict[str, Any] | None:
        """Return the customer's stored row (features.customer_row); None for an unknown one.

        `snapshot_timestamp` is the time of its snapshot, which may be stale. Raises WorkspaceError
        for a row that other code wrote, and Feast's errors when the store cannot be read; the next
        call tries again.
        """
        if not customer_id:
            raise ValueError(f"customer_id = {customer_id!r}: a customer has a non-empty id")
        value = self._rows.read(customer_id)
        if value is None:
            return None
        try:
            return unpack(value)
        except OtherCode as error:
            raise WorkspaceError(
                f"{self._ws.feast}: other code wrote the rows ({error}); "
                "run `python -m features materialize`"
            ) from error

    def online_ids(self, count: int) -> list[str]:
        """Return at most `count` of the stored customers, evenly spaced in order of their ids.

        Empty if `ws.online` is missing.
        """
        file = self._ws.online / f"{ONLINE_VIEW}.parquet"
        if not file.exists():
            return []
        ids = pq.read_table(file, columns=["customer_id"])["customer_id"]
        places = np.linspace(0, len(ids) - 1, min(count, len(ids)), dtype=np.int64)
        return [str(name) for name in ids.take(places).to_pylist()]


def online_products(ws: Workspace) -> tuple[pd.Timestamp, pd.DataFrame]:
    """Return the products that `materialize` wrote, sorted by id, and their time (UTC).

    Raises WorkspaceError if nothing was materialized.
    """
    current = current_cut(ws)
    if current is None:
        raise WorkspaceError(f"nothing in {ws.online}: run `python -m features materialize` first")
    rows = pq.read_table(ws.online / current["products"]).to_pandas()
    return pd.Timestamp(current["as_of"]).as_unit("us"), rows


def current_cut(ws: Workspace) -> dict[str, str] | None:
    """Return the entry of the last `materialize`; None if nothing was materialized."""
    try:
        current: dict[str, str] = json.loads((ws.online / "current.json").read_text())
    except FileNotFoundError:
        return None
    return current
