"""The views of a snapshot, and their rows at given times: the code that CODE_VERSION digests."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import duckdb
import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.expr.types import Table

from configs.duck import parquet
from features.customer_history import customer_history
from features.point_in_time import unix_microseconds
from features.transforms import customer_activity, product_catalog, product_sales

VIEWS: Final = {
    "customer_activity": "customer_id",
    "customer_history": "customer_id",
    "product_sales": "product_id",
    "product_catalog": "product_id",
}
"""View -> the id column of its rows."""
CUSTOMER_VIEWS: Final = ("customer_activity", "customer_history")
PRODUCT_VIEWS: Final = ("product_sales", "product_catalog")
READ: Final = ("order_lines", "customers", "products")
"""The canonical tables that views are computed from."""
_CUT: Final = pa.timestamp("us", tz="UTC")
_CUTS: Final = ibis.Schema.from_pyarrow(pa.schema({"cut": _CUT}))


def compute(
    con: duckdb.DuckDBPyConnection, paths: Mapping[str, Path], view: str,
    times: Sequence[pd.Timestamp],
) -> Iterator[tuple[pd.Timestamp, pa.Table]]:  # fmt: skip
    """Yield each time with the rows of `view`, sorted by id; feature times are microseconds.

    `con` comes from `configs.duck.connect`, and holds READ and `cuts` afterwards; `paths` holds the
    Parquet file of each table in READ. Until an order is corrected its former lines count, so that
    the times between two corrections are computed together.
    """
    replaced = paths.get("replaced_lines")
    query = _query(view, tuple((name, _schema(paths[name])) for name in READ))
    for corrected, part in _between_corrections(con, replaced, times):
        for name in READ:
            put_table(con, paths, name, corrected=corrected)
        yield from _computed(con, query, part)


def put_table(
    con: duckdb.DuckDBPyConnection, paths: Mapping[str, Path], name: str, *,
    corrected: pd.Timestamp | None, view: str | None = None,
) -> None:  # fmt: skip
    """Make the canonical table `name` a view of `con`, under its name or as `view`.

    `order_lines` has the former lines of orders that were corrected at `corrected` (UTC) or later.
    """
    rows, replaced = f"FROM {parquet(paths[name])}", paths.get("replaced_lines")
    if name == "order_lines" and replaced is not None and corrected is not None:
        rows += (
            " UNION ALL BY NAME SELECT * EXCLUDE replaced_timestamp FROM "
            f"{parquet(replaced)} WHERE replaced_timestamp >= '{corrected.isoformat()}'"
        )
    con.execute(f"CREATE OR REPLACE TEMP VIEW {view or name} AS {rows}")


def _between_corrections(
    con: duckdb.DuckDBPyConnection, replaced: Path | None, times: Sequence[pd.Timestamp]
) -> Iterator[tuple[pd.Timestamp | None, Sequence[pd.Timestamp]]]:
    """Yield `times` in parts: those up to each correction, with its time; the last without."""
    if replaced is None:
        yield None, times
        return
    found = con.execute(f"SELECT DISTINCT replaced_timestamp FROM {parquet(replaced)} ORDER BY 1")
    moments = found.df()["replaced_timestamp"].dt.as_unit("us")
    for start, end in pairwise([None, *moments, None]):
        part = [t for t in times if (start is None or start < t) and (end is None or t <= end)]
        if part:
            yield end, part


def _computed(
    con: duckdb.DuckDBPyConnection, query: "_Query", times: Sequence[pd.Timestamp]
) -> Iterator[tuple[pd.Timestamp, pa.Table]]:
    """Yield each of `times`, between which no correction falls, with its rows of the view."""
    con.register("cuts", pa.table({"cut": pa.array(times, _CUT)}))
    table = con.sql(query.sql).to_arrow_table().cast(query.schema)
    stamps = table["event_timestamp"].to_numpy()
    for time in times:
        moment = time.tz_localize(None).to_datetime64()
        start, end = (int(np.searchsorted(stamps, moment, side)) for side in ("left", "right"))
        yield time, table.slice(start, end - start)


@dataclass(frozen=True, kw_only=True)
class _Query:
    """What a view is computed by, from the tables READ and `cuts`."""

    sql: str
    schema: pa.Schema


@cache
def _query(view: str, schemas: tuple[tuple[str, ibis.Schema], ...]) -> _Query:
    """Return the query of `view` in DuckDB's SQL, compiled once a process."""
    tables = {name: ibis.table(schema, name=name) for name, schema in schemas}
    rows = _rows(view, tables, ibis.table(_CUTS, name="cuts"))
    stored = {
        name: unix_microseconds(rows[name])
        for name, kind in rows.schema().items()
        if kind.is_timestamp() and name not in ("event_timestamp", "created_timestamp")
    }
    rows = rows.mutate(**stored).order_by("event_timestamp", VIEWS[view])
    return _Query(sql=str(ibis.to_sql(rows, dialect="duckdb")), schema=rows.schema().to_pyarrow())


def _schema(path: Path) -> ibis.Schema:
    return ibis.Schema.from_pyarrow(pq.read_schema(path).remove_metadata())


def _rows(view: str, tables: Mapping[str, Table], cuts: Table) -> Table:
    lines = tables["order_lines"]
    if view == "customer_activity":
        rows = customer_activity(lines, cuts, customers=tables["customers"])
        return rows.mutate(snapshot_timestamp=rows.event_timestamp)
    if view == "product_catalog":
        return product_catalog(tables["products"], cuts)
    return {"customer_history": customer_history, "product_sales": product_sales}[view](lines, cuts)
