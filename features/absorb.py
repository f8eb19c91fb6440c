"""Ingest events and product changes, posted over the API, into the canonical tables."""

from contextlib import closing

import pandas as pd

from features.ingest import ingest
from features.logs.events import logged
from features.logs.product_changes import TEXTS, ProductChanges
from features.schema import RetailDataset, empty
from features.tables import generation, read_table
from features.workspace import Workspace


def absorb_events(ws: Workspace) -> int:
    """Ingest the log's new orders, refunds and events; return the number of lines added.

    Take the cut of a snapshot before this call: later events are then added on the request path.
    """
    lines, events = logged(ws, "order_lines"), logged(ws, "events")
    if events.empty:
        return 0
    counts = {str(kind): int(n) for kind, n in lines["line_type"].value_counts().items()}
    dataset = RetailDataset(
        source="event log",
        order_lines=lines,
        events=events,
        read=len(lines),
        kept=counts,
        dropped={},
    )
    return sum(ingest(ws, dataset, from_log=True).kept.values())


def absorb_products(ws: Workspace) -> int:
    """Ingest new titles and categories of products; return the number of versions added.

    Each is valid from its recorded time. A new product is valid from its first change of any
    field. Take the cut of a snapshot before this call.
    """
    if not ws.product_changes_db.exists():
        return 0
    until = ws.now()
    with closing(ProductChanges(ws.product_changes_db)) as log:
        stored = empty("products") if generation(ws) is None else read_table(ws, "products")
        fresh = _new_versions(log.versions(until), stored)
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


def _new_versions(changes: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Return the versions that `changes` adds to `stored`; a null text keeps its last value."""
    key, texts = ["product_id", "valid_from"], ["parent_product_id", *TEXTS]
    stored = stored[stored["product_id"].isin(changes["product_id"])].astype(
        dict.fromkeys(texts, object)
    )
    current = stored.assign(posted=False).fillna(dict.fromkeys(texts, ""))  # "": known to be empty
    added = changes.assign(parent_product_id=None, posted=True)
    versions = pd.concat([current, added[current.columns]], ignore_index=True)
    versions = versions.drop_duplicates(key).sort_values(key, ignore_index=True)
    filled = versions.groupby("product_id")[texts].ffill().fillna("")
    changed = (filled != filled.groupby(versions["product_id"]).shift()).any(axis=1)
    fresh = versions[key].join(filled.replace("", None))[versions["posted"] & changed]
    return fresh[stored.columns].astype(empty("products").dtypes)
