"""A compiled loop and the library call that it replaces, bound to the same arguments."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.inputs import FloatArray


@dataclass(frozen=True, kw_only=True)
class Loop:
    """A compiled loop and the library call that it replaces, bound to the same arguments."""

    name: str
    library: str
    compiled: Callable[[], npt.NDArray[Any]]
    by_library: Callable[[], npt.NDArray[Any]]
    tolerance: float = 0.0
    """The greatest difference between their results; 0: the same bits."""
    calls: int = 1
    """Calls in one answer; 0: none, since the catalogue is too small."""


def into(out: FloatArray, write: Callable[[FloatArray], None]) -> Callable[[], FloatArray]:
    """Return a function that calls `write` on `out` and returns `out`."""

    def run() -> FloatArray:
        write(out)
        return out

    return run


def on_copy(values: FloatArray, change: Callable[[FloatArray], None]) -> Callable[[], FloatArray]:
    """Return a function that calls `change` on a fresh copy of `values` and returns the copy."""
    copy = np.empty_like(values)

    def run() -> FloatArray:
        np.copyto(copy, values)
        change(copy)
        return copy

    return run
