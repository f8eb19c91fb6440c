"""Read a table file strictly: every error names file, row, column, value and rule.

Row numbers are those of a spreadsheet: the first row of a text file or sheet is 1 (a quoted line
break does not count; rows of a workbook are named `sheet!row`); the first record of a .parquet
file, which has no header, is row 1.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.files.content import Content, open_content
from features.files.delimited import delimited_rows
from features.files.headers import Header, header_of
from features.files.layout import Layout
from features.files.parquet import parquet_columns, read_parquet
from features.files.sheets import NamedRows, sheets_to_read, tables_of
from features.files.workbooks import open_workbook
from features.schema import BadInput

_CHUNK: Final = 1 << 10  # rows held as Python objects: more cost garbage collections
_PLAIN: Final = Layout()


def read_rows(
    file: Path, *, columns: Sequence[str] | None, layout: Layout = _PLAIN
) -> pd.DataFrame:
    """Return `columns` of a table file, indexed by row; None for all columns with a name.

    The file is delimited text, .xlsx, .xlsm, .xls, .ods or .parquet, by its content, or one such
    file in a .gz or .zip. Cells are text, null where empty; blank rows are skipped; .parquet keeps
    its types. Raises BadInput if the file, a column or all rows are missing, or the file is not as
    `layout` says.
    """
    with open_content(file) as content:
        if content.kind == "parquet":
            frame = read_parquet(file, content.stream, columns)
        else:
            frames = []
            for prefix, rows in _tables(file, content, columns, layout):
                header = header_of(file, rows, columns, layout, sheet=prefix)
                frames.append(_text_frame(header, prefix))
            frame = pd.concat(frames) if len(frames) > 1 else frames[0]
    if frame.empty:
        raise BadInput(file=str(file), rule="holds no rows below its header")
    return frame


def read_header(file: Path, layout: Layout = _PLAIN) -> list[str]:
    """Return the column names of a table file; of a workbook, those of its first sheet read.

    Columns without a name are left out. Raises BadInput as `read_rows`.
    """
    with open_content(file) as content:
        if content.kind == "parquet":
            return parquet_columns(file, content.stream)
        sheet, rows = _tables(file, content, None, layout)[0]
        return header_of(file, rows, None, layout, sheet=sheet).names


def rows_of(file: Path, layout: Layout = _PLAIN) -> Iterator[tuple[int | str, list[str | None]]]:
    """Yield every row of a table file as (row, cells), header and titles too, null where empty.

    Workbooks yield the sheets of `layout.sheet` one after the other, or all that are not empty;
    a first line such as `sep=;` is left out. Raises BadInput as `read_rows`, and for .parquet.
    """
    with open_content(file) as content:
        if content.kind == "parquet":
            raise BadInput(file=str(file), rule="a .parquet file has no rows of text")
        if content.kind == "text":
            for row, cells in delimited_rows(file, content.stream, layout):
                yield row, [cell or None for cell in cells]
            return
        for sheet, rows in tables_of(file, open_workbook(file, content), layout):
            for row, values in rows:
                yield f"{sheet}!{row}", list(values)


def _tables(
    file: Path, content: Content, columns: Sequence[str] | None, layout: Layout
) -> Sequence[NamedRows]:
    """Return the rows of a text file, or of each sheet to read, named by the sheet."""
    if content.kind == "text":
        return [(None, delimited_rows(file, content.stream, layout))]
    return sheets_to_read(file, content, layout, same_header=columns is None)


def _text_frame(header: Header, sheet: str | None) -> pd.DataFrame:
    """Convert rows of cells to columns of text, in chunks."""
    numbers = [np.empty(0, dtype="int64")]
    columns: list[list[Any]] = [[_text_array([])] for _ in header.names]
    pick = itemgetter(*header.places, header.places[0])  # of one column: a tuple too
    while chunk := list(islice(header.rows, _CHUNK)):
        numbers.append(np.array([row for row, _ in chunk], dtype="int64"))
        picked = zip(*[pick(cells) for _, cells in chunk], strict=True)
        for arrays, cells in zip(columns, picked, strict=False):
            arrays.append(_text_array(cells))
    data = {}
    for name in header.names:  # frees the chunks of a column before it joins the next
        whole = pa.chunked_array(columns.pop(0)).combine_chunks()
        data[name] = pd.arrays.ArrowStringArray(whole)
    index = pd.Index(np.concatenate(numbers))
    return pd.DataFrame(data, index=index if sheet is None else f"{sheet}!" + index.astype(str))


def _text_array(cells: Sequence[str | None]) -> Any:
    array = pa.array(cells, type=pa.large_string())
    return pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.large_string()), array)
