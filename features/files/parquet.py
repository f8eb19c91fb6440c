"""Read a .parquet file; its columns keep their types, as far as pandas has them with nulls."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.files.headers import require_columns
from features.schema import BadInput

_INTEGERS: Final[dict[Any, Any]] = {
    pa.from_numpy_dtype(kind.lower()): pd.array([], dtype=kind).dtype
    for kind in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
}


def parquet_columns(file: Path, stream: BinaryIO) -> list[str]:
    """Return the column names. Raises BadInput if `stream` is not a Parquet file."""
    with _not_parquet(file):
        names: list[str] = pq.ParquetFile(stream).schema_arrow.names
        return names


def read_parquet(file: Path, stream: BinaryIO, columns: Sequence[str] | None) -> pd.DataFrame:
    """Return `columns` (None: all), indexed from 1.

    Dictionaries are decoded, decimals are numbers, and numbers that are all whole are integers, so
    that an id is not `17850.0` because another one is missing. Raises BadInput if the file is
    broken, or a column is missing or holds lists or records.
    """
    names = parquet_columns(file, stream)
    wanted = list(names if columns is None else columns)
    require_columns(file, wanted, names)
    if columns is not None:
        _require_plain(file, stream, columns)
    text = pd.StringDtype("pyarrow")
    types: dict[Any, Any] = {pa.string(): text, pa.large_string(): text}
    types |= _INTEGERS
    with _not_parquet(file):
        table = pq.ParquetFile(stream).read(columns=wanted).select(wanted)
        table.validate(full=True)
        for place, name in enumerate(wanted):
            table = table.set_column(place, name, _plain(table.column(place)))
        frame: pd.DataFrame = table.to_pandas(types_mapper=types.get, ignore_metadata=True)
    return frame.set_axis(pd.RangeIndex(1, len(frame) + 1))


def _require_plain(file: Path, stream: BinaryIO, columns: Sequence[str]) -> None:
    """Raise BadInput if one of `columns` holds lists or records."""
    schema = pq.ParquetFile(stream).schema_arrow
    for name in columns:
        if pa.types.is_nested(schema.field(name).type):
            rule = f"holds {schema.field(name).type}: write a table of plain columns"
            raise BadInput(file=str(file), column=name, rule=rule)


def _plain(column: Any) -> Any:
    """Return an Arrow column decoded, decimals as numbers, and whole numbers as integers."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    if pa.types.is_decimal(kind):
        if kind.scale <= 0:
            return column.cast(pa.string())
        return _plain(column.cast(pa.float64()))
    if not pa.types.is_floating(kind) or pc.all(pc.is_null(column, nan_is_null=True)).as_py():
        return column
    numbers = pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
    whole = pc.and_(pc.equal(pc.round(numbers), numbers), pc.less(pc.abs(numbers), float(2**53)))
    return numbers.cast(pa.int64()) if pc.all(whole).as_py() else column


@contextmanager
def _not_parquet(file: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(file=str(file), rule=f"not a Parquet file: {error}") from error
