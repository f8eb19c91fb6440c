"""Read a shop's files strictly: every error names file, row, column, value and rule.

Row numbers are those of a spreadsheet: the header is row 1 of a .csv or .xlsx file (a quoted line
break does not count; rows of an .xlsx are named `sheet!row`); the first record of a .parquet file,
which has no header, is row 1.
"""

import csv
import datetime
import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.schema import TEXT, BadInput

_CHUNK: Final = 100_000  # rows held as Python objects at a time
_LONGEST_CELL: Final = 1 << 24  # characters; the csv module's own limit is 131,072
_OFFSET: Final = r"\d:\d\d.*(?:Z|[+-]\d\d(?::?\d\d)?)$"  # a time that ends in a UTC offset
MENDED_TIME: Final = "local time that the clock showed twice or never: moved to the later"
"""The name of the second result of `times` in an adapter's warnings."""
Row = tuple[int | str, Sequence[Any]]


def read_rows(
    file: Path, *, columns: Sequence[str], delimiter: str = ",", encoding: str = "utf-8"
) -> pd.DataFrame:
    """Return `columns` of a .csv, .xlsx (all sheets) or .parquet file, indexed by row.

    Cells of .csv and .xlsx are text, null where empty; blank rows are skipped; .parquet keeps
    its types. Raises BadInput if the file, a column or all rows are missing, or the format is not
    that of the file's name.
    """
    if file.is_dir():
        raise BadInput(file=str(file), rule="is a directory, not a file")
    if not file.exists():
        raise BadInput(file=str(file), rule="no such file")
    if file.stat().st_size == 0:
        raise BadInput(file=str(file), rule="the file is empty")
    if file.suffix == ".parquet":
        frame = _read_parquet(file, columns)
    elif file.suffix == ".xlsx":
        frame = _text_frame(_xlsx_rows(file, columns), columns)
    else:
        frame = _text_frame(_csv_rows(file, columns, delimiter, encoding), columns)
    if frame.empty:
        raise BadInput(file=str(file), rule="holds no rows below its header")
    return frame


def text(column: pd.Series) -> pd.Series:
    """Return `column` as stripped text, null where empty."""
    stripped = column.astype(TEXT).str.strip()
    return stripped.mask(stripped == "")


def numbers(column: pd.Series, *, file: Path, decimal: str = ".") -> pd.Series:
    """Return `column` as float64, null where empty. BadInput at the first non-numeric cell.

    Thousands are not separated; `decimal` is "." or ",".

    >>> numbers(pd.Series(["3", "-1,5"]), file=Path("x.csv"), decimal=",").tolist()
    [3.0, -1.5]
    """
    cells = column
    if decimal == "," and not pd.api.types.is_numeric_dtype(column.dtype):  # 1.234 is an error
        cells = column.str.replace(".", "?", regex=False).str.replace(",", ".", regex=False)
    parsed = pd.to_numeric(cells.astype(object), errors="coerce").astype("float64")
    refuse(column, parsed.isna() & column.notna(), file=file, rule="a number")
    return parsed


def times(
    column: pd.Series, *, timezone: str, file: Path, time_format: str = "ISO8601"
) -> tuple[pd.Series, int]:
    """Return `column` in UTC microseconds, and the number of corrected local times.

    Times without a UTC offset are wall-clock times of `timezone`. A time that the clock showed
    twice (autumn) becomes the later of the two, so that nothing is known too early; a time that it
    skipped (spring) becomes the moment of the jump. BadInput at the first cell that is no time, and
    where a column mixes times with and without offset.
    """
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        parsed, aware = column, column.dt.tz is not None
    else:
        cells = text(column)
        offset = cells.str.contains(_OFFSET).fillna(False).astype(bool)
        present = offset[cells.notna()]
        aware = bool(len(present)) and bool(present.iloc[0])
        rule = "times with and without a UTC offset are mixed in one column"
        refuse(column, (offset != aware) & cells.notna(), file=file, rule=rule)
        parsed = pd.to_datetime(
            cells.astype(object), format=time_format, errors="coerce", utc=aware
        )
        example = "2011-12-09 12:50:00" if time_format == "ISO8601" else time_format
        refuse(column, parsed.isna() & cells.notna(), file=file, rule=f"a time like {example}")
    if aware:
        return parsed.dt.tz_convert("UTC").astype("datetime64[us, UTC]"), 0
    plain = parsed.dt.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT")
    later = np.zeros(len(parsed), dtype=bool)  # not summer time: the second of the two
    local = parsed.dt.tz_localize(timezone, ambiguous=later, nonexistent="shift_forward")
    mended = int((plain.isna() & parsed.notna()).sum())
    return local.dt.tz_convert("UTC").astype("datetime64[us, UTC]"), mended


def refuse(column: pd.Series, bad: pd.Series, *, file: Path, rule: str) -> None:
    """Raise BadInput at the first row where `bad` is True."""
    if bad.any():
        at = int(bad.to_numpy(dtype=bool).argmax())
        raise BadInput(
            file=str(file),
            row=column.index[at],
            column=str(column.name),
            value=column.iat[at],
            rule=rule,
        )


def _require(file: Path, columns: Sequence[str], existing: Sequence[str], hint: str = "") -> None:
    for column in columns:
        if column not in existing:
            shown = ", ".join(repr(name) for name in existing[:20])
            rule = f"the column is missing; the file has {shown}{hint}"
            raise BadInput(file=str(file), column=column, rule=rule)
        if list(existing).count(column) > 1:
            raise BadInput(file=str(file), column=column, rule="the column appears twice")


def _read_parquet(file: Path, columns: Sequence[str]) -> pd.DataFrame:
    try:
        opened = pq.ParquetFile(file)
        _require(file, columns, opened.schema_arrow.names)
        table = opened.read(columns=list(columns)).select(list(columns))
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(file=str(file), rule=f"not a Parquet file: {error}") from error
    text = pd.StringDtype("pyarrow")
    types: dict[Any, Any] = {pa.string(): text, pa.large_string(): text}
    types[pa.int64()] = pd.Int64Dtype()
    frame: pd.DataFrame = table.to_pandas(types_mapper=types.get, ignore_metadata=True)
    return frame.set_axis(pd.RangeIndex(1, len(frame) + 1))


def _text_frame(rows: Iterator[Row], columns: Sequence[str]) -> pd.DataFrame:
    """Convert rows of cells to columns of text, in chunks."""
    frames = [pd.DataFrame({name: pd.Series(dtype=TEXT) for name in columns})]
    while chunk := list(islice(rows, _CHUNK)):
        index = [row for row, _ in chunk]
        cells = zip(*(cells for _, cells in chunk), strict=True)
        data = {name: pd.array(list(c), dtype=TEXT) for name, c in zip(columns, cells, strict=True)}
        frames.append(pd.DataFrame(data, index=index))
    return pd.concat(frames[1:] or frames)


def _csv_rows(file: Path, columns: Sequence[str], delimiter: str, encoding: str) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_CELL)
    codec = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
    row = 1
    try:
        with file.open(encoding=codec, newline="") as lines:
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            header = next(reader, [])
            hint = f": is {delimiter!r} its delimiter?" if len(header) == 1 else ""
            _require(file, columns, header, hint)
            places = [header.index(name) for name in columns]
            for row, cells in enumerate(reader, start=2):
                if not any(cells):
                    continue
                if len(cells) != len(header):
                    rule = f"holds {len(cells)} cells where the header has {len(header)}"
                    raise BadInput(file=str(file), row=row, rule=rule)
                yield row, [cells[place] or None for place in places]
    except UnicodeDecodeError as error:
        raise _bad_encoding(file, encoding, error) from error
    except csv.Error as error:
        raise BadInput(file=str(file), row=row + 1, rule=f"not delimited text: {error}") from error


def _bad_encoding(file: Path, encoding: str, error: UnicodeDecodeError) -> BadInput:
    """Return the error for the first row that `encoding` cannot decode."""
    with file.open("rb") as lines:
        for row, line in enumerate(lines, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as fault:
                undecodable = line[fault.start : fault.end]
                rule = f"the bytes {undecodable!r} are not {encoding}: name the file's encoding"
                return BadInput(file=str(file), row=row, rule=rule)
    return BadInput(file=str(file), rule=f"not {encoding}: {error.reason}")


def _xlsx_rows(file: Path, columns: Sequence[str]) -> Iterator[Row]:
    import openpyxl

    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise BadInput(file=str(file), rule=f"not an .xlsx file: {error}") from error
    for sheet in book.worksheets:
        rows = sheet.iter_rows(values_only=True)
        first = next(rows, ())
        if not _filled(first) and not any(map(_filled, rows)):
            continue
        header = [str(name) for name in first]
        _require(file, columns, header)
        places = [header.index(name) for name in columns]
        for row, cells in enumerate(rows, start=2):
            if _filled(cells):  # may be shorter than the header
                whole = [*cells, *[None] * (len(header) - len(cells))]
                yield f"{sheet.title}!{row}", [_cell_text(whole[place]) for place in places]
    book.close()


def _filled(cells: Sequence[object]) -> bool:
    return any(cell is not None for cell in cells)


def _cell_text(value: object) -> str | None:
    """Return the text of a spreadsheet's cell, as in a .csv; null where it is empty."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, datetime.datetime):
        value = value.isoformat(sep=" ")
    return None if value is None or value == "" else str(value)
