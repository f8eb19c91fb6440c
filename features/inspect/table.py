"""A table of a file as text, read without judgement: the rows that the steps of inspect look at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import pandas as pd

from features.files.cells import text
from features.files.content import open_content
from features.files.layout import Layout
from features.files.tables import read_rows, rows_of
from features.schema import TEXT

MOST_ROWS: Final = 2_000_000
"""Rows that are read; what lies below them is not looked at."""
_CHUNK: Final = 50_000


@dataclass(frozen=True)
class Table:
    """One or several files with the same columns."""

    files: tuple[Path, ...]
    layout: Layout
    rows: pd.DataFrame
    """Text, null where empty, indexed by the row in the file."""
    whole: bool
    """Whether `rows` are all rows of the files."""

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return list(self.rows.columns)


def read_table(files: Sequence[Path], layout: Layout) -> Table:
    """Return the table in `files`, at most MOST_ROWS rows of it. Raises BadInput."""
    frames, left = [], MOST_ROWS
    for file in files:
        with open_content(file) as content:
            kind = content.kind
        frame = _parquet(file) if kind == "parquet" else _text(file, layout, left)
        if len(files) > 1:
            frame = frame.set_axis([f"{row} of {file.name}" for row in frame.index])
        frames.append(frame.head(left))
        left -= len(frames[-1])
    rows = pd.concat(frames) if len(frames) > 1 else frames[0]
    return Table(tuple(files), layout, rows, whole=left > 0)


def _parquet(file: Path) -> pd.DataFrame:
    typed = read_rows(file, columns=None).head(MOST_ROWS)
    return pd.DataFrame({name: text(typed[name]) for name in typed}, index=typed.index)


def _text(file: Path, layout: Layout, most: int) -> pd.DataFrame:
    rows = (row for row in rows_of(file, layout))
    header: list[str] = []
    for row, cells in rows:
        if _number(row) >= layout.header_row:
            header = [cell or "" for cell in cells]
            break
    places = {name: place for place, name in reversed(list(enumerate(header))) if name}
    body = islice(_body(rows, layout), most)
    frames = [pd.DataFrame({name: pd.Series(dtype=TEXT) for name in header if name})]
    while chunk := list(islice(body, _CHUNK)):
        data = {
            name: pd.array(
                [cells[places[name]] if places[name] < len(cells) else None for _, cells in chunk],
                dtype=TEXT,
            )
            for name in frames[0].columns
        }
        frames.append(pd.DataFrame(data, index=[row for row, _ in chunk]))
    whole = pd.concat(frames[1:] or frames)
    return whole.apply(text) if len(whole) else whole


def _body(
    rows: Iterator[tuple[int | str, list[str | None]]], layout: Layout
) -> Iterator[tuple[int | str, list[str | None]]]:
    """Yield the rows with a cell, without the headers of further sheets."""
    for row, cells in rows:
        of_next_sheet = isinstance(row, str) and _number(row) <= layout.header_row
        if any(cells) and not of_next_sheet:
            yield row, cells


def _number(row: int | str) -> int:
    return row if isinstance(row, int) else int(row.rpartition("!")[2])
