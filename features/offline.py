"""Offline features: training frames, point in time.

It guarantees what Feast does not: no row is lost or reordered, no row recorded later is read, and
each row shows the time of its snapshot.
"""

from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from configs.parquet_files import read_parquet
from features import snapshots
from features.customer_features import ACTIVITY_COUNTS, ACTIVITY_TIMES
from features.feast_store import open_store
from features.product_features import SALES_COUNTS, SALES_TIMES
from features.views import CUSTOMER_VIEWS, PRODUCT_VIEWS
from features.workspace import Workspace

_TIMES: Final = ("snapshot_timestamp", *ACTIVITY_TIMES, *SALES_TIMES)
_NUMBERS: Final = (*ACTIVITY_COUNTS, *SALES_COUNTS)
_ROW: Final = "entity_row"
REBUILT: Final = "run `python -m features build` again: it builds what is damaged"


class OfflineFeatures:
    """Reads the snapshots of a workspace; customers through Feast, after `register`."""

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws

    @cached_property
    def _store(self) -> Any:
        return open_store(self.ws)

    def customers(self, entities: pd.DataFrame, *, service: str = "recommender_v1") -> pd.DataFrame:
        """Return the customer features of `service` for `entities`, one row each, in order.

        `entities` has columns `customer_id` and `event_timestamp` (UTC); each row gets the latest
        snapshot at or before its time, given by `snapshot_timestamp`. A customer unknown at that
        time has nulls. Raises ValueError for a null id or a time before the first snapshot.
        """
        if entities["customer_id"].isna().any():
            raise ValueError("entities: a customer_id is null; every row needs one")
        refs = self._refs(service, CUSTOMER_VIEWS)
        return self._historical(entities[["customer_id", "event_timestamp"]], refs)

    def products(self, at: pd.Timestamp) -> pd.DataFrame:
        """Return all product features of every product known before the snapshot at `at`, by id.

        Reads the files of the latest snapshot at or before `at` (UTC), without Feast, because
        nothing has to be joined. `snapshot_timestamp` is its time.
        """
        snapshot = self._snapshots(pd.Series([at]), PRODUCT_VIEWS[0]).iloc[0]
        sales, catalog = (
            read_parquet(snapshots.files_of(self.ws, view)[snapshot], otherwise=REBUILT)
            .to_pandas(types_mapper=nullable)
            .drop(columns=["event_timestamp", "created_timestamp"])
            for view in PRODUCT_VIEWS
        )
        rows = sales.merge(catalog, on="product_id", how="outer").sort_values("product_id")
        return _typed(rows.reset_index(drop=True)).assign(
            event_timestamp=at.as_unit("us"), snapshot_timestamp=snapshot.as_unit("us")
        )

    def _refs(self, service: str, views: tuple[str, ...]) -> list[str]:
        projections = self._store.get_feature_service(service).feature_view_projections
        return [
            f"{projection.name}:{feature.name}"
            for projection in projections
            if projection.name in views
            for feature in projection.features
        ]

    def _historical(self, entities: pd.DataFrame, refs: list[str]) -> pd.DataFrame:
        """Return `entities`, in order, with the values of `refs` at the snapshot of each.

        Feast reads at the snapshots' own times, where its offline TTL (which the online store
        does not apply) drops nothing; the times of `entities` are then restored.
        """
        entities = entities.reset_index(drop=True)
        times = entities["event_timestamp"]
        view = refs[0].partition(":")[0]
        at_snapshots = entities.assign(event_timestamp=self._snapshots(times, view))
        at_snapshots[_ROW] = np.arange(len(at_snapshots))
        joined: pa.Table = self._store.get_historical_features(
            entity_df=at_snapshots, features=refs, filter_by_created_timestamp=True
        ).to_arrow()
        rows: pd.DataFrame = joined.sort_by(_ROW).to_pandas()
        if not np.array_equal(rows[_ROW], np.arange(len(entities))):
            raise RuntimeError(f"Feast returned {len(rows)} rows for {len(entities)} entities")
        return _typed(rows.drop(columns=_ROW)).assign(event_timestamp=times)

    def _snapshots(self, times: pd.Series, view: str) -> pd.Series:
        """Return for each time the latest snapshot at or before it."""
        available = pd.DatetimeIndex(snapshots.files_of(self.ws, view)).as_unit("us")
        places = available.searchsorted(pd.DatetimeIndex(times), side="right") - 1
        if len(times) and places.min() < 0:
            raise ValueError(
                f"event_timestamp = {times.min()}: before the first snapshot; build an earlier one"
            )
        return pd.Series(available[places], index=times.index)


def nullable(kind: pa.DataType) -> Any:
    """Return the pandas type of integers with nulls for integers, None for any other type."""
    return pd.Int64Dtype() if kind == pa.int64() else None


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return `rows` with times (stored in microseconds) as UTC times and measures as floats."""
    times = {
        name: pd.to_datetime(rows[name].astype("Int64"), unit="us", utc=True).dt.as_unit("us")
        for name in rows.columns.intersection([*_TIMES])
    }
    numbers = {
        name: rows[name].astype("float64") for name in rows.columns.intersection([*_NUMBERS])
    }
    return rows.assign(**times, **numbers)
