"""Which rows are order lines: totals, words for empty cells, and cells of the first line only."""

import pandas as pd

from features.inspect.draft import Draft
from features.inspect.lines import Lines
from features.inspect.words import counted, in_words

_ORDER_COLUMNS = (
    "event_timestamp",
    "time_of_day",
    "customer_id",
    "status",
    "currency",
    "channel",
    "store_id",
    "till_id",
    "country",
)
"""Roles that are the same on all lines of an order."""
_TEXTS = ("title", "category")
"""Roles whose cells may be any word."""
_IDS = ("order_id", "product_id", "customer_id")


def total_rows(rows: pd.DataFrame) -> pd.Series:
    """Return whether the first filled cell of each row is a word for a total."""
    return in_words(_first_cells(rows), "total")


def _first_cells(rows: pd.DataFrame) -> pd.Series:
    first = rows.iloc[:, 0]
    for name in rows.columns[1:]:
        if not first.isna().any():
            break
        first = first.fillna(rows[name])
    return first


def without_totals(lines: Lines, draft: Draft) -> Lines:
    """Return the lines without rows of totals; write `totals` into `draft`."""
    first = _first_cells(lines.rows)
    totals = in_words(first, "total")
    if not totals.any():
        return lines
    found = list(dict.fromkeys(first[totals]))
    row = totals.idxmax()
    draft.put("totals", found, f"{counted(int(totals.sum()), 'row')} of totals, such as row {row}")
    needed = [role for role in ("order_id", "product_id", "event_timestamp") if role in lines]
    whole = lines.rows.loc[totals, [lines.roles[role] for role in needed]].notna().all(axis=1)
    if whole.any():
        draft.ask(
            "totals",
            f"row {whole.idxmax()} begins with {first[whole.idxmax()]!r} but is filled in as an "
            "order line: is it a total? Confirm, or remove its word from `totals`",
        )
    return lines.with_rows(lines.rows[~totals])


def without_missing(lines: Lines, draft: Draft) -> Lines:
    """Return the lines with empty cells where a word says so; write `missing` into `draft`."""
    rows = lines.rows.copy(deep=False)
    found: dict[str, tuple[str, object, str]] = {}
    for role, name in lines.roles.items():
        if role in _TEXTS:
            continue
        empty = in_words(rows[name], "missing")
        if not empty.any():
            continue
        for cell in rows.loc[empty, name].unique():
            found.setdefault(str(cell), (role, empty[rows[name] == cell].index[0], name))
    if not found:
        return lines
    draft.put("missing", list(found), "; ".join(_seen(found)))
    doubtful = {cell: seen for cell, seen in found.items() if seen[0] in _IDS}
    if doubtful:
        draft.ask(
            "missing",
            f"{'; '.join(_seen(doubtful))}: is this an empty cell (of a customer: a guest)? "
            "Confirm; if it is an id, move it from `missing` to `real_ids`",
        )
    for name in lines.roles.values():
        rows[name] = rows[name].mask(rows[name].isin(list(found)).fillna(False))
    return lines.with_rows(rows)


def _seen(found: dict[str, tuple[str, object, str]]) -> list[str]:
    return [f"{cell!r} in row {row}, column {name!r}" for cell, (_, row, name) in found.items()]


def filled_down(lines: Lines, draft: Draft) -> Lines:
    """Return the lines with the cells that only an order's first line has; write `fill_down`."""
    if "order_id" not in lines:
        return lines
    rows, names = lines.rows.copy(deep=False), []
    order = lines.roles["order_id"]
    blank = rows[order].isna()
    if blank.any() and not blank.iloc[0]:
        many = counted(int(blank.sum()), "row")
        draft.note("fill_down", f"{many}, such as row {blank.idxmax()}, have no {order!r}")
        rows[order] = rows[order].ffill()
        names.append(order)
    run = _runs(lines.with_rows(rows))
    later = run.duplicated()
    for role in _ORDER_COLUMNS:
        if role not in lines:
            continue
        name = lines.roles[role]
        first = rows[name].notna().groupby(run).transform("first")
        concerned = later & first
        empty = concerned & rows[name].isna()
        if not empty.any():
            continue
        filled = 2 * int(empty.sum()) > int(concerned.sum())
        if not filled or not empty.equals(concerned):
            draft.ask(
                "fill_down",
                f"{name!r} is empty in {_part(empty, concerned)} lines after an order's first, "
                f"such as row {empty.idxmax()}: do they have the first line's value? If so, "
                f"fill_down must contain {name}; else not",
            )
        if filled:
            names.append(name)
            draft.note("fill_down", f"{name!r} is empty in {_part(empty, concerned)} later lines")
            rows[name] = rows.groupby(run)[name].ffill()
    if names:
        draft.put("fill_down", names, "only the first line of an order has them")
    return lines.with_rows(rows)


def _runs(lines: Lines) -> pd.Series:
    """Return a number for each run of rows that are of one order: id, till and time are equal."""
    starts = pd.Series(False, index=lines.rows.index)
    for role in ("order_id", "store_id", "till_id", "event_timestamp"):
        if role in lines:
            cells = lines.cells(role).ffill().fillna("")
            starts |= (cells != cells.shift()).fillna(True).astype(bool)
    return starts.cumsum()


def _part(some: pd.Series, of: pd.Series) -> str:
    return f"{int(some.sum()):,} of {int(of.sum()):,}"
