"""The cells of a shop's files by canonical name, as a mapping reads them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from features.datasets.mapping import DAY, Names, ShopMapping
from features.datasets.unused_columns import refuse_unused, watched
from features.files.cells import refuse, text
from features.files.headers import require_columns
from features.files.layout import Layout
from features.files.numbers import numbers
from features.files.tables import read_header, read_rows
from features.files.times import MENDED_TIME, times
from features.ids import PLAIN, IdRule, clean_ids, guarded
from features.schema import TEXT, Origin

GUARDED: Final = "spreadsheet's guard around a cell: removed"


class Source:
    """The rows of one table in one or several files, and the columns that a mapping names.

    `columns` are the file's column names by canonical name. `mended` counts corrected cells.
    `files` names the file of each row, by the rows' index, if there are several.
    """

    def __init__(
        self,
        rows: pd.DataFrame,
        columns: Mapping[str, tuple[str, ...]],
        mapping: ShopMapping,
        *,
        file: str,
        files: pd.Series | None = None,
    ) -> None:
        self.rows, self.columns, self.mapping, self.file = rows, columns, mapping, file
        self.files = files
        self.mended: Counter[str] = Counter()

    @property
    def origin(self) -> Origin:
        """The source of the table, for messages."""
        names = {name: ", ".join(parts) for name, parts in self.columns.items()}
        return Origin(file=self.file, columns=names)

    def cells(self, name: str) -> pd.Series:
        """Return the cells of the canonical column `name`; those of several columns are joined.

        A joined cell is null if any of its parts is.
        """
        first, *others = [part for part in self.columns[name] if part != DAY]
        cells = self.rows[first]
        if others:
            cells = _joined([text(self.rows[part]) for part in (first, *others)], separator=" ")
            cells.name = ", ".join([first, *others])
        return cells

    def text(self, name: str) -> pd.Series:
        """Return a column of text; null where empty, or where the files have no such column."""
        return text(self.cells(name)) if name in self.columns else self.nothing()

    def id(self, name: str, rule: IdRule | None = None) -> pd.Series:
        """Return a column of ids in the spelling of `rule`."""
        if name not in self.columns:
            return self.nothing()
        cells = self.cells(name)
        self.mended[GUARDED] += guarded(cells)
        return clean_ids(cells, rule or PLAIN)

    def joined_id(
        self, name: str, rule: IdRule | None, *, day: Callable[[], pd.Series]
    ) -> pd.Series:
        """Return ids made of several columns, joined by "/"; `day()` is the part DAY."""
        parts = []
        for part in self.columns[name]:
            cells = day() if part == DAY else self.rows[part]
            self.mended[GUARDED] += guarded(cells)
            parts.append(clean_ids(cells, rule or PLAIN))
        return _joined(parts, separator="/")

    def number(self, name: str) -> pd.Series:
        """Return a column of numbers, null where empty. Raises BadInput."""
        mapping = self.mapping
        cells = self._unguarded(name)
        return numbers(cells, file=Path(self.file), spelling=mapping, currency=mapping.currency)

    def time(self, name: str) -> pd.Series:
        """Return a column of times (UTC), null where empty. Raises BadInput."""
        moments, mended = times(
            self._unguarded(name),
            timezone=self.mapping.timezone,
            file=Path(self.file),
            time_format=self.mapping.time_format,
        )
        self.mended[MENDED_TIME] += mended
        return moments

    def _unguarded(self, name: str) -> pd.Series:
        """Return the cells of a column without what spreadsheets put around them, as ="5"."""
        cells = self.cells(name)
        if cells.dtype != TEXT or not cells.str.startswith('="').fillna(False).any():
            return cells
        self.mended[GUARDED] += guarded(cells)
        return clean_ids(cells)

    def nothing(self) -> pd.Series:
        """Return a column without values."""
        return pd.Series(pd.NA, index=self.rows.index, dtype=TEXT)

    def refuse(self, name: str, bad: pd.Series, rule: str) -> None:
        """Raise BadInput at the first row of the canonical column `name` where `bad` is true."""
        refuse(self.cells(name), bad, file=Path(self.file), rule=rule)


def read_source(
    files: Sequence[Path],
    columns: Mapping[str, tuple[str, ...]],
    mapping: ShopMapping,
    *,
    layout: Layout | None = None,
    others: Iterable[str] = (),
    orders: bool = False,
) -> Source:
    """Return the rows of `files` with the columns of a section, and `others` that rules read.

    Of files with `orders`, columns that the mapping does not use but should are read too, and all
    columns where rows of totals are left out. Raises BadInput, also by such a column's cells.
    """
    named = [part for parts in columns.values() for part in parts if part != DAY]
    wanted = list(dict.fromkeys([*named, *others]))
    frames = []
    names = [file.name if _is_once(file, files) else str(file) for file in files]
    for file, name in zip(files, names, strict=True):
        every = orders and bool(mapping.totals)
        more = watched(read_header(file, layout or mapping), mapping) if orders else []
        names_read = None if every else list(dict.fromkeys([*wanted, *more]))
        frame = read_rows(file, columns=names_read, layout=layout or mapping)
        if every:
            require_columns(file, wanted, list(frame.columns))
        frames.append(frame if len(files) == 1 else _labelled(frame, name))
    rows = frames[0] if len(files) == 1 else pd.concat(frames)
    of_rows = None
    if len(files) > 1:
        codes = np.repeat(np.arange(len(files)), [len(frame) for frame in frames])
        of_rows = pd.Series(pd.Categorical(np.array(names)[codes]), index=rows.index)
    rows, file_names = _without(rows, mapping.missing), ", ".join(map(str, files))
    if orders:
        refuse_unused(rows, mapping, file=file_names)
    return Source(rows, columns, mapping, file=file_names, files=of_rows)


def _is_once(file: Path, files: Sequence[Path]) -> bool:
    """Return whether no other file, in another folder, has the same name."""
    return [each.name for each in files].count(file.name) == 1


def _labelled(frame: pd.DataFrame, file: str) -> pd.DataFrame:
    """Return `frame` with rows named after their file."""
    return frame.set_axis([f"{row} of {file}" for row in frame.index])


def _joined(parts: Sequence[pd.Series], *, separator: str) -> pd.Series:
    """Return the texts of `parts` joined, null where any part is."""
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + separator + part
    return joined


def _without(rows: pd.DataFrame, words: Names) -> pd.DataFrame:
    """Return `rows`; cells that are one of `words` are empty."""
    if not words:
        return rows
    cleaned = rows.copy()
    for name in rows.columns[rows.dtypes == TEXT]:
        empty = text(rows[name]).isin(words).fillna(False)
        cleaned[name] = rows[name].mask(empty)
    return cleaned
