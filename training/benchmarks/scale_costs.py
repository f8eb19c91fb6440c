"""The sizes that are measured, and what a stage took at one of them."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    pass

CUSTOMERS: Final = 1250


PRODUCTS: Final = 500


DAYS: Final = 730


STAGES: Final = ("simulate", "build", "train", "score")
"""The processes of a size; `train` gives two costs, its own and that of one more `epoch`."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one stage took at one size."""

    size: float
    customers: int
    products: int
    stage: str
    rows: int
    """Order lines, rows of snapshots and places of lists made, or purchases learned from."""
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
