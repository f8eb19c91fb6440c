"""How the cells are written: times and their zone, numbers, and the currency."""

import re
from typing import Final, cast

import pandas as pd

from features.inspect.columns import reason
from features.inspect.currency import currency
from features.inspect.draft import Draft
from features.inspect.lines import Lines
from features.inspect.number_formats import number_format
from features.inspect.roles import NUMBERS
from features.inspect.time_formats import TimeFormat, time_format, time_share
from features.inspect.zones import zone
from features.schema import BadInput

_AT_MIDNIGHT: Final = re.compile(r"[ T]00:00(?::00(?:\.0+)?)?$")


def formats(
    lines: Lines, draft: Draft, *, timezone: str | None, currency_code: str | None
) -> Lines:
    """Write the formats of times, numbers and the currency into `draft`.

    Returns the lines with a column for their times. Raises BadInput if no column holds times.
    """
    lines = _with_times(lines, draft)
    _write_times(lines, draft)
    zone(lines.cells("event_timestamp"), draft.values["time_format"], draft, timezone)
    amounts = {lines.roles[role]: lines.cells(role) for role in NUMBERS if role in lines}
    number_format(amounts, draft)
    codes = lines.cells("currency") if "currency" in lines else None
    prices = {name: cells for name, cells in amounts.items() if name != lines.roles.get("quantity")}
    currency(prices, codes, draft, currency_code)
    if codes is not None:
        name = lines.roles["currency"]
        draft.put("order_lines.currency", name, reason(lines.rows, name))
    return lines


def _with_times(lines: Lines, draft: Draft) -> Lines:
    if "event_timestamp" in lines:
        return lines
    taken = set(lines.roles.values())
    dated = {
        name: cells
        for name, cells in lines.rows.items()
        if name not in taken and time_share(cells) > 0.98 and _has_date(cells)
    }
    if not dated:
        shown = ", ".join(map(repr, lines.rows.columns[:20]))
        rule = f"no column holds the orders' times; the file has {shown}: write a mapping by hand"
        raise BadInput(file=str(lines.file), rule=rule)
    first = str(next(iter(dated)))
    draft.ask(
        "order_lines.event_timestamp",
        f"is {first!r} the time of an order? Its name does not say so, but its cells are times"
        f"{_others(list(map(str, dated))[1:])}: confirm, or name another column",
    )
    return Lines(lines.file, lines.rows, {**lines.roles, "event_timestamp": first})


def _others(names: list[str]) -> str:
    return f", as are those of {', '.join(map(repr, names))}" if names else ""


def _has_date(cells: pd.Series) -> bool:
    found = time_format(cells.head(100))
    return found is not None and found.has_date and found.format not in ("excel", "epoch_s")


def _write_times(lines: Lines, draft: Draft) -> None:
    name, key = lines.roles["event_timestamp"], "order_lines.event_timestamp"
    # the role needs cells that are times
    found = cast(TimeFormat, time_format(lines.cells("event_timestamp")))
    clock = time_format(lines.cells("time_of_day")) if "time_of_day" in lines else None
    cells = lines.cells("event_timestamp").dropna()
    at_midnight = bool(cells.str.contains(_AT_MIDNIGHT).all())
    if clock is not None and (not found.has_clock or at_midnight):
        draft.put(key, [name, lines.roles["time_of_day"]], reason(lines.rows, name))
        draft.note(key, f"{lines.roles['time_of_day']!r} has the time of day")
        _put_format(draft, _joined_format(cells, found, clock, at_midnight=at_midnight), found)
    else:
        draft.put(key, name, reason(lines.rows, name))
        _put_format(draft, found.format, found)
        if not found.has_clock or at_midnight:
            draft.note(key, "no time of day: every order lies at midnight")


def _joined_format(
    cells: pd.Series, date: TimeFormat, clock: TimeFormat, *, at_midnight: bool
) -> str:
    """Return the format of a date's and a clock's cell with a space between them."""
    written = date.format
    if at_midnight:
        midnight = "".join(_AT_MIDNIGHT.findall(str(cells.iloc[0])))
        written = f"%Y-%m-%d{midnight}"
    elif date.format == "ISO8601" and clock.format in ("%H:%M", "%H:%M:%S"):
        return "ISO8601"
    elif date.format == "ISO8601":
        written = "%Y-%m-%d"
    return f"{written} {clock.format}"


def _put_format(draft: Draft, written: str, found: TimeFormat) -> None:
    draft.put("time_format", written, found.reason)
    if found.question is not None:
        draft.ask("time_format", found.question)
