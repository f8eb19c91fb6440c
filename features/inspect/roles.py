"""Whether the cells of a column agree with the role that its name suggests."""

import re
from typing import Final

import pandas as pd

from features.inspect.number_formats import looks_numeric
from features.inspect.time_shapes import shape
from features.inspect.words import in_words

NUMBERS: Final = ("quantity", "unit_price", "line_total", "line_discount", "line_tax")
"""The roles of columns that hold numbers."""
_NAMES_OF_FEW: Final = {"line_type": 30, "channel": 100, "status": 60, "currency": 20}
"""Roles of columns with few distinct values, and the most that they have."""
_CHECKED: Final = 20_000
_LEAST: Final = 0.98
"""Share of the cells that must agree; totals and stray words may not."""
_PATTERNS: Final = {
    "line_number": re.compile(r"\d{1,9}(?:\.0)?"),
    "currency": re.compile(r"[A-Za-z]{3}|[^\w\s]{1,3}|元|円"),
    "order_name": re.compile(r"#?[A-Z]{0,6}[-_ ]?\d+[-\w]*"),
    "title": re.compile(r".*[^\W\d_].*", re.DOTALL),
}


def objection(role: str, column: pd.Series) -> str | None:
    """Return why the cells of `column` do not agree with `role`; None if they do."""
    cells = column.dropna().head(_CHECKED)
    cells = cells[~in_words(cells, "missing")]
    if cells.empty:
        return "it is empty"
    agrees = _agrees(role, cells)
    if agrees is None or float(agrees.mean()) >= _LEAST or _nearly(agrees):
        few = _NAMES_OF_FEW.get(role)
        if few is not None and cells.nunique() > few:
            return f"it has {cells.nunique()} different values"
        return None
    row = (~agrees).idxmax()
    return f"{cells[row]!r} in row {row} is not {_WANTED[role]}"


def _nearly(agrees: pd.Series) -> bool:
    """Return whether at most one cell disagrees, in a file too short for shares."""
    return len(agrees) >= 4 and int((~agrees).sum()) <= 1


_WANTED: Final = {
    **dict.fromkeys(NUMBERS, "a number"),
    "line_number": "a whole number",
    "event_timestamp": "a date or time",
    "time_of_day": "a time of day",
    "currency": "a currency",
    "order_name": "an order's number",
    "title": "a text",
}


def _agrees(role: str, cells: pd.Series) -> pd.Series | None:
    """Return whether each cell agrees with `role`; None if every cell does."""
    if role in NUMBERS:
        return looks_numeric(cells)
    text = cells.astype(object)
    if role in ("event_timestamp", "time_of_day"):
        dated = role == "event_timestamp"
        distinct = {
            cell: (found := shape(cell)) is not None and found.has_date == dated
            for cell in text.unique()
        }
        return text.map(distinct)
    pattern = _PATTERNS.get(role)
    if pattern is None:
        return None
    return text.map(lambda cell: pattern.fullmatch(cell) is not None)
