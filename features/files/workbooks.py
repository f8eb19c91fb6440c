"""Sheets and rows of a workbook (.xlsx, .xlsm, .xls, .ods), its cells as text.

python-calamine reads them, 13 times as fast as openpyxl. It holds a sheet with all its empty cells
in memory and shows error values (#N/A) as empty cells, so openpyxl reads an .xlsx file that has
error values or a far-off cell, row by row; .xls and .ods files with error values are refused.
Neither trusts the extent of a sheet that the file states.
"""

import datetime
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, Protocol

import openpyxl
import python_calamine

from features.files.content import Content
from features.files.workbook_parts import Parts
from features.schema import BadInput

Cells = list[str | None]
_ROUNDED: Final = 2**53
"""From here on a cell's number is rounded: shown as 1.5e+18, which no id may be."""
_CODES: Final = rb"[\x00\x07\x0f\x17\x1d\x24\x2a]"  # of #NULL!, #DIV/0!, ..., #N/A
_XLS_ERROR: Final = re.compile(  # a cell (BOOLERR) or a formula's result (FORMULA) in BIFF8
    rb"\x05\x02\x08\x00.{6}" + _CODES + rb"\x01|\x06\x00..{7}\x02." + _CODES + rb".{3}\xff\xff",
    flags=re.DOTALL,
)


class Sheet(NamedTuple):
    """A sheet of a workbook: its name, and whether it is hidden."""

    name: str
    hidden: bool


class Workbook(Protocol):
    """An open workbook."""

    @property
    def sheets(self) -> Sequence[Sheet]:
        """All sheets, in the workbook's order."""

    def rows(self, sheet: str) -> Iterator[Cells]:
        """Yield the cells of every row of `sheet` from row 1 on, null where empty."""


def open_workbook(file: Path, content: Content) -> Workbook:
    """Open the workbook in `content`. Raises BadInput if it is broken, hostile or not solved."""
    parts = None
    if content.kind == "xls":
        _refuse_xls_errors(file, content.stream)
    else:
        with _broken_unless_read(file, "not a workbook that can be read"):
            parts = Parts(file, content.stream)
        if parts.unsolved is not None:
            rule = f"{parts.unsolved} has formulas saved without their results"
            raise BadInput(file=str(file), rule=f"{rule}: save it once in a spreadsheet program")
    with _broken_unless_read(file, "not a workbook that can be read"):
        if parts is None or not (parts.errors or parts.is_sparse):
            return _Calamine(content.stream)
        if content.kind == "xlsx":
            return _Openpyxl(content.stream)
    raise BadInput(file=str(file), rule="has error values such as #N/A: save it as .xlsx")


def sheet_rows(file: Path, book: Workbook, sheet: str) -> Iterator[Cells]:
    """Yield the rows of `sheet` as `Workbook.rows` does. Raises BadInput if it is broken."""
    with _broken_unless_read(file, f"sheet {sheet!r} is broken"):
        yield from book.rows(sheet)


@contextmanager
def _broken_unless_read(file: Path, rule: str) -> Iterator[None]:
    """Raise BadInput for whatever a library raises; a panic in Rust is no Exception."""
    try:
        yield
    except BadInput:
        raise
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise BadInput(file=str(file), rule=f"{rule}: {error}") from error
        raise


class _Calamine:
    def __init__(self, stream: BinaryIO) -> None:
        self._book = python_calamine.CalamineWorkbook.from_filelike(stream)
        tables = python_calamine.SheetTypeEnum.WorkSheet
        visible = python_calamine.SheetVisibleEnum.Visible
        self.sheets: Sequence[Sheet] = [
            Sheet(sheet.name, sheet.visible != visible)
            for sheet in self._book.sheets_metadata
            if sheet.typ == tables
        ]

    def rows(self, sheet: str) -> Iterator[Cells]:
        opened = self._book.get_sheet_by_name(sheet)
        left: Cells = [None] * (opened.start[1] if opened.start else 0)
        for cells in opened.iter_rows():
            yield left + [cell_text(cell) for cell in cells]


class _Openpyxl:
    def __init__(self, stream: BinaryIO) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions, which are not read
            self._book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        self.sheets: Sequence[Sheet] = [
            Sheet(sheet.title, sheet.sheet_state != "visible") for sheet in self._book.worksheets
        ]

    def rows(self, sheet: str) -> Iterator[Cells]:
        opened = self._book[sheet]
        opened.reset_dimensions()
        for cells in opened.iter_rows(values_only=True):
            yield [cell_text(cell) for cell in cells]


def cell_text(value: Any) -> str | None:
    """Return the text of a workbook's cell; null where it is empty.

    >>> cell_text(17.0), cell_text(True), cell_text(datetime.date(2024, 1, 5))
    ('17', 'TRUE', '2024-01-05 00:00:00')
    >>> cell_text(1.125), cell_text(1234567890123456789.0)
    ('1.1250', '1.2345678901234568e+18')
    """
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        if value.is_integer() and abs(value) < _ROUNDED:
            return str(int(value))
        shown = str(value)
        return shown + "0" if re.search(r"\.\d{3}$", shown) else shown  # no groups of thousands
    if isinstance(value, datetime.datetime):
        value = value.isoformat(sep=" ")
    elif isinstance(value, datetime.date):
        value = f"{value} 00:00:00"
    elif isinstance(value, datetime.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        value = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    return str(value)


def _refuse_xls_errors(file: Path, stream: BinaryIO) -> None:
    if _XLS_ERROR.search(stream.read()):
        raise BadInput(file=str(file), rule="has error values such as #N/A: save it as .xlsx")
    stream.seek(0)
