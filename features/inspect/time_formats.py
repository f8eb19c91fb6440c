"""The format of a column of times, with the evidence for the order of day and month."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from features.inspect.time_shapes import DAY_MONTH, Shape, shape

_ORDERS: Final = {"day first": "%d{0}%m{0}{1}", "month first": "%m{0}%d{0}{1}"}
_SHORT_YEAR_FIRST: Final = "%y{0}%m{0}%d"


@dataclass(frozen=True, kw_only=True)
class TimeFormat:
    """How the times of a column are written."""

    format: str
    """ISO8601, a strptime format, `excel`, `epoch_s` or `epoch_ms`."""
    reason: str
    question: str | None = None
    """What the cells leave open."""
    has_date: bool = True
    has_clock: bool = True
    """Whether the cells have a time of day."""


def time_share(column: pd.Series) -> float:
    """Return the share of the filled cells that are times: 0 to 1; 0 without a filled cell."""
    cells = column.dropna().head(1000)
    return float(cells.map(lambda cell: shape(str(cell)) is not None).mean()) if len(cells) else 0.0


def time_format(column: pd.Series) -> TimeFormat | None:
    """Return the format of the times in `column`, indexed by row; None if it holds none.

    A part above 12 decides the order of day and month; without one it is a question.

    >>> time_format(pd.Series(["1/2/2024 9:00", "1/13/2024 9:30"], index=[2, 3])).format
    '%m/%d/%Y %H:%M'
    """
    cells = column.dropna().drop_duplicates()
    rows: list[Any] = list(cells.index)
    shapes = {row: shape(str(cell)) for row, cell in zip(rows, cells, strict=True)}
    known = {row: each for row, each in shapes.items() if each is not None}
    if not known:
        return None
    first = next(iter(known.values()))
    formats = list(dict.fromkeys(each.format for each in known.values()))
    others = [(row, cells[row]) for row in rows if shapes[row] is None]
    question = None
    if others:
        row, cell = others[0]
        question = f"{cell!r} in row {row} is no time ({len(others)} different cells are none)"
    elif len(formats) > 1:
        row = next(row for row, each in known.items() if each.format != formats[0])
        question = f"the times have several formats: {formats[0]}, but {cells[row]!r} in row {row}"
    clock = any(each.has_clock for each in known.values())
    if first.parts is None:
        row = next(iter(known))
        return TimeFormat(
            format=first.format,
            reason=f"{cells[row]!r} in row {row}; {len(known):,} different times are written so",
            question=question and f"{question}: correct the file, or `time_format`",
            has_date=first.has_date,
            has_clock=clock,
        )
    same = {row: each for row, each in known.items() if each.format == first.format}
    date, reason, doubt = _date_order(same, cells)
    return TimeFormat(
        format=first.format.replace(DAY_MONTH, date),
        reason=reason,
        question=doubt or (question and f"{question}: correct the file, or `time_format`"),
        has_clock=clock,
    )


def _date_order(shapes: dict[Any, Shape], cells: pd.Series) -> tuple[str, str, str | None]:
    """Return the date's format, the reason, and the question that remains."""
    parts = pd.DataFrame([each.parts for each in shapes.values()], index=list(shapes))
    one = next(iter(shapes.values()))
    year = "%y" if one.short_year else "%Y"
    orders = {name: order.format(one.mark, year) for name, order in _ORDERS.items()}
    places = {"day first": (0, 1), "month first": (1, 0)}
    if one.short_year and not _is_year(parts[2], parts[0]):
        orders["year first"] = _SHORT_YEAR_FIRST.format(one.mark)
        places["year first"] = (2, 1)
    fits = {}
    against = {}
    for name, (day, month) in places.items():
        wrong = (parts[month] > 12) | (parts[day] > 31) | (parts[[day, month]] < 1).any(axis=1)
        fits[name] = not wrong.any()
        if wrong.any():
            row = wrong.idxmax()
            against[name] = f"{cells[row]!r} in row {row} is not {name}"
    possible = [name for name, fit in fits.items() if fit]
    if len(possible) == 1:
        return orders[possible[0]], "; ".join(against.values()), None
    if not possible:
        shown = "; ".join(against.values())
        return (
            orders["day first"],
            shown,
            f"the dates contradict each other ({shown}): correct the file, or `time_format`",
        )
    likely = _most_sorted(parts, places, possible)
    row = parts.index[0]
    other = " or ".join(repr(orders[name]) for name in possible if name != likely)
    return (
        orders[likely],
        f"open: {cells[row]!r} in row {row} and all others can be {_or(possible)}",
        f"is {cells[row]!r} in row {row} {_or(possible)}? No date decides. If it is {likely}, this "
        f"stands; else replace {orders[likely]!r} in `time_format` by {other}",
    )


def _is_year(last: pd.Series, first: pd.Series) -> bool:
    """Return whether `last` takes few values, so that it is a year, no day."""
    return last.nunique() * 4 <= first.nunique()


def _most_sorted(
    parts: pd.DataFrame, places: dict[str, tuple[int, int]], possible: Sequence[str]
) -> str:
    """Return the reading by which the file's order is most nearly that of time."""

    def disorder(name: str) -> int:
        day, month = places[name]
        year = 3 - day - month
        days = parts[year] * 372 + parts[month] * 31 + parts[day]
        steps = days.diff().dropna()
        return int(min((steps < 0).sum(), (steps > 0).sum()))

    return min(possible, key=disorder)


def _or(names: Iterable[str]) -> str:
    return " or ".join(names)
