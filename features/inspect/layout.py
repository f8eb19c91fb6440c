"""The layout of a file: encoding, delimiter, header row and sheet, each with its evidence."""

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from features.files.content import open_content
from features.files.encodings import detect
from features.files.layout import Layout
from features.files.sheets import list_sheets
from features.files.tables import rows_of
from features.inspect.draft import Draft
from features.inspect.names import roles, sureness
from features.schema import BadInput

_DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_HEAD: Final = 300
"""Rows that decide the delimiter."""
_TITLES: Final = 30
"""Rows in which the header is looked for."""
Row = tuple[int | str, list[str | None]]


class _Reading(NamedTuple):
    """How the first rows look under one layout; the larger, the likelier."""

    known: int
    """Known names in the header."""
    even: float
    """Share of the rows below the header with as many cells."""
    width: int
    header_row: int
    header: tuple[str, ...]
    first_row: int


def find_layout(file: Path, draft: Draft) -> Layout:
    """Return the layout of `file`; write it and its evidence into `draft`. Raises BadInput."""
    with open_content(file) as content:
        kind = content.kind
        sheets = list_sheets(file, content) if kind not in ("text", "parquet") else []
    if kind == "parquet":
        draft.note("", f"{file.name} is a Parquet file: its columns have names and types")
        return Layout()
    if kind == "text":
        return _text_layout(file, draft)
    return _workbook_layout(file, [sheet.name for sheet in sheets], draft)


def known_names(header: Sequence[str]) -> int:
    """Return the number of names in `header` that some role has."""
    return sum(
        any((fit := sureness(name, role)) and fit[0] != "contains" for role in roles())
        for name in set(header)
        if name
    )


def _text_layout(file: Path, draft: Draft) -> Layout:
    encoding = detect(file)
    readings: dict[str, _Reading] = {}
    refusal: BadInput | None = None
    for delimiter in _DELIMITERS:
        layout = Layout(delimiter=delimiter, encoding=encoding.name)
        try:
            readings[delimiter] = _reading(list(islice(rows_of(file, layout), _HEAD)))
        except BadInput as error:
            refusal = error
    if not readings:
        raise refusal or BadInput(file=str(file), rule="no delimited text")
    best = max(readings, key=lambda each: readings[each])
    reading = readings[best]
    if reading.width < 2:
        shown = ", ".join(_DELIMITERS.values())
        rule = f"has one column by every delimiter ({shown}): is it a table?"
        raise BadInput(file=str(file), row=reading.header_row, rule=rule)
    draft.put("encoding", encoding.name, encoding.evidence)
    if not encoding.certain:
        draft.ask(
            "encoding",
            f"{encoding.name} is likely, not certain ({encoding.evidence}): if names and titles "
            "look right in the preview, this stands; else write the encoding of the exporting "
            "program",
        )
    if reading.first_row == 2:
        draft.put("delimiter", best, "the first line, `sep=`, names it")
    else:
        reason = (
            f"{reading.even:.0%} of the first rows have {reading.width} cells when they are "
            f"divided at the {_DELIMITERS[best]}"
        )
        draft.put("delimiter", best, reason)
        _ask_rivals(draft, readings, best)
    header_row = _put_header_row(draft, reading, usual=reading.first_row)
    return Layout(delimiter=best, encoding=encoding.name, header_row=header_row)


def _put_header_row(draft: Draft, reading: _Reading, *, usual: int) -> int:
    """Write the header's row if it is not the `usual` one, and return it."""
    if reading.header_row == usual:
        return 1
    shown = ", ".join(name for name in reading.header[:4] if name)
    draft.put("header_row", str(reading.header_row), f"the rows above {shown}, ... are titles")
    return reading.header_row


def _ask_rivals(draft: Draft, readings: dict[str, _Reading], best: str) -> None:
    for other, reading in readings.items():
        if other != best and reading[:3] == readings[best][:3]:
            draft.ask(
                "delimiter",
                f"the {_DELIMITERS[best]} and the {_DELIMITERS[other]} divide the rows equally "
                f"well: keep the one that divides the columns",
            )


def _workbook_layout(file: Path, sheets: Sequence[str], draft: Draft) -> Layout:
    readings: dict[str, tuple[_Reading, int]] = {}
    for sheet in sheets:
        try:
            rows = rows_of(file, Layout(sheet=sheet))
            head = list(islice(rows, _HEAD))
            readings[sheet] = _reading(head), len(head) + sum(1 for _ in rows)
        except BadInput as error:
            if "no rows" not in error.rule:
                raise
    if not readings:
        raise BadInput(file=str(file), rule="no sheet holds rows")
    best = max(readings, key=lambda each: (readings[each][0].known >= 3, readings[each][1]))
    reading = readings[best][0]
    same = [each for each, (one, _) in readings.items() if one.header == reading.header]
    if len(readings) == 1:
        draft.note("", f"the workbook has one sheet with rows, {best!r}")
        chosen: str | tuple[str, ...] | None = None
    else:
        shown = "; ".join(
            f"{each!r} has {count} rows: {', '.join(one.header[:4])}"
            for each, (one, count) in readings.items()
        )
        chosen = best if len(same) == 1 else tuple(same)
        draft.put("sheet", best if len(same) == 1 else same, shown)
    return Layout(sheet=chosen, header_row=_put_header_row(draft, reading, usual=1))


def _reading(rows: Sequence[Row]) -> _Reading:
    """Return how `rows` look: the header is the row with the most known names."""
    filled = [(row, cells) for row, cells in rows if any(cells)]
    if not filled:
        return _Reading(0, 0.0, 0, 1, (), 1)
    numbered = [(int(str(row).rpartition("!")[2]), cells) for row, cells in filled]
    titles = numbered[:_TITLES]
    known = [known_names([cell or "" for cell in cells]) for _, cells in titles]
    widths = Counter(len(cells) for _, cells in numbered)
    place = known.index(max(known))
    if max(known) < 2:
        place = next(
            i
            for i, (_, cells) in enumerate(titles)
            if len(cells) == max(widths, key=lambda w: widths[w])
        )
    row, cells = titles[place]
    below = [len(cells_below) for _, cells_below in numbered[place + 1 :]] or [len(cells)]
    even = sum(width == len(cells) for width in below) / len(below)
    first = int(str(rows[0][0]).rpartition("!")[2])
    return _Reading(known[place], even, len(cells), row, tuple(cell or "" for cell in cells), first)
