"""The sizes of the scale benchmark, and the cost of a stage at a size."""

import math
from dataclasses import dataclass
from typing import Final

CUSTOMERS: Final = 1250
PRODUCTS: Final = 500
DAYS: Final = 730
STAGES: Final = ("simulate", "build", "train", "score")
"""The processes of a size; `train` yields two costs: its own, and one more `epoch`."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of one stage at one size."""

    size: float
    customers: int
    products: int
    stage: str
    rows: int
    """Order lines, rows of snapshots or list positions written, or purchases trained on."""
    wall_seconds: float
    cpu_seconds: float
    """Of all threads, in user and system mode."""
    peak_mb: float
    """The largest resident memory of the stage's process, in 10^6 bytes."""


def shape(size: float) -> tuple[int, int]:
    """Return the numbers of customers and of products of a shop of `size`.

    >>> shape(4)
    (5000, 1000)
    """
    return round(CUSTOMERS * size), round(PRODUCTS * math.sqrt(size))
