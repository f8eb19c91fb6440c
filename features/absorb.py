"""Ingest events and product changes, posted over the API, into the canonical tables."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from configs.database_files import check_there
from features.ingest import ingest
from features.logs.events import EventLog
from features.logs.product_changes import TEXTS, ProductChanges
from features.schema import RetailDataset, empty
from features.tables import PinnedTables, generation, read_table
from features.workspace import Workspace, WorkspaceError


@dataclass(frozen=True, kw_only=True)
class Absorbed:
    """The tables with what both logs held."""

    tables: PinnedTables
    events: int
    """Sequence of the last event in `tables`; 0 without events."""
    changes: int
    """Sequence of the last product change in `tables`; -1 without changes."""


def absorb(ws: Workspace) -> Absorbed:
    """Ingest both logs, and return the tables that hold them up to the returned sequences exactly.

    Take the cut of a snapshot before this call. What comes later is read from the logs on the
    request path. Raises WorkspaceError if a log is damaged or cannot be read.
    """
    with ws.lock("absorb"):
        _, events = _absorb_events(ws)
        _, changes = _absorb_products(ws)
        return Absorbed(tables=PinnedTables(ws), events=events, changes=changes)


def absorb_events(ws: Workspace) -> int:
    """Ingest the log's new orders, refunds and events; return the number of lines added."""
    with ws.lock("absorb"):
        return _absorb_events(ws)[0]


def absorb_products(ws: Workspace) -> int:
    """Ingest new titles and categories of products; return the number of versions added.

    Each is valid from its recorded time. A new product is valid from its first change of any
    field.
    """
    with ws.lock("absorb"):
        return _absorb_products(ws)[0]


def _absorb_events(ws: Workspace) -> tuple[int, int]:
    """Return the number of lines added, and the sequence of the last event."""
    with _readable(ws.events_db):
        if not check_there(ws.events_db):
            return 0, 0
        with closing(EventLog(ws.events_db)) as log:
            log.check()
            contents = log.contents()
    lines, events = contents.order_lines, contents.events
    if events.empty:
        return 0, 0
    counts = {str(kind): int(n) for kind, n in lines["line_type"].value_counts().items()}
    dataset = RetailDataset(
        source="event log",
        order_lines=lines,
        events=events,
        read=len(lines),
        kept=counts,
        dropped={},
    )
    return sum(ingest(ws, dataset, from_log=True).kept.values()), contents.sequence


def _absorb_products(ws: Workspace) -> tuple[int, int]:
    """Return the number of versions added, and the sequence of the last change."""
    until = ws.now()
    with _readable(ws.product_changes_db), ExitStack() as stack:
        if not check_there(ws.product_changes_db):
            return 0, -1
        log = stack.enter_context(closing(ProductChanges(ws.product_changes_db)))
        log.check()
        sequence = log.sequence()  # before its versions: one that comes between is read again
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
    return len(fresh), sequence


@contextmanager
def _readable(log: Path) -> Iterator[None]:
    """Turn the errors of reading `log` into a WorkspaceError that names it."""
    try:
        yield
    except sqlite3.Error as error:
        named = str(error) if str(log) in str(error) else f"{log}: {error}"
        raise WorkspaceError(named) from error


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
