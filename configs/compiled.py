"""Compilation of numeric loops by numba, cached on disk between processes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba

from configs.code import code_digest

F = TypeVar("F", bound=Callable[..., Any])
Plain = tuple[Any, ...]
"""A named tuple passed to compiled functions as `tuple(named)`: the disk cache of a function that
takes the class cannot be read after the class is renamed.
"""


def compiled(function: F) -> F:
    """Return `function` compiled for the argument types of its calls.

    The cache is in NUMBA_CACHE_DIR, or else beside the source, with a folder for each state of our
    code: numba does not notice that a constant of another file has changed. If it cannot be
    written, each process compiles for itself.
    Arithmetic is numpy's, in the order written; division by 0 gives inf.
    """
    return _compiled(function, fastmath=False)


def compiled_loosely(function: F) -> F:
    """Return `function` compiled with sums in any order, fused with products."""
    return _compiled(function, fastmath={"reassoc", "contract"})


def _compiled(function: F, **options: Any) -> F:
    try:
        return cast(F, numba.njit(cache=True, error_model="numpy", **options)(function))
    except RuntimeError:  # numba has no writable folder
        return cast(F, numba.njit(error_model="numpy", **options)(function))


_PARENT: Final = os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).parent / "__pycache__"
numba.config.CACHE_DIR = str(Path(_PARENT) / f"compiled-{code_digest()}")
