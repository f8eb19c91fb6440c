"""What a repair finds, and what it did about it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.times import timestamp

Micros = npt.NDArray[np.int64]
"""Times, in microseconds since 1970 (UTC)."""
NO_TIMES: Final[Micros] = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Rows of one file, or files of one folder, that are stamped ahead of the clock."""

    place: str
    """Such as `events.db`, or `tables: order_lines`."""
    rows: int
    first: pd.Timestamp
    """The earliest of their stamps (UTC)."""
    last: pd.Timestamp
    became: tuple[pd.Timestamp, pd.Timestamp] | None = None
    """The earliest and the latest of their new stamps; None if they were not changed."""
    removed: bool = False
    """Whether they were removed: the next `materialize` computes them again."""


def found(place: str, stamps: Micros, new: Micros = NO_TIMES) -> list[Finding]:
    """Return the finding for rows with `stamps`, which became `new`; none without rows."""
    if not len(stamps):
        return []
    became = (timestamp(int(new.min())), timestamp(int(new.max()))) if len(new) else None
    first, last = timestamp(int(stamps.min())), timestamp(int(stamps.max()))
    return [Finding(place=place, rows=len(stamps), first=first, last=last, became=became)]


@dataclass(frozen=True, kw_only=True)
class Damage:
    """Rows whose checksum differs; nothing mends them but a copy of the file."""

    place: str
    rows: int
    first: str
    """The key of the first one."""
