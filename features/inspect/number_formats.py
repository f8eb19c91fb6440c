"""Decimal and thousands marks, from all cells of all number columns together."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

import pandas as pd

from features.inspect.draft import Draft

_NOT_NUMBER: Final = re.compile(r"[^0-9.,'’\s\u066b\u066c]")
_CURRENCY: Final = r"[A-Z]{3}|[A-Z]{0,2}[$€£¥￥₹₩₽₺฿₫₴₪]|R\$|kr\.?|Kč|zł|Ft|lei|лв|元|円|원|Fr\.?"
_SPACES: Final = re.compile(r"\s")
_APOSTROPHES: Final = "'’"
Decided = tuple[str | None, str | None]
"""Decimal mark and thousands mark, None where the cell has no such mark."""


def looks_numeric(column: pd.Series) -> pd.Series:
    """Return whether each filled cell of `column` is an amount, with signs or currency around it.

    >>> looks_numeric(pd.Series(["-1,5", "EUR 3.00", "(1 200)", "A4", "12 mugs"])).tolist()
    [True, True, True, False, False]
    """
    return (
        column.dropna()
        .astype(str)
        .str.strip()
        .str.fullmatch(
            rf"[(\-−–+]?\s*(?:{_CURRENCY})?\s*[-−–+]?\s*"
            rf"\d(?:[\d.,'’\s]*\d)?[.,]?\s*(?:{_CURRENCY})?\s*[-)]?"
        )
    )


def marks(cell: str) -> Decided | None:
    """Return the marks of a number; None where one mark before three digits may be either.

    >>> marks("1.234,56"), marks("12,5"), marks("1 234"), marks("1.234")
    ((',', '.'), (',', None), (None, ' '), None)
    """
    cell = unicodedata.normalize("NFKC", cell)
    body = _NOT_NUMBER.sub("", _SPACES.sub(" ", cell)).strip(" .,'")
    groups = re.sub(r"[0-9]", "", body)
    if not groups:
        return None, None
    last = groups[-1]
    if len(set(groups)) > 1:
        return (last, groups[0]) if groups.count(last) == 1 and last in ".," else (None, last)
    if last in _APOSTROPHES or last == " " or len(groups) > 1:
        return None, last
    whole, part = body.split(last)
    if len(part) != 3 or len(whole) > 3 or whole.startswith("0"):
        return last, None
    return None


def number_format(columns: Mapping[str, pd.Series], draft: Draft) -> None:
    """Write `decimal` and `thousands` into `draft`, or a question where the cells leave it open."""
    decimals: dict[str, str] = {}
    thousands: dict[str, str] = {}
    count = {".": 0, ",": 0}
    open_cells: dict[str, str] = {}
    for name, cells in columns.items():
        distinct = cells.dropna().drop_duplicates()
        for row, cell in zip(distinct.index, distinct.astype(str), strict=True):
            where = f"{cell!r} in row {row}, column {name!r}"
            decided = marks(cell)
            if decided is None:
                mark = "." if "." in cell else ","
                open_cells.setdefault(mark, where)
                continue
            if decided[0] is not None:
                decimals.setdefault(decided[0], where)
                count[decided[0]] += 1
            if decided[1] is not None:
                thousands.setdefault(decided[1], where)
    _write(draft, decimals, thousands, count, open_cells)


def _write(
    draft: Draft,
    decimals: Mapping[str, str],
    thousands: Mapping[str, str],
    count: Mapping[str, int],
    open_cells: Mapping[str, str],
) -> None:
    by_thousands = {"." if mark == "," else ",": cell for mark, cell in thousands.items()}
    by_thousands = {} if set(thousands) - {".", ","} else by_thousands
    readings = dict(decimals) or dict(by_thousands)
    if len(readings) > 1 or set(decimals) & set(thousands):
        shown = "; ".join(f"{mark!r} by {cell}" for mark, cell in readings.items())
        draft.put("decimal", max(count, key=lambda mark: count[mark]), f"contradictory: {shown}")
        draft.ask(
            "decimal",
            f"the numbers use two decimal marks ({shown}): correct the file, or set `decimal` and "
            "`thousands` to the marks that it really has",
        )
        return
    if readings:
        mark, cell = next(iter(readings.items()))
        draft.put("decimal", mark, f"{cell} can only be read so")
    elif open_cells:
        _ask_open(draft, open_cells)
        return
    else:
        draft.put("decimal", ".", "no number of the file has a decimal mark")
    _write_thousands(draft, draft.values["decimal"], thousands, open_cells)


def _write_thousands(
    draft: Draft, decimal: str, thousands: Mapping[str, str], open_cells: Mapping[str, str]
) -> None:
    """Write `thousands`; a mark before three digits that is not the decimal mark is one."""
    found = dict(thousands) or {m: cell for m, cell in open_cells.items() if m != decimal}
    if len(found) > 1:
        shown = "; ".join(f"{mark!r} by {cell}" for mark, cell in found.items())
        draft.ask("thousands", f"two marks separate thousands ({shown}): correct the file")
    if found:
        mark, cell = next(iter(found.items()))
        draft.put("thousands", mark, f"{cell} can only be read so")


def _ask_open(draft: Draft, open_cells: Mapping[str, str]) -> None:
    mark, cell = next(iter(open_cells.items()))
    other = "," if mark == "." else "."
    draft.put("decimal", mark, f"open: {cell}")
    draft.ask(
        "decimal",
        f"{cell} is either a little more than 1 or more than 1000, and no other number decides: "
        f'keep decimal: "{mark}" for the small number, or write decimal: "{other}" and '
        f'thousands: "{mark}" for the large one',
    )
