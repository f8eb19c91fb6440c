"""The one client of the feature store: training frames, materialize, online rows.

It closes what Feast leaves open: no row is lost or reordered, nothing that was recorded later is
read, staleness shows in the row's own time, one writer puts the newest row online.
"""

import atexit
import json
import sqlite3
import warnings
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features import snapshots
from features.absorb import absorb_events, absorb_products
from features.customer_row import LAYOUT, ONLINE_VALUE, ONLINE_VIEW, OtherCode, pack, unpack
from features.online.rows import OnlineRows
from features.schema import (
    ACTIVITY_COUNTS,
    ACTIVITY_TIMES,
    SALES_COUNTS,
    SALES_TIMES,
)
from features.workspace import Workspace, WorkspaceError, write_json

PROJECT: Final = "regulars"
_TIMES: Final = ("snapshot_timestamp", *ACTIVITY_TIMES, *SALES_TIMES)
_NUMBERS: Final = (*ACTIVITY_COUNTS, *SALES_COUNTS)
_ONLINE_DB: Final = "online.db"
CUSTOMER_VIEWS: Final = ("customer_activity", "customer_history")
PRODUCT_VIEWS: Final = ("product_sales", "product_catalog")
_ROW: Final = "entity_row"


class FeatureClient:
    """Reads and writes the features of a workspace through Feast.

    Online reads need `ws.feast` alone, so that a Bento carries this folder and no snapshots.
    """

    def __init__(self, ws: Workspace) -> None:
        from feast import FeatureStore, RepoConfig

        # Importing Feast shows every deprecation; this one is between Ibis 12 and DuckDB 2.
        warnings.filterwarnings("ignore", "fetch_arrow_table", DeprecationWarning, "ibis")
        self.ws = ws
        self._store = FeatureStore(config=RepoConfig(repo_path=ws.feast, **_settings(ws)))
        self._online = OnlineRows(self._store, ws.feast / _ONLINE_DB)

    def apply(self) -> None:
        """Register the Feast objects, and write the settings that Feast's own CLI and UI read."""
        from features.feature_repo.definitions import build

        with self.ws.lock("feast"):
            self.ws.feast.mkdir(parents=True, exist_ok=True)
            self._store.apply(build(self.ws.home))
            # JSON is YAML
            write_json(self.ws.feast / "feature_store.yaml", _settings(self.ws))

    def customers(self, entities: pd.DataFrame, *, service: str = "recommender_v1") -> pd.DataFrame:
        """Return the customer features of `service` for `entities`, a row a row in their order.

        `entities` has columns `customer_id` and `event_timestamp` (UTC); each row gets the latest
        snapshot at or before its time, named by `snapshot_timestamp`. A customer that was not
        known then has nulls. Raises ValueError for a null id or a time before the first snapshot.
        """
        if entities["customer_id"].isna().any():
            raise ValueError("entities: a customer_id is null; every row needs one")
        refs = self._refs(service, CUSTOMER_VIEWS)
        return self._historical(entities[["customer_id", "event_timestamp"]], refs)

    def products(self, at: pd.Timestamp) -> pd.DataFrame:
        """Return all product features of every product known before the snapshot at `at`, by id.

        The latest snapshot at or before `at` (UTC) is read, named by `snapshot_timestamp`: from
        its files, since a whole view at its own time leaves Feast nothing to join.
        """
        found = self._snapshot_of(pd.Series([at]), PRODUCT_VIEWS[0]).iloc[0]
        sales, catalog = (
            pq.read_table(snapshots.standing(self.ws, view)[found])
            .to_pandas(types_mapper=_nullable)
            .drop(columns=["event_timestamp", "created_timestamp"])
            for view in PRODUCT_VIEWS
        )
        rows = sales.merge(catalog, on="product_id", how="outer").sort_values("product_id")
        return _typed(rows.reset_index(drop=True)).assign(
            event_timestamp=at.as_unit("us"), snapshot_timestamp=found.as_unit("us")
        )

    def materialize(self, as_of: pd.Timestamp) -> None:
        """Put the customers and products as of `as_of` (UTC) where serving reads them.

        Takes in the event log and what was said of products, and builds the snapshots first. The
        same cut of the same rows changes nothing; a cut before the one that stands, or after
        `ws.now()`, raises WorkspaceError.
        """
        ws = self.ws
        if as_of > ws.now():
            raise WorkspaceError(f"as_of = {as_of}: the workspace's clock stands at {ws.now()}")
        absorb_events(ws)
        absorb_products(ws)
        snapshots.build(ws, as_of=as_of)
        self.apply()
        with ws.lock("online"):
            files = {view: snapshots.standing(ws, view)[as_of] for view in CUSTOMER_VIEWS}
            digest = snapshots.built_from(files[CUSTOMER_VIEWS[0]])
            code = f"{snapshots.CODE_VERSION}, rows {LAYOUT}"
            made = {"as_of": as_of.isoformat(), "digest": digest, "code": code}
            current = _current(ws)
            if current is not None:
                stands = pd.Timestamp(current["as_of"])
                if stands > as_of:
                    raise WorkspaceError(
                        f"as_of = {as_of}: the online store stands at {stands} already, and the "
                        f"newest wins; remove {ws.online} and {ws.feast} to begin again"
                    )
                if current == {**made, "products": current["products"]}:
                    return
            self._put_online(files)
            name = f"products-{snapshots.stamp(as_of)}-{digest[:8]}.parquet"
            table = pa.Table.from_pandas(self.products(as_of), preserve_index=False)
            snapshots.write_parquet(ws.online / name, table)
            write_json(ws.online / "current.json", {**made, "products": name})
            kept = {name, current["products"] if current else name}
            for path in ws.online.glob("products-*.parquet"):
                if path.name not in kept:
                    path.unlink()

    def _put_online(self, files: Mapping[str, Path]) -> None:
        """Write the customers of both views' snapshot `files`, packed, in one transaction."""
        activity, history = (
            pq.read_table(files[view]).to_pandas(types_mapper=_nullable) for view in CUSTOMER_VIEWS
        )
        keys = ["customer_id", "event_timestamp", "created_timestamp"]
        rows = activity.merge(history.drop(columns=keys[1:]), on="customer_id", how="left")
        packed = rows[keys].assign(**{ONLINE_VALUE: pack(rows, code=snapshots.CODE_VERSION)})
        table = pa.Table.from_pandas(packed, preserve_index=False)
        snapshots.write_parquet(self.ws.online / f"{ONLINE_VIEW}.parquet", table)
        with closing(sqlite3.connect(self.ws.feast / _ONLINE_DB)) as database:
            database.execute("PRAGMA journal_mode = WAL")  # whoever reads does not wait for this
        self._store.write_to_online_store(ONLINE_VIEW, df=packed)

    def online_customer(self, customer_id: str) -> dict[str, Any] | None:
        """Return the customer's stored row (features.customer_row); None for an unknown one.

        `snapshot_timestamp` is the time of its snapshot: nothing here says whether that is fresh.
        Raises WorkspaceError for a row that other code wrote, and what Feast raises where the
        store cannot be read; the next call tries anew.
        """
        if not customer_id:
            raise ValueError(f"customer_id = {customer_id!r}: a customer has a non-empty id")
        value = self._online.read(customer_id)
        if value is None:
            return None
        try:
            return unpack(value, code=snapshots.CODE_VERSION)
        except OtherCode as error:
            raise WorkspaceError(
                f"{self.ws.feast}: other code wrote the rows ({error}); "
                "run `python -m features materialize`"
            ) from error

    def online_ids(self, count: int) -> list[str]:
        """Return at most `count` of the customers that `materialize` put online, evenly apart."""
        file = self.ws.online / f"{ONLINE_VIEW}.parquet"
        if not file.exists():
            return []
        ids = pq.read_table(file, columns=["customer_id"])["customer_id"]
        places = np.linspace(0, len(ids) - 1, min(count, len(ids)), dtype=np.int64)
        return [str(name) for name in ids.take(places).to_pylist()]

    def _refs(self, service: str, views: tuple[str, ...]) -> list[str]:
        projections = self._store.get_feature_service(service).feature_view_projections
        return [
            f"{projection.name}:{feature.name}"
            for projection in projections
            if projection.name in views
            for feature in projection.features
        ]

    def _historical(self, entities: pd.DataFrame, refs: list[str]) -> pd.DataFrame:
        """Return `entities` with `refs`, in their order, as they stood at each one's snapshot.

        Feast is asked at the snapshots' own times, where its offline TTL (which the online store
        does not know) takes nothing away; the times asked for are then put back.
        """
        entities = entities.reset_index(drop=True)
        times = entities["event_timestamp"]
        view = refs[0].partition(":")[0]
        asked = entities.assign(event_timestamp=self._snapshot_of(times, view))
        asked[_ROW] = np.arange(len(asked))
        found: pa.Table = self._store.get_historical_features(
            entity_df=asked, features=refs, filter_by_created_timestamp=True
        ).to_arrow()
        rows: pd.DataFrame = found.sort_by(_ROW).to_pandas()
        if not np.array_equal(rows[_ROW], np.arange(len(entities))):
            raise RuntimeError(f"Feast gave {len(rows)} rows for {len(entities)} entities")
        return _typed(rows.drop(columns=_ROW)).assign(event_timestamp=times)

    def _snapshot_of(self, times: pd.Series, view: str) -> pd.Series:
        """Return for each time the latest snapshot at or before it."""
        standing = pd.DatetimeIndex(snapshots.standing(self.ws, view)).as_unit("us")
        places = standing.searchsorted(pd.DatetimeIndex(times), side="right") - 1
        if len(times) and places.min() < 0:
            raise ValueError(
                f"event_timestamp = {times.min()}: before the first snapshot; build an earlier one"
            )
        return pd.Series(standing[places], index=times.index)


def online_products(ws: Workspace) -> tuple[pd.Timestamp, pd.DataFrame]:
    """Return the products that materialize made for serving, sorted by id, and their time (UTC).

    Raises WorkspaceError where nothing was materialized.
    """
    current = _current(ws)
    if current is None:
        raise WorkspaceError(f"nothing in {ws.online}: run `python -m features materialize` first")
    rows = pq.read_table(ws.online / current["products"]).to_pandas()
    return pd.Timestamp(current["as_of"]).as_unit("us"), rows


def _settings(ws: Workspace) -> dict[str, Any]:
    """Return Feast's settings, with absolute paths: the DuckDB store joins none to the repo's."""
    return {
        "project": PROJECT,
        "provider": "local",
        "registry": {
            "registry_store_type": "features.online.feast_registry.DurableRegistryStore",
            "path": str(ws.feast / "registry.db"),
            "cache_ttl_seconds": 0,  # never read again: `apply` renews it in its own process
        },
        "offline_store": {"type": "duckdb"},
        "online_store": {"type": "sqlite", "path": str(ws.feast / _ONLINE_DB)},
        "entity_key_serialization_version": 3,
    }


def _current(ws: Workspace) -> dict[str, str] | None:
    try:
        current: dict[str, str] = json.loads((ws.online / "current.json").read_text())
    except FileNotFoundError:
        return None
    return current


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


def _nullable(kind: pa.DataType) -> Any:
    """Keep integers with nulls integers."""
    return pd.Int64Dtype() if kind == pa.int64() else None


@atexit.register
def _close() -> None:
    """Close the connection that Feast keeps open in Ibis: at exit DuckDB reports it as leaked."""
    if ibis.options.default_backend is not None:
        ibis.options.default_backend.disconnect()
        ibis.options.default_backend = None
