"""The views of a snapshot, and their rows at given times: the code that CODE_VERSION digests."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
from ibis.expr.types import Table

from configs.paths import exact_pattern
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


def compute(
    con: Any, paths: Mapping[str, Path], view: str, times: Sequence[pd.Timestamp]
) -> Iterator[tuple[pd.Timestamp, pa.Table]]:
    """Yield each time with the rows of `view`, sorted by id; feature times are microseconds.

    `con` is an Ibis connection to DuckDB, `paths` holds the Parquet file of each table in READ.
    Until an order is corrected its former lines count, so that the times between two corrections
    are computed together.
    """
    replaced = paths.get("replaced_lines")
    for corrected, part in _between_corrections(con, replaced, times):
        tables = {name: con.read_parquet(exact_pattern(paths[name])) for name in READ}
        if replaced is not None and corrected is not None:
            former = con.read_parquet(exact_pattern(replaced))
            former = former.filter(former.replaced_timestamp >= corrected)
            lines = tables["order_lines"]
            tables["order_lines"] = lines.union(former.select(*lines.columns))
        yield from _computed(con, tables, view, part)


def _between_corrections(
    con: Any, replaced: Path | None, times: Sequence[pd.Timestamp]
) -> Iterator[tuple[pd.Timestamp | None, Sequence[pd.Timestamp]]]:
    """Yield `times` in parts: those up to each correction, with its time; the last without."""
    if replaced is None:
        yield None, times
        return
    corrections = con.read_parquet(exact_pattern(replaced)).replaced_timestamp
    moments = sorted({pd.Timestamp(each) for each in corrections.execute()})
    for start, end in pairwise([None, *moments, None]):
        part = [t for t in times if (start is None or start < t) and (end is None or t <= end)]
        if part:
            yield end, part


def _computed(
    con: Any, tables: Mapping[str, Table], view: str, times: Sequence[pd.Timestamp]
) -> Iterator[tuple[pd.Timestamp, pa.Table]]:
    """Yield each time with the rows of `view`, from lines that no correction replaced meanwhile."""
    cuts = ibis.memtable(pa.table({"cut": pa.array(times, pa.timestamp("us", tz="UTC"))}))
    rows = _rows(view, tables, cuts)
    stored = {
        name: unix_microseconds(rows[name])
        for name, kind in rows.schema().items()
        if kind.is_timestamp() and name not in ("event_timestamp", "created_timestamp")
    }
    rows = rows.mutate(**stored).order_by("event_timestamp", VIEWS[view])
    table = con.to_pyarrow(rows)
    stamps = table["event_timestamp"].to_numpy()
    for time in times:
        moment = time.tz_localize(None).to_datetime64()
        start, end = (int(np.searchsorted(stamps, moment, side)) for side in ("left", "right"))
        yield time, table.slice(start, end - start)


def _rows(view: str, tables: Mapping[str, Table], cuts: Table) -> Table:
    lines = tables["order_lines"]
    if view == "customer_activity":
        rows = customer_activity(lines, cuts, customers=tables["customers"])
        return rows.mutate(snapshot_timestamp=rows.event_timestamp)
    if view == "product_catalog":
        return product_catalog(tables["products"], cuts)
    return {"customer_history": customer_history, "product_sales": product_sales}[view](lines, cuts)
