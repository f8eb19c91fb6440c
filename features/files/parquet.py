"""Read a .parquet file; its columns keep their types."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.files.headers import require_columns
from features.schema import BadInput


def parquet_columns(file: Path, stream: BinaryIO) -> list[str]:
    """Return the column names. Raises BadInput if `stream` is not a Parquet file."""
    with _not_parquet(file):
        names: list[str] = pq.ParquetFile(stream).schema_arrow.names
        return names


def read_parquet(file: Path, stream: BinaryIO, columns: Sequence[str] | None) -> pd.DataFrame:
    """Return `columns` (None: all), indexed from 1. BadInput if one is missing or it is broken."""
    names = parquet_columns(file, stream)
    wanted = list(names if columns is None else columns)
    require_columns(file, wanted, names)
    text = pd.StringDtype("pyarrow")
    types: dict[Any, Any] = {pa.string(): text, pa.large_string(): text}
    types[pa.int64()] = pd.Int64Dtype()
    with _not_parquet(file):
        table = pq.ParquetFile(stream).read(columns=wanted).select(wanted)
        table.validate(full=True)
        frame: pd.DataFrame = table.to_pandas(types_mapper=types.get, ignore_metadata=True)
    return frame.set_axis(pd.RangeIndex(1, len(frame) + 1))


@contextmanager
def _not_parquet(file: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(file=str(file), rule=f"not a Parquet file: {error}") from error
