"""Which sheets of a workbook are read: those of `sheet`, or all if they are one table."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from features.files.content import Content
from features.files.headers import Rows, names_in
from features.files.layout import Layout
from features.files.workbooks import Sheet, Workbook, open_workbook, sheet_rows
from features.schema import BadInput

NamedRows = tuple[str | None, Rows]


def list_sheets(file: Path, content: Content) -> list[Sheet]:
    """Return the sheets of the workbook in `content`, empty ones too. Raises BadInput."""
    return list(open_workbook(file, content).sheets)


def tables_of(file: Path, book: Workbook, layout: Layout) -> Iterator[tuple[str, Rows]]:
    """Yield the name and rows of each sheet of `layout.sheet`, or of each that is not empty.

    Raises BadInput if the workbook has no such sheet, or is empty.
    """
    names = _existing(file, book, layout)
    found = False
    for name in names:
        rows = _unless_blank(enumerate(sheet_rows(file, book, name), start=1))
        if rows is not None:
            found = True
            yield name, rows
    if not found:
        rule = f"holds no rows in the sheets {', '.join(map(repr, names))}"
        raise BadInput(file=str(file), rule=rule)


def sheets_to_read(
    file: Path, content: Content, layout: Layout, *, same_header: bool
) -> list[NamedRows]:
    """Return the name and rows of each sheet to read.

    Without `layout.sheet`, all sheets that are not empty must be visible and have the same column
    names, in any order; with `same_header` those of `layout.sheet` too. Else BadInput.
    """
    book = open_workbook(file, content)
    tables: list[NamedRows] = []
    headers: dict[str, list[str]] = {}
    for name, rows in tables_of(file, book, layout):
        headers[name], whole = _header(rows, layout.header_row)
        tables.append((name, whole))
    hidden = {sheet.name for sheet in book.sheets if sheet.hidden}
    unlike = len({tuple(sorted(header)) for header in headers.values()}) > 1
    all_sheets = layout.sheet is None
    if (unlike and (same_header or all_sheets)) or (all_sheets and hidden & set(headers)):
        shown = "; ".join(
            f"{name!r}{' (hidden)' if name in hidden else ''} has {', '.join(header[:10])}"
            for name, header in headers.items()
        )
        fault = "the sheets have other columns" if unlike else "a sheet with rows is hidden"
        option = f"name those to read, such as `sheet: {next(iter(headers))}`"
        rule = f"{fault}: {option}, or the row of their names, `header_row`; {shown}"
        raise BadInput(file=str(file), rule=rule)
    return tables


def _existing(file: Path, book: Workbook, layout: Layout) -> list[str]:
    names = [sheet.name for sheet in book.sheets]
    for name in layout.sheets or ():
        if name not in names:
            rule = f"no sheet {name!r}; the workbook has {', '.join(map(repr, names))}"
            raise BadInput(file=str(file), rule=rule)
    return list(layout.sheets or names)


def _unless_blank(rows: Rows) -> Rows | None:
    """Return `rows`; None if all are blank."""
    for row, cells in rows:
        if any(cells):
            blank: Rows = ((above, []) for above in range(1, row))
            return chain(blank, [(row, cells)], rows)
    return None


def _header(rows: Rows, header_row: int) -> tuple[list[str], Rows]:
    """Return the names in `header_row`, and `rows` from that row on."""
    for row, cells in rows:
        if row >= header_row:
            names = [name for name in names_in(cells) if name]
            return names, chain([(row, cells)], rows)
    return [], iter(())
