"""The write-ahead log of a SQLite database: whether it still holds what was acknowledged.

After a crash SQLite reads `x.db-wal` as far as its checksums agree, and drops the rest in silence:
a removed, cut or garbled log loses acknowledged changes. `x.db-shm` still tells how many frames
were committed, and survives a killed process; SQLite writes it after the frames are on disk. See
https://www.sqlite.org/walformat.html, and https://www.sqlite.org/howtocorrupt.html (2.2): a process
that opens and closes one of these files would free its own locks, so each is read before the
process opens its first connection.
"""

import sqlite3
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

_Words = npt.NDArray[np.uint32]
_Matrix = tuple[tuple[int, int], tuple[int, int]]
_HEADER: Final = 32
"""Bytes before the frames."""
_FRAME: Final = 24
"""Bytes before the page in a frame."""
_INDEX: Final = 48
"""Bytes of what the shared memory says, which is there twice."""
_TRIES: Final = 5
_LOCK: Final = threading.Lock()
_OPEN: Final = Counter[str]()


@dataclass(frozen=True, kw_only=True)
class _Index:
    """What the shared memory says of the log."""

    frames: int
    """Committed frames."""
    copied: int
    """Of them, those that the database file holds already."""
    page_size: int
    big_endian: bool
    """The byte order of the checksums."""
    salts: bytes
    checksum: tuple[int, int]
    """Of the last committed frame."""


def opening(path: Path) -> None:
    """Count a connection of this process to `path`; before the first one, check the log.

    Raises sqlite3.DatabaseError if acknowledged changes are missing from it.
    """
    name = str(path.absolute())
    with _LOCK:
        if not _OPEN[name]:
            _check(path)
        _OPEN[name] += 1


def closed(path: Path) -> None:
    """Count a connection less, after it was closed."""
    with _LOCK:
        _OPEN[str(path.absolute())] -= 1


def _check(path: Path) -> None:
    shared, log = (path.with_name(path.name + suffix) for suffix in ("-shm", "-wal"))
    for _ in range(_TRIES):
        index = _index(shared)
        finding = None if index is None else _finding(log, index)
        if finding is None:
            return
        if _index(shared) == index:  # else another process has written in between
            raise sqlite3.DatabaseError(
                f"{log} {finding}: restore it, or remove {log.name} and {shared.name} to go on "
                "without the changes in it"
            )
        time.sleep(0.01)


def _index(shared: Path) -> _Index | None:
    """Return the content of `shared`; None if there is none, or it is no longer valid."""
    try:
        with shared.open("rb") as file:
            start = file.read(2 * _INDEX + 4)
    except OSError:
        return None
    if len(start) < 2 * _INDEX + 4 or start[:_INDEX] != start[_INDEX : 2 * _INDEX]:
        return None
    words = np.frombuffer(start[: _INDEX - 8], np.uint32)
    if _checksums(words[None, :])[0] != struct.unpack("=II", start[40:48]) or not start[12]:
        return None
    (size,) = struct.unpack("=H", start[14:16])
    return _Index(
        frames=struct.unpack("=I", start[16:20])[0],
        copied=struct.unpack("=I", start[96:100])[0],
        page_size=65536 if size == 1 else size,
        big_endian=bool(start[13]),
        salts=start[32:40],
        checksum=struct.unpack("=II", start[24:32]),
    )


def _finding(log: Path, index: _Index) -> str | None:
    """Return what is wrong with `log`; None if it holds all committed frames."""
    if not index.frames:
        return None
    content = b""
    with suppress(FileNotFoundError):
        content = log.read_bytes()
    order = ">u4" if index.big_endian else "<u4"
    head = np.frombuffer(content[:24], order) if len(content) >= _HEADER else None
    if head is None or _checksums(head[None, :])[0] != struct.unpack(">II", content[24:32]):
        # SQLite takes the database file as it is, which may hold everything.
        return None if index.copied >= index.frames else "is missing, cut off, or damaged"
    salt, expected = (struct.unpack(">I", salts[:4])[0] for salts in (content[16:24], index.salts))
    if 0 < (salt - expected) % 2**32 < 2**31:  # a later log: all of this one was copied
        return None
    length = _FRAME + index.page_size
    whole = min((len(content) - _HEADER) // length, index.frames)
    frames = np.frombuffer(content, np.uint8, whole * length, _HEADER).reshape(whole, length)
    covered = np.concatenate([frames[:, :8], frames[:, _FRAME:]], axis=1)
    sums = _checksums(covered.view(order), before=struct.unpack(">II", content[24:32]))
    stored = np.ascontiguousarray(frames[:, 16:_FRAME]).view(">u4").tolist()
    salts = content[16:24]
    for number, (found, told, frame) in enumerate(zip(sums, stored, frames, strict=True)):
        if found != tuple(told) or frame[8:16].tobytes() != salts or salts != index.salts:
            return f"is damaged in frame {number + 1} of {index.frames}"
    if whole < index.frames:
        return f"is cut off after {whole} of {index.frames} frames"
    return None if sums[-1] == index.checksum else "is of another database"


def _checksums(rows: _Words, before: tuple[int, int] = (0, 0)) -> list[tuple[int, int]]:
    """Return the running checksum after each of the `rows` of 32-bit words.

    For each pair of words (x, y): a += x + b, then b += y + a, modulo 2**32. This is linear, so a
    row adds the same combination of its words whatever was before it.
    """
    of_a, of_b = _weights(rows.shape[1] // 2)
    words = rows.astype(np.uint32)
    added = np.stack([(words * weights).sum(1, dtype=np.uint32) for weights in (of_a, of_b)], 1)
    (aa, ab), (ba, bb) = _powers(rows.shape[1] // 2 + 1)[-1]
    a, b = before
    sums = []
    for x, y in added.tolist():
        a, b = (aa * a + ab * b + x) % 2**32, (ba * a + bb * b + y) % 2**32
        sums.append((a, b))
    return sums


@lru_cache(maxsize=8)
def _weights(pairs: int) -> tuple[_Words, _Words]:
    """Return how often each word of a row is in its a and in its b."""
    of_a, of_b = [], []
    for (aa, ab), (ba, bb) in reversed(_powers(pairs)):
        of_a += [(aa + ab) % 2**32, ab]  # x is added to a, and with it to b; y to b alone
        of_b += [(ba + bb) % 2**32, bb]
    return np.array(of_a, np.uint32), np.array(of_b, np.uint32)


@lru_cache(maxsize=8)
def _powers(count: int) -> list[_Matrix]:
    """Return what a and b become after 0, 1, ... `count` - 1 pairs of zeros."""
    powers: list[_Matrix] = [((1, 0), (0, 1))]
    while len(powers) < count:
        (aa, ab), (ba, bb) = powers[-1]
        top = (aa + ba) % 2**32, (ab + bb) % 2**32  # a += b
        powers.append((top, ((top[0] + ba) % 2**32, (top[1] + bb) % 2**32)))  # b += a
    return powers
