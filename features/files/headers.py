"""The header of a table of text: it is found by its row, and names the columns below it."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from features.files.layout import Layout
from features.schema import BadInput

Cells = Sequence[str | None]
Rows = Iterator[tuple[int, Cells]]
_TITLES: Final = 30  # rows searched for a header that stands lower than `header_row`


class Header(NamedTuple):
    """Column `names`, their `places` in a row, and the `rows` below, without blank ones."""

    names: list[str]
    places: list[int]
    rows: Rows


def header_of(
    file: Path, rows: Rows, columns: Sequence[str] | None, layout: Layout, *, sheet: str | None
) -> Header:
    """Return the header of `rows` with `columns` (None: all that have a name).

    Raises BadInput if a column is missing or appears twice. A row of `Header.rows` that is shorter
    or longer than the header is BadInput when it is reached; a `sheet` may have shorter rows, and
    cells beside its table.
    """
    existing = names_in(next((cells for row, cells in rows if row >= layout.header_row), []))
    names = [name for name in existing if name] if columns is None else list(columns)
    where = "" if sheet is None else f" (sheet {sheet!r})"
    hint = ""
    if not all(name in existing for name in names):
        hint = _hint(rows, names, existing, layout, delimited=sheet is None)
    require_columns(file, names, existing, where=where, hint=hint)
    if not names:
        raise BadInput(file=str(file), rule=f"row {layout.header_row} names no columns{where}")
    body = _sheet_body(rows, len(existing)) if sheet else _text_body(file, rows, existing)
    return Header(names, [existing.index(name) for name in names], body)


def names_in(cells: Cells) -> list[str]:
    """Return the column names in the cells of a header; "" for a cell without text."""
    return [cell or "" for cell in cells]


class MissingColumn(BadInput):
    """The header does not have a wanted column; `hint` says why, if the file shows it."""

    def __init__(self, *, file: str, column: str, has: str, hint: str) -> None:
        super().__init__(
            file=file, column=column, rule=f"the column is missing; the file has {has}{hint}"
        )
        self.hint = hint


def require_columns(
    file: Path, columns: Sequence[str], existing: Sequence[str], *, where: str = "", hint: str = ""
) -> None:
    """Raise MissingColumn if one of `columns` does not exist, BadInput if it appears twice.

    `where` names the sheet of a workbook.
    """
    for column in columns:
        if column not in existing:
            shown = ", ".join(repr(name) for name in existing[:20]) or "no header"
            raise MissingColumn(file=str(file), column=column, has=f"{shown}{where}", hint=hint)
        if list(existing).count(column) > 1:
            raise BadInput(file=str(file), column=column, rule="the column appears twice")


def _hint(
    rows: Rows, names: Sequence[str], existing: Sequence[str], layout: Layout, *, delimited: bool
) -> str:
    """Return what may be wrong where one of `names` is missing from the header."""
    for row, cells in islice(rows, max(_TITLES - layout.header_row, 0)):
        if all(name in cells for name in names):
            return f"; the names are in a lower row: `header_row: {row}`"
    if delimited and len(existing) == 1:
        return f": is {layout.delimiter!r} its delimiter?"
    return ""


def _text_body(file: Path, rows: Rows, names: Sequence[str]) -> Rows:
    """Yield rows with a cell for each name; columns without a name at the end must be empty."""
    width = len(names)
    named = max((place + 1 for place, name in enumerate(names) if name), default=0)
    for row, cells in rows:
        if not any(cells):
            continue
        if not named <= len(cells) <= width:
            rule = f"holds {len(cells)} cells where the header has {width}"
            raise BadInput(file=str(file), row=row, rule=rule)
        if named < width and any(cells[named:]):
            value = next(cell for cell in cells[named:] if cell)
            rule = f"holds {value!r} in a column without a name: name it in the header"
            raise BadInput(file=str(file), row=row, rule=rule)
        yield row, cells


def _sheet_body(rows: Rows, width: int) -> Rows:
    """Yield rows of at least `width` cells."""
    for row, cells in rows:
        if any(cells):
            yield row, [*cells, *[None] * (width - len(cells))]
