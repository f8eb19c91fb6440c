"""The canonical tables on disk: one generation at a time, replaced in one step.

`tables/<digest>/NAME.parquet` are the files of a generation. `tables/current.json` names the
current generation and the previous one, which remains for processes that still read it.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from configs.durable import sync
from features.schema import TABLES, TEXT, TIME, empty
from features.workspace import Workspace, WorkspaceError, write_json

_ARROW: Final[dict[str, Any]] = {
    TEXT: pa.string(),
    str(TIME): pa.timestamp("us", tz="UTC"),
    "int64": pa.int64(),
    "float64": pa.float64(),
}
_TEXT_DTYPES: Final[dict[Any, Any]] = {pa.string(): pd.StringDtype("pyarrow")}


def generation(ws: Workspace) -> str | None:
    """Return the digest of the current tables; None if nothing was ingested."""
    return _current(ws)["generation"]


def table_paths(ws: Workspace) -> dict[str, Path]:
    """Return the Parquet files of all canonical tables by name, of one generation.

    They remain readable until two newer generations exist. WorkspaceError if nothing was ingested.
    """
    digest = generation(ws)
    if digest is None:
        raise WorkspaceError(
            f"no tables in {ws.home}: run `python -m features ingest` or `simulate` first"
        )
    return {name: ws.tables / digest / f"{name}.parquet" for name in TABLES}


class PinnedTables:
    """The generation of the canonical tables that was current when this object was created.

    Its files stay on the disk as long as this object lives, even if others are ingested meanwhile.
    Raises WorkspaceError if nothing was ingested.
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
    """Return the Parquet file of canonical table `name`. WorkspaceError if nothing was ingested."""
    if name not in TABLES:
        raise ValueError(f"name = {name!r}: one of {', '.join(TABLES)}")
    return table_paths(ws)[name]


def read_table(ws: Workspace, name: str) -> pd.DataFrame:
    """Return canonical table `name`, sorted by its key. WorkspaceError if nothing was ingested."""
    return read_file(table_path(ws, name))


def read_file(path: Path) -> pd.DataFrame:
    """Return the canonical table in the Parquet file `path`."""
    table = pq.read_table(path)
    frame: pd.DataFrame = table.to_pandas(types_mapper=_TEXT_DTYPES.get)
    return frame


def known_before(rows: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """Return the canonical `rows` that happened and were recorded before `at` (UTC)."""
    times = rows[["event_timestamp", "recorded_timestamp"]]
    return rows[(times < at).all(axis=1)]


def write_tables(ws: Workspace, tables: dict[str, pd.DataFrame]) -> str:
    """Replace all canonical tables in one step and return the new generation's digest.

    A table that is not in `tables` becomes empty. The bytes depend on the rows only, not on their
    order. The caller must hold `ws.lock("tables")`. Raises WorkspaceError if the disk fails; the
    tables are then unchanged.
    """
    if unknown := sorted(tables.keys() - TABLES.keys()):
        raise ValueError(f"tables = {unknown}: each one of {', '.join(TABLES)}")
    staging: Path | None = None
    try:
        ws.tables.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=ws.tables, prefix=".aside-"))
        digest = _write_generation(staging, tables)
        if not (ws.tables / digest).exists():
            staging.replace(ws.tables / digest)
        sync(ws.tables)
        before = _current(ws)
        if digest != before["generation"]:
            current = {"generation": digest, "previous": before["generation"]}
            write_json(ws.tables / "current.json", current)
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
    current_names = {"current.json", *_current(ws).values()}
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


def _current(ws: Workspace) -> dict[str, str | None]:
    """Return the digests of the current `generation` and of the `previous` one."""
    try:
        saved = json.loads((ws.tables / "current.json").read_text())
    except FileNotFoundError:
        saved = {}
    return {"generation": saved.get("generation"), "previous": saved.get("previous")}


def _write_generation(folder: Path, tables: dict[str, pd.DataFrame]) -> str:
    """Write every table into `folder`, synced to disk; return the digest of all bytes."""
    folder.chmod(0o755)
    digest = hashlib.sha256()
    for name, schema in TABLES.items():
        frame = tables.get(name, empty(name))
        fields = [(column, _ARROW[str(c.dtype)]) for column, c in schema.columns.items()]
        table = pa.Table.from_pandas(frame, schema=pa.schema(fields), preserve_index=False)
        table = table.replace_schema_metadata(None)
        table = table.sort_by([(column, "ascending") for column in schema.unique])
        path = folder / f"{name}.parquet"
        with path.open("wb") as file:  # opened here because Arrow's errors hide the disk's error
            pq.write_table(table, file, compression="zstd", coerce_timestamps="us")
        sync(path)
        digest.update(name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    sync(folder)
    return digest.hexdigest()[:16]
