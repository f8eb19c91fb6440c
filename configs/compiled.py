"""How loops over numbers become machine code: by numba, kept on disk between processes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba

from configs.code import source_digest

F = TypeVar("F", bound=Callable[..., Any])
Plain = tuple[Any, ...]
"""A named tuple as compiled functions take it, `tuple(named)`: what was kept on disk under the name
of a class could not be read once the class has another name.
"""


def compiled(function: F) -> F:
    """Return `function` compiled for the types that it is first called with.

    What was compiled is kept in NUMBA_CACHE_DIR, or else beside the source, apart for each state of
    our code: numba alone would not see that a constant of another file has changed. Where that
    cannot be written, each process compiles for itself.
    Arithmetic is numpy's, in the order written, and what is divided by 0 is inf.
    """
    return _compiled(function, fastmath=False)


def compiled_loosely(function: F) -> F:
    """Return `function` compiled, whose sums may be added up in any order, fused with products."""
    return _compiled(function, fastmath={"reassoc", "contract"})


def _compiled(function: F, **options: Any) -> F:
    try:
        return cast(F, numba.njit(cache=True, error_model="numpy", **options)(function))
    except RuntimeError:  # numba found no folder that it can write
        return cast(F, numba.njit(error_model="numpy", **options)(function))


_PARENT: Final = os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).parent / "__pycache__"
numba.config.CACHE_DIR = str(Path(_PARENT) / f"compiled-{source_digest()}")
