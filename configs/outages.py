"""Which errors are an outage of the disk or of a store, whichever library raises them.

Libraries are recognised by name, because importing them takes seconds.
"""

import errno
import os
from collections.abc import Iterator
from typing import Final

from configs.json_files import DamagedFile

_NUMBERS: Final = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ESTALE),
        *(errno.EMFILE, errno.ENFILE, errno.ENODEV, errno.ENXIO, errno.ENOMEM),
    }
)
"""Errors of the disk or the machine, not of a path that the user names."""
_TEXTS: Final = (
    *(os.strerror(number) for number in _NUMBERS),
    "file write failed",  # torch, of a checkpoint
    "unexpected pos",  # torch, when it closes the file of a failed write
)
_CLASSES: Final = frozenset(
    {
        "sqlite3.OperationalError",
        "sqlalchemy.exc.OperationalError",
        *("duckdb.IOException", "duckdb.FatalException", "duckdb.OutOfMemoryException"),
    }
)


def is_outage(error: BaseException) -> bool:
    """Return whether the disk or a store failed, or a file in it is damaged.

    >>> is_outage(OSError(errno.ENOSPC, "No space left on device"))
    True
    >>> is_outage(FileNotFoundError(errno.ENOENT, "No such file or directory"))
    False
    """
    return any(_fails(each) for each in _chain(error))


def _fails(error: BaseException) -> bool:
    if isinstance(error, DamagedFile):
        return True
    if isinstance(error, OSError) and error.errno in _NUMBERS:
        return True
    if _name(type(error)) == "sqlite3.DatabaseError":  # its other subclasses are faults of code
        return True
    if any(_name(each) in _CLASSES for each in type(error).__mro__):
        return True
    text = str(error)
    return any(fragment in text for fragment in _TEXTS)


def _name(kind: type) -> str:
    """Return the name of a class as its library exports it: `_duckdb.X` is `duckdb.X`."""
    return f"{kind.__module__.lstrip('_')}.{kind.__qualname__}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and the errors that led to it."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)
