"""Ingest a dataset into the workspace's canonical tables: completely or not at all, and once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.logs.events import FIRST_REFUND_LINE, arrivals, new_lines, was_posted
from features.order_versions import order_versions, refuse_corrections
from features.schema import TABLES, TIMES, BadInput, Origin, RetailDataset, empty, validate
from features.tables import (
    generation,
    no_replaced,
    read_replaced,
    read_table,
    remove_leftovers,
    same_rows,
    table_paths,
    write_tables,
)
from features.text_versions import with_new_versions
from features.workspace import Workspace

MOMENT: Final = pd.Timedelta(microseconds=1)
"""What arrives at a clock that stands still became known so long before it: a cut there sees it."""
CORRECTED: Final = "lines of corrected orders: replaced from now on"


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """The number of rows that were read, by result.

    `read` rows of order lines = the sum of `kept` (by line type) + the sum of `dropped` (by
    reason; `already_known` rows were stored before, `already_posted` ones belong to orders that
    are stored as posted). `warnings` counts faults that were mended, `notes` the rows of which
    something was left out. `tables` gives the rows that are now stored, `added` the new ones among
    them.
    """

    source: str
    read: int
    kept: Mapping[str, int]
    dropped: Mapping[str, int]
    warnings: Mapping[str, int]
    tables: Mapping[str, int]
    added: Mapping[str, int]
    generation: str
    notes: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_sum(self.source, self.read, self.kept, self.dropped)


def ingest(
    ws: Workspace, dataset: RetailDataset, *, from_log: bool = False, corrections: bool = False
) -> Reconciliation:
    """Validate `dataset`, merge it with the current tables, and replace them in one step.

    A row that is already stored with the same values is dropped as `already_known`. If a file and
    the event log (`from_log`) both hold an order, it counts once, as it came first; a file with
    other lines corrects it. With `corrections`, the file's version of an order replaces the stored
    one from the workspace's clock on: features at an earlier time still see what was known then.
    Raises BadInput (and changes nothing) if a row breaks the schema, a file's row lies after the
    clock, or a row is already stored with different values; WorkspaceError if the disk fails.

    A log stamps its rows with the workspace's clock, and never earlier than the previous row. If
    the clock was set back, such a row may lie after it, by no more than it was set back.
    """
    _check_sum(dataset.source, dataset.read, dataset.kept, dataset.dropped)
    if dataset.currency not in (None, ws.currency):
        rule = f"the workspace's currency is {ws.currency}, not {dataset.currency}"
        raise BadInput(file=dataset.source, rule=rule)
    now = ws.now()
    for name in TABLES:
        frame = getattr(dataset, name)
        validate(name, frame, origin=dataset.origin(name))
        if not from_log:
            _check_past(name, frame, now=now, origin=dataset.origin(name))
    with ws.lock("tables"):
        current = generation(ws)
        before = {name: empty(name) if current is None else read_table(ws, name) for name in TABLES}
        former = no_replaced() if current is None else read_replaced(table_paths(ws))
        if from_log:
            remaining, replaced = _not_ingested(dataset, before, former), no_replaced()
        else:
            remaining = _not_posted(ws, dataset, before)
            remaining, before["order_lines"], replaced = _corrected(
                remaining, before["order_lines"], arrival=now - MOMENT, allowed=corrections
            )
            remaining = _with_new_versions(remaining, before, arrival=now - MOMENT)
        merged, new = {}, {}
        for name, stored in before.items():
            frame = getattr(remaining, name)
            new[name] = _new_rows(name, stored, frame, origin=dataset.origin(name))
            merged[name] = _append(stored, frame[new[name]])
        if current is None or len(replaced) or any(rows.any() for rows in new.values()):
            current = write_tables(ws, merged, replaced=pd.concat([former, replaced]))
        else:
            remove_leftovers(ws)
    lines = remaining.order_lines[new["order_lines"]]
    known = len(remaining.order_lines) - len(lines)
    return Reconciliation(
        source=dataset.source,
        read=dataset.read,
        kept={str(kind): int(n) for kind, n in lines["line_type"].value_counts().items()},
        dropped=_counted(remaining.dropped, "already_known", known),
        warnings=_counted(dataset.warnings, CORRECTED, len(replaced)),
        notes=dataset.notes,
        tables={name: len(frame) for name, frame in merged.items()},
        added={name: int(rows.sum()) for name, rows in new.items()},
        generation=current,
    )


def _corrected(
    dataset: RetailDataset, stored: pd.DataFrame, *, arrival: pd.Timestamp, allowed: bool
) -> tuple[RetailDataset, pd.DataFrame, pd.DataFrame]:
    """Return `dataset` and the `stored` order lines without what is replaced, and the replaced.

    Lines of `dataset` that are stored are dropped as `already_known`. Those that correct an order,
    or are added to a stored one, became known at the `arrival`; added ones earlier if the file has
    a column of recorded times. Raises BadInput for a correction unless it is `allowed`.
    """
    lines = dataset.order_lines
    if stored.empty or (lines.empty and not dataset.left_out):
        return dataset, stored, no_replaced()
    out = stored["order_id"].isin(dataset.left_out)
    if out.any() and not allowed:
        origin, order = dataset.origin("order_lines"), stored.loc[out, "order_id"].iloc[0]
        raise BadInput(
            file=origin.file,
            column=origin.columns.get("order_id", "order_id"),
            rule=f"the status of order {order!r} leaves it out, but the workspace holds it "
            f"({stored.loc[out, 'order_id'].nunique()} orders are like this): with --corrections "
            "its lines no longer count from now on",
        )
    own = (stored["line_number"] < FIRST_REFUND_LINE) & stored["order_id"].isin(lines["order_id"])
    here = stored[own]
    versions = order_versions(lines, here, numbered=dataset.numbered, complete=allowed)
    if not allowed:
        refuse_corrections(versions, lines, here, origin=dataset.origin("order_lines"))
    late = versions.corrects.copy()
    if "recorded_timestamp" not in dataset.origin("order_lines").columns:
        late |= ~versions.known & lines["order_id"].isin(here["order_id"]).to_numpy(dtype=bool)
    recorded = lines["recorded_timestamp"]
    lines = lines.assign(
        line_number=versions.line_numbers,
        recorded_timestamp=recorded.mask(late & (recorded < arrival), arrival),
    )
    known = int(versions.known.sum())
    changed = replace(
        dataset,
        order_lines=lines[~versions.known],
        dropped=_counted(dataset.dropped, "already_known", known),
    )
    gone = pd.concat([here[versions.replaced], stored[out]])
    return changed, stored.drop(gone.index), gone.assign(replaced_timestamp=arrival)


def _with_new_versions(
    dataset: RetailDataset, before: Mapping[str, pd.DataFrame], *, arrival: pd.Timestamp
) -> RetailDataset:
    """Return `dataset` with changed texts of customers and products valid from the `arrival`.

    Where the file says itself from when a text is valid, nothing changes.
    """
    changed: dict[str, Any] = {
        name: with_new_versions(name, getattr(dataset, name), before[name], arrival=arrival)
        for name in ("customers", "products")
        if "valid_from" not in dataset.origin(name).columns
    }
    return replace(dataset, **changed)


def _counted(counts: dict[str, int], reason: str, count: int) -> dict[str, int]:
    return counts | {reason: counts.get(reason, 0) + count} if count else counts


def _not_posted(
    ws: Workspace, dataset: RetailDataset, before: Mapping[str, pd.DataFrame]
) -> RetailDataset:
    """Return a file's dataset without the orders and events that are stored as posted.

    An order of which the file has other products, quantities or prices is not left out: it is a
    correction.
    """
    if not was_posted(ws):
        return dataset
    lines, events = before["order_lines"], before["events"]
    lines = lines[lines["line_number"] < FIRST_REFUND_LINE]
    lines = lines[lines["order_id"].isin(dataset.order_lines["order_id"])]
    events = events[events["event_id"].isin(dataset.events["event_id"])]
    if lines.empty and events.empty:
        return dataset
    log = arrivals(ws)
    orders, ids = _as_posted("order_id", lines, log), _as_posted("event_id", events, log)
    agreed = _agreed(lines[lines["order_id"].isin(orders)], dataset.order_lines)
    posted = dataset.order_lines["order_id"].isin(agreed)
    return replace(
        dataset,
        order_lines=dataset.order_lines[~posted],
        events=dataset.events[~dataset.events["event_id"].isin(ids)],
        dropped=_counted(dataset.dropped, "already_posted", int(posted.sum())),
    )


def _not_ingested(
    dataset: RetailDataset, before: Mapping[str, pd.DataFrame], former: pd.DataFrame
) -> RetailDataset:
    """Return the log's dataset without the orders and events that are, or were, stored."""
    stored = before["order_lines"]
    lines = new_lines(dataset.order_lines, pd.concat([stored, former[stored.columns]]))
    known = len(dataset.order_lines) - len(lines)
    return replace(
        dataset,
        order_lines=lines,
        events=dataset.events[~dataset.events["event_id"].isin(before["events"]["event_id"])],
        dropped=dataset.dropped | {"already_ingested": known},
    )


def _agreed(posted: pd.DataFrame, lines: pd.DataFrame) -> set[str]:
    """Return the ids of `posted` orders that are the same in `lines`, or of which parts are."""
    content = ["order_id", "product_id", "quantity", "unit_price"]
    first, second = (
        frame[content].assign(copy=frame.groupby(content, dropna=False).cumcount())
        for frame in (posted, lines[lines["order_id"].isin(posted["order_id"])])
    )
    pairs = second.merge(first, how="left", indicator=True)
    other = pairs.loc[pairs["_merge"] == "left_only", "order_id"]
    return set(posted["order_id"]) - set(other)


def _as_posted(key: str, stored: pd.DataFrame, log: pd.DataFrame) -> pd.Series:
    """Return the `stored` ids whose recorded time is their arrival in `log`."""
    both = [key, "recorded_timestamp"]
    return stored[both].merge(log[both], on=both)[key]


def _check_sum(source: str, read: int, kept: Mapping[str, int], dropped: Mapping[str, int]) -> None:
    total = sum(kept.values()) + sum(dropped.values())
    if total != read:
        raise ValueError(f"{source}: {read} rows read, but {total} are kept or dropped")


def _check_past(name: str, frame: pd.DataFrame, *, now: pd.Timestamp, origin: Origin) -> None:
    for column in TIMES[name]:
        late = (frame[column] > now).to_numpy()
        if late.any():
            at = int(late.argmax())
            raise BadInput(
                file=origin.file,
                row=frame.index[at],
                column=origin.columns.get(column, column),
                value=frame[column].iat[at],
                rule=f"not after the workspace's clock, {now.isoformat()}",
            )


def _append(before: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    if before.empty or new.empty:
        return new if before.empty else before
    return pd.concat([before, new], ignore_index=True)


def _new_rows(
    name: str, before: pd.DataFrame, frame: pd.DataFrame, *, origin: Origin
) -> npt.NDArray[np.bool_]:
    """Return which rows of `frame` have keys missing in `before`; BadInput on different values."""
    if before.empty or frame.empty:
        return np.ones(len(frame), dtype=bool)
    key = TABLES[name].unique
    places = before[key].assign(place=np.arange(len(before)))
    place = frame[key].merge(places, on=key, how="left")["place"].to_numpy(dtype=float)
    known: npt.NDArray[np.bool_] = ~np.isnan(place)
    given = frame[known]
    stored = before.iloc[place[known].astype(int)].set_axis(given.index)
    for column in TABLES[name].columns:
        different = ~same_rows(given, stored, [column])
        if different.any():
            at = int(different.argmax())
            names = " and ".join(origin.columns.get(part, part) for part in key)
            value = stored[column].iat[at]
            shown = "nothing" if pd.isna(value) else value
            raise BadInput(
                file=origin.file,
                row=given.index[at],
                column=origin.columns.get(column, column),
                value=given[column].iat[at],
                rule=f"the workspace holds {shown} under the same {names}",
            )
    return ~known
