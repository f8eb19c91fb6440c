"""Parquet files with a seal: a damaged one is an error, and never other values.

Parquet has checksums of pages, which few readers check (DuckDB does not), and none of its footer.
The seal is the SHA-256 of the file without it, in 48 bytes before the footer, where no reader
looks.
"""

import hashlib
import io
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from configs.durable import replacing
from configs.json_files import DamagedFile

_MARK: Final = b"RGLSEAL1"
_SEAL_SIZE: Final = 2 * len(_MARK) + hashlib.sha256().digest_size
_TAIL: Final = 8
"""Bytes behind the footer: its length (4, little-endian), and a mark."""


def write_parquet(path: Path, rows: pa.Table) -> None:
    """Replace `path` by `rows`, sealed, in one step."""
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd", coerce_timestamps="us")
    content = sink.getbuffer()
    footer = _footer(content)
    seal = hashlib.sha256(content).digest()
    with replacing(path) as file:
        for part in (content[:footer], _MARK, seal, _MARK, content[footer:]):
            file.write(part)


def read_parquet(path: Path, *, columns: list[str] | None = None, otherwise: str) -> pa.Table:
    """Return the rows of `path`; one that was written without a seal is read too.

    Raises FileNotFoundError, and DamagedFile, which names `otherwise` as the way on.
    """
    content = path.read_bytes()
    if is_intact(content) is False:
        raise DamagedFile(f"{path}: it was damaged (its seal differs); {otherwise}")
    try:
        return pq.read_table(pa.BufferReader(content), columns=columns)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DamagedFile(f"{path}: not readable as Parquet ({reason}); {otherwise}") from error


def is_intact(content: bytes) -> bool | None:
    """Return whether the `content` of a Parquet file is what was sealed; None: it has no seal."""
    view = memoryview(content)
    end = _footer(view)
    start = end - _SEAL_SIZE
    if start < 0:
        return None
    seal = bytes(view[start:end])
    if not seal.startswith(_MARK) and not seal.endswith(_MARK):
        return None
    digest = hashlib.sha256(view[:start])
    digest.update(view[end:])
    return seal == _MARK + digest.digest() + _MARK


def _footer(content: memoryview) -> int:
    """Return where the footer starts, by the length that the file names: 0 or less if it cannot."""
    length = int.from_bytes(content[-_TAIL : -_TAIL + 4], "little")
    return len(content) - _TAIL - length
