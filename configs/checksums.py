"""Checksums of stored values, for stores whose format has none: they show damage, not intent."""

import zlib
from collections.abc import Sequence

import msgspec

_ENCODER = msgspec.msgpack.Encoder()


def row_checksum(values: Sequence[str | bytes | int | float | None]) -> int:
    """Return the CRC-32 of a row's values, in order; a type is part of a value.

    >>> row_checksum(["a", 1]) == row_checksum(["a", 1])
    True
    >>> row_checksum(["a", 1]) == row_checksum(["a", "1"])
    False
    """
    return zlib.crc32(_ENCODER.encode(values))
