"""The canonical tables on disk: one generation at a time, replaced in one step.

`tables/<digest>/NAME.parquet` are the files of a generation. `tables/current.json` names the
current generation and the previous one, which remains for processes that still read it.
"""

import fcntl
import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from configs.durable import sync
from features.generations import (
    CURRENT,
    current_generation,
    damaged,
    digest_of_files,
    name_generation,
)
from features.schema import TABLES, TEXT, TIME, empty
from features.workspace import Workspace, WorkspaceError

_ARROW: Final[dict[str, Any]] = {
    TEXT: pa.string(),
    str(TIME): pa.timestamp("us", tz="UTC"),
    "int64": pa.int64(),
    "float64": pa.float64(),
}
REPLACED: Final = "replaced_lines"
"""File of the order lines that corrections replaced, in a generation's folder if there are any."""
_TEXT_DTYPES: Final[dict[Any, Any]] = {pa.string(): pd.StringDtype("pyarrow")}


class NothingIngested(WorkspaceError):
    """The workspace never had tables."""


def generation(ws: Workspace) -> str | None:
    """Return the digest of the current tables; None if there were never any.

    Raises DamagedFile if there were, and they are lost.
    """
    return current_generation(ws)[0]


def table_paths(ws: Workspace) -> dict[str, Path]:
    """Return the Parquet files of all canonical tables by name, of one generation.

    If orders were corrected, `replaced_lines` is one more: their former lines, with the columns of
    order_lines and `replaced_timestamp` (UTC), from which on they do not count. The files remain
    readable until two newer generations exist. Raises NothingIngested, and DamagedFile if a file is
    not what was written.
    """
    while True:
        digest = generation(ws)
        if digest is None:
            raise NothingIngested(
                f"no tables in {ws.home}: run `python -m features ingest` or `simulate` first"
            )
        folder = ws.tables / digest
        paths = _files(folder)
        try:
            if digest_of_files(paths) == digest:
                return paths
            fault = f"{folder}: a file in it was damaged"
        except FileNotFoundError as error:
            fault = f"{error.filename} is missing"
        if generation(ws) == digest:  # else two newer generations came in between
            raise damaged(ws, fault)


def _files(folder: Path) -> dict[str, Path]:
    """Return the files by table in the folder of a generation."""
    names = [*TABLES, REPLACED] if (folder / f"{REPLACED}.parquet").exists() else [*TABLES]
    return {name: folder / f"{name}.parquet" for name in names}


class PinnedTables:
    """The generation of the canonical tables that was current when this object was created.

    Its files stay on the disk as long as this object lives, even if others are ingested meanwhile.
    Raises as `table_paths` does.
    """

    def __init__(self, ws: Workspace) -> None:
        held = None
        while held is None:  # None: two newer generations came in between
            paths = table_paths(ws)
            held = _hold(paths["order_lines"].parent)
        self.paths: Final = paths
        weakref.finalize(self, os.close, held)


def _hold(folder: Path) -> int | None:
    """Return the open file that keeps `folder` from `remove_leftovers`; None if it is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    if folder.exists():
        return descriptor
    os.close(descriptor)
    return None


def table_path(ws: Workspace, name: str) -> Path:
    """Return the Parquet file of canonical table `name`. Raises as `table_paths` does."""
    if name not in TABLES:
        raise ValueError(f"name = {name!r}: one of {', '.join(TABLES)}")
    return table_paths(ws)[name]


def read_table(ws: Workspace, name: str) -> pd.DataFrame:
    """Return canonical table `name`, sorted by its key. Raises as `table_paths` does."""
    return read_file(table_path(ws, name))


def read_file(path: Path, *, columns: list[str] | None = None) -> pd.DataFrame:
    """Return the canonical table in the Parquet file `path`; None for all its columns."""
    table = pq.read_table(path, columns=columns)
    frame: pd.DataFrame = table.to_pandas(types_mapper=_TEXT_DTYPES.get)
    return frame


def read_replaced(paths: Mapping[str, Path]) -> pd.DataFrame:
    """Return the order lines that corrections replaced, of one generation's `table_paths`."""
    return read_file(paths[REPLACED]) if REPLACED in paths else no_replaced()


def same_rows(
    first: pd.DataFrame, second: pd.DataFrame, names: Sequence[str]
) -> npt.NDArray[np.bool_]:
    """Return which rows of two frames of one length have the same values; null is null.

    >>> one, other = pd.DataFrame({"a": [1, None, 3]}), pd.DataFrame({"a": [1, None, 4]})
    >>> same_rows(one, other, ["a"])
    array([ True,  True, False])
    """
    same = np.ones(len(first), dtype=bool)
    for name in names:
        a, b = first[name].reset_index(drop=True), second[name].reset_index(drop=True)
        same &= ((a == b).fillna(False) | (a.isna() & b.isna())).to_numpy(dtype=bool)
    return same


def with_first_recorded(lines: pd.DataFrame, former: pd.DataFrame) -> pd.DataFrame:
    """Return order `lines`; a corrected one is recorded when its order first had the product.

    `former` are lines that corrections replaced. For what happened to a customer, not for features:
    quantity and price are the corrected ones.
    """
    if former.empty:
        return lines
    key = ["order_id", "customer_id", "product_id"]
    first = former.groupby(key)["recorded_timestamp"].min().rename("first")
    earliest = lines[key].join(first, on=key)["first"]
    recorded = lines["recorded_timestamp"]
    return lines.assign(recorded_timestamp=recorded.mask(earliest < recorded, earliest))


def no_replaced() -> pd.DataFrame:
    """Return replaced order lines without rows."""
    return empty("order_lines").assign(replaced_timestamp=pd.Series(dtype=TIME))


def known_before(rows: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """Return the canonical `rows` that happened and were recorded before `at` (UTC)."""
    times = rows[["event_timestamp", "recorded_timestamp"]]
    return rows[(times < at).all(axis=1)]


def write_tables(
    ws: Workspace, tables: dict[str, pd.DataFrame], *, replaced: pd.DataFrame | None = None
) -> str:
    """Replace all canonical tables in one step and return the new generation's digest.

    A table that is not in `tables` becomes empty. `replaced` are the order lines that corrections
    replaced (`read_replaced`); by default none. The bytes depend on the rows only, not on their
    order. The caller must hold `ws.lock("tables")`. Raises WorkspaceError if the disk fails; the
    tables are then unchanged.
    """
    if unknown := sorted(tables.keys() - TABLES.keys()):
        raise ValueError(f"tables = {unknown}: each one of {', '.join(TABLES)}")
    staging: Path | None = None
    try:
        ws.tables.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=ws.tables, prefix=".aside-"))
        digest = _write_generation(staging, tables, no_replaced() if replaced is None else replaced)
        if not (ws.tables / digest).exists():
            staging.replace(ws.tables / digest)
        sync(ws.tables)
        name_generation(ws, digest)
    except OSError as error:
        raise WorkspaceError(
            f"{ws.tables}: cannot write ({error.strerror or error}); the tables are unchanged"
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    remove_leftovers(ws)
    return digest


def remove_leftovers(ws: Workspace) -> None:
    """Remove files of killed processes, and unpinned generations before the previous one.

    The caller holds `lock("tables")`.
    """
    current_names = {CURRENT, *current_generation(ws)}
    for entry in ws.tables.iterdir():
        if entry.name not in current_names:
            _remove_unpinned(entry) if entry.is_dir() else entry.unlink()


def _remove_unpinned(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    except BlockingIOError:  # a PinnedTables holds it
        pass
    finally:
        os.close(descriptor)


def _write_generation(folder: Path, tables: dict[str, pd.DataFrame], replaced: pd.DataFrame) -> str:
    """Write every table into `folder`, synced to disk; return the digest of all bytes."""
    dtypes = {
        name: {column: str(c.dtype) for column, c in schema.columns.items()}
        for name, schema in TABLES.items()
    }
    for name, schema in TABLES.items():
        path = folder / f"{name}.parquet"
        _write(path, tables.get(name, empty(name)), dtypes[name], key=schema.unique)
    if len(replaced):
        path = folder / f"{REPLACED}.parquet"
        columns = dtypes["order_lines"] | {"replaced_timestamp": str(TIME)}
        key = [*TABLES["order_lines"].unique, "replaced_timestamp"]
        _write(path, replaced, columns, key=key)
    sync(folder)
    return digest_of_files(_files(folder))


def _write(path: Path, frame: pd.DataFrame, dtypes: dict[str, str], *, key: list[str]) -> None:
    fields = [(name, _ARROW[dtype]) for name, dtype in dtypes.items()]
    table = pa.Table.from_pandas(frame, schema=pa.schema(fields), preserve_index=False)
    table = table.replace_schema_metadata(None)
    table = table.sort_by([(column, "ascending") for column in key])
    with path.open("wb") as file:  # opened here because Arrow's errors hide the disk's error
        pq.write_table(table, file, compression="zstd", coerce_timestamps="us")
    sync(path)
