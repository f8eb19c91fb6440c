"""A customer's features as serving reads them: one value of the online store, a mapping in Python.

Feast reads one value several times faster than the same features in separate columns, and a
customer's row is always complete, even if its writer is killed.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

from configs.code import source_digest
from features.customer_features import ACTIVITY_COUNTS, ACTIVITY_TIMES, HISTORY_LISTS, RETURN_LISTS

Row = Mapping[str, Any]
"""Feature name -> value at a snapshot, whose time is `snapshot_timestamp`; `log_sequence` is the
event log's last event that it was built from.

Counts are floats, times microseconds since 1970 (UTC; None for never), lists are lists or arrays
(None for empty)."""

ONLINE_VIEW: Final = "customer_online"
ONLINE_VALUE: Final = "packed"
"""The Feast view that serving reads, and its one feature."""
ROW_CODE: Final = f"{source_digest('features.customer_row')}/{source_digest('features.views')}"
"""The digests of the code that encodes rows in that value, and of the code that computes them."""
_TIMES: Final = ("snapshot_timestamp", *ACTIVITY_TIMES)
_CHECKSUM: Final = 4
"""Length of the CRC-32 at a value's end: no layer below notices a changed byte."""


class OtherCode(ValueError):
    """Other code, which computes or encodes rows differently, wrote the value."""


class DamagedRow(ValueError):
    """The value is not what was written."""


class _Packed(msgspec.Struct, array_like=True):
    code: str
    sequence: int
    times: list[int | None]  # _TIMES
    counts: list[float | None]  # ACTIVITY_COUNTS
    recent: tuple[list[str], bytes, bytes]  # HISTORY_LISTS: times as int64, values as float64
    returned: tuple[list[str], bytes]  # RETURN_LISTS


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(_Packed)


def pack(rows: pd.DataFrame, *, log_sequence: int) -> list[bytes]:
    """Return one value per row of `rows`, the stored customer features of a snapshot.

    It was built from the event log up to `log_sequence`.
    """
    columns = {str(name): _none_if_missing(column) for name, column in rows.items()}
    packed = []
    for row in (
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    ):
        products, times, values = (row[name] for name in HISTORY_LISTS)
        returned, return_times = (row[name] for name in RETURN_LISTS)
        value = _ENCODER.encode(
            _Packed(
                code=ROW_CODE,
                sequence=log_sequence,
                times=[None if row[name] is None else int(row[name]) for name in _TIMES],
                counts=[
                    None if row[name] is None else float(row[name]) for name in ACTIVITY_COUNTS
                ],
                recent=(_texts(products), _bytes(times, "i8"), _bytes(values, "f8")),
                returned=(_texts(returned), _bytes(return_times, "i8")),
            )
        )
        packed.append(value + _checksum(value))
    return packed


def unpack(value: bytes) -> dict[str, Any]:
    """Return the Row in a value of `pack`. Raises OtherCode and DamagedRow."""
    content = memoryview(value)[:-_CHECKSUM]
    if value[-_CHECKSUM:] != _checksum(content):
        if ROW_CODE.encode() in value:
            raise DamagedRow("its checksum differs")
        raise OtherCode("without a checksum")
    try:
        packed = _DECODER.decode(content)
    except msgspec.MsgspecError as error:
        raise OtherCode(f"{error}") from error
    if packed.code != ROW_CODE:
        raise OtherCode(f"{packed.code}, not {ROW_CODE}")
    row: dict[str, Any] = dict(zip(_TIMES, packed.times, strict=True))
    row["log_sequence"] = packed.sequence
    row.update(zip(ACTIVITY_COUNTS, packed.counts, strict=True))
    products, times, values = packed.recent
    recent = (products, np.frombuffer(times, "i8"), np.frombuffer(values, "f8"))
    row.update(zip(HISTORY_LISTS, recent if products else (None,) * 3, strict=True))
    returned, return_times = packed.returned
    lists = (returned, np.frombuffer(return_times, "i8"))
    row.update(zip(RETURN_LISTS, lists if returned else (None,) * 2, strict=True))
    return row


def activity_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the counts and times of `rows` as training frames hold them."""
    counts = {name: [row.get(name) for row in rows] for name in ACTIVITY_COUNTS}
    frame = pd.DataFrame(counts, dtype="float64")
    for name in ACTIVITY_TIMES:
        times = pd.array([row.get(name) for row in rows], dtype="Int64")
        frame[name] = pd.to_datetime(times, unit="us", utc=True)
    return frame


def _checksum(content: bytes | memoryview) -> bytes:
    return zlib.crc32(content).to_bytes(_CHECKSUM)


def _none_if_missing(column: pd.Series) -> list[Any]:
    """Return the values of `column`, None for a missing one."""
    return [
        None if missing else value for value, missing in zip(column, column.isna(), strict=True)
    ]


def _texts(values: Any) -> list[str]:
    return [] if values is None else [str(value) for value in values]


def _bytes(values: Any, kind: str) -> bytes:
    return b"" if values is None else np.asarray(values, dtype=kind).tobytes()
