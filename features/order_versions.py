"""An order that comes again: the same lines, more of them, or a correction.

Lines without numbers of their own are compared as a multiset, whatever their order in the file.
Recorded times are not compared: a line became known when it first came.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.schema import ORDER_LINES, BadInput, Origin
from features.tables import same_rows

_SHOWN: Final = 3
_CONTENT: Final = [
    name for name in ORDER_LINES.columns if name not in ("line_number", "recorded_timestamp")
]


@dataclass(frozen=True, kw_only=True)
class OrderVersions:
    """How the lines of a file (N) relate to the stored lines (M) of the same orders."""

    known: npt.NDArray[np.bool_]
    """(N,) The line is stored."""
    corrects: npt.NDArray[np.bool_]
    """(N,) The line belongs to a new version of an order of which other lines are stored."""
    replaced: npt.NDArray[np.bool_]
    """(M,) The stored line is not part of its order's new version."""
    line_numbers: npt.NDArray[np.int64]
    """(N,) As stored, or the next free ones of the order."""


def order_versions(
    lines: pd.DataFrame, stored: pd.DataFrame, *, numbered: bool, complete: bool
) -> OrderVersions:
    """Return how order `lines` relate to the `stored` lines, as described in the module.

    Unless `numbered`, line numbers do not tell lines apart. If `complete`, each order in `lines` is
    whole, so that a stored line which is missing was removed. Otherwise missing lines alone are no
    correction: an order may be cut between two files.
    """
    key = ["order_id", "line_number"] if numbered else _CONTENT
    places = _with_copies(stored, key).assign(place=np.arange(len(stored)))
    on = [*key, "copy"]
    place = _with_copies(lines, key).merge(places, on=on, how="left")["place"].to_numpy(dtype=float)
    paired = ~np.isnan(place)
    at = place[paired].astype(int)
    known = paired.copy()
    if numbered:
        known[paired] = same_rows(lines[paired], stored.iloc[at], _CONTENT)
    matched = np.zeros(len(stored), dtype=bool)
    matched[place[known].astype(int)] = True
    missing = stored["order_id"].isin(lines["order_id"]).to_numpy(dtype=bool) & ~matched
    if numbered and not complete:  # a number that does not come again is no other line
        other = np.zeros(len(stored), dtype=bool)
        other[at] = True
        missing &= other
    if not complete:
        changed = stored["order_id"].isin(lines.loc[~known, "order_id"]).to_numpy(dtype=bool)
        missing &= changed
    corrects = ~known & lines["order_id"].isin(stored.loc[missing, "order_id"]).to_numpy(dtype=bool)
    if numbered:
        corrects &= paired | complete
    return OrderVersions(
        known=known,
        corrects=corrects,
        replaced=missing,
        line_numbers=_line_numbers(lines, stored, known, place, numbered=numbered),
    )


def refuse_corrections(
    versions: OrderVersions, lines: pd.DataFrame, stored: pd.DataFrame, *, origin: Origin
) -> None:
    """Raise BadInput at the first order whose lines differ from the stored ones."""
    orders = pd.concat([lines[versions.corrects], stored[versions.replaced]])["order_id"].unique()
    if not len(orders):
        return
    order = orders[0]
    ours = stored[versions.replaced & (stored["order_id"] == order).to_numpy()]
    theirs = lines[versions.corrects & (lines["order_id"] == order).to_numpy()]
    first = theirs if len(theirs) else lines[(lines["order_id"] == order).to_numpy()]
    raise BadInput(
        file=origin.file,
        row=first.index[0],
        column=origin.columns.get("order_id", "order_id"),
        value=order,
        rule=f"the workspace holds other lines of this order: {_shown(ours)}; the file has "
        f"{_shown(theirs)}; they differ in {_different(ours, theirs)} ({len(orders)} orders "
        "differ). If the file is right, ingest it with --corrections: its version is then known "
        "from now on",
    )


def _with_copies(lines: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Return the columns `key` of `lines`, and the number of equal lines before each."""
    return lines[key].assign(copy=lines.groupby(key, dropna=False).cumcount())


def _line_numbers(
    lines: pd.DataFrame,
    stored: pd.DataFrame,
    known: npt.NDArray[np.bool_],
    place: npt.NDArray[np.float64],
    *,
    numbered: bool,
) -> npt.NDArray[np.int64]:
    numbers = lines["line_number"].to_numpy(dtype=np.int64).copy()
    if numbered:
        return numbers
    numbers[known] = stored["line_number"].to_numpy()[place[known].astype(int)]
    last = stored.groupby("order_id")["line_number"].max()
    more = ~known & lines["order_id"].isin(last.index).to_numpy(dtype=bool)
    new = lines[more]
    after = new["order_id"].map(last) + new.groupby("order_id").cumcount() + 1
    numbers[more] = after.to_numpy(dtype=np.int64)
    return numbers


def _different(first: pd.DataFrame, second: pd.DataFrame) -> str:
    """Return the names of the columns whose values differ between two sets of lines."""
    names = [
        name
        for name in _CONTENT
        if sorted(first[name].astype(str)) != sorted(second[name].astype(str))
    ]
    return ", ".join(names) or "line_number"


def _shown(lines: pd.DataFrame) -> str:
    if lines.empty:
        return "no other lines"
    parts = [
        f"{line.quantity:g} x {line.product_id} at {line.unit_price:g}"
        for line in lines.head(_SHOWN).itertuples()
    ]
    return ", ".join(parts) + (", ..." if len(lines) > _SHOWN else "")
