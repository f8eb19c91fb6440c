"""Bring what was posted over the API into the canonical tables."""

from contextlib import closing

import pandas as pd

from features.ingest import ingest
from features.logs.events import logged
from features.logs.product_changes import (
    TEXTS,
    ProductChanges,
)
from features.schema import RetailDataset, empty
from features.tables import generation, read_table
from features.workspace import Workspace


def absorb_events(ws: Workspace) -> int:
    """Bring the log's new orders, refunds and events into the tables; return the lines added.

    Take the cut of a snapshot before this call: what is recorded later is then overlaid.
    """
    lines, events = logged(ws, "order_lines"), logged(ws, "events")
    if events.empty:
        return 0
    kept = {str(kind): int(n) for kind, n in lines["line_type"].value_counts().items()}
    dataset = RetailDataset(
        source="event log", order_lines=lines, events=events, read=len(lines), kept=kept, dropped={}
    )
    return sum(ingest(ws, dataset, from_log=True).kept.values())


def absorb_products(ws: Workspace) -> int:
    """Bring what was said of titles and categories into the table; return the versions added.

    Each is valid from when it was recorded. A product that nobody knew stands from when anything
    was first said of it. Take the cut of a snapshot before this call.
    """
    if not ws.product_changes_db.exists():
        return 0
    until = ws.now()
    with closing(ProductChanges(ws.product_changes_db)) as log:
        stands = empty("products") if generation(ws) is None else read_table(ws, "products")
        fresh = _fresh(log.versions(until), stands)
        if len(fresh):
            dataset = RetailDataset(
                source="product changes",
                order_lines=empty("order_lines"),
                products=fresh,
                read=0,
                kept={},
                dropped={},
            )
            ingest(ws, dataset, from_log=True)
        log.forget(until)  # the table holds them
    return len(fresh)


def _fresh(told: pd.DataFrame, stands: pd.DataFrame) -> pd.DataFrame:
    """Return the versions that `told` adds to those that stand: what is not said of, goes on."""
    key, texts = ["product_id", "valid_from"], ["parent_product_id", *TEXTS]
    stands = stands[stands["product_id"].isin(told["product_id"])].astype(
        dict.fromkeys(texts, object)
    )
    known = stands.assign(told=False).fillna(dict.fromkeys(texts, ""))  # known to be nothing
    said = told.assign(parent_product_id=None, told=True)
    versions = pd.concat([known, said[known.columns]], ignore_index=True)
    versions = versions.drop_duplicates(key).sort_values(key, ignore_index=True)
    goes_on = versions.groupby("product_id")[texts].ffill().fillna("")
    changed = (goes_on != goes_on.groupby(versions["product_id"]).shift()).any(axis=1)
    fresh = versions[key].join(goes_on.replace("", None))[versions["told"] & changed]
    return fresh[stands.columns].astype(empty("products").dtypes)
