"""Compilation of loops over numbers by numba, cached on disk between processes."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from configs.code import byte_digest

F = TypeVar("F", bound=Callable[..., Any])
Plain = tuple[Any, ...]
"""A named tuple as compiled functions take it, `tuple(named)`: a class that is part of a signature
would have to be found by its name when the cache on disk is read.
"""


def compiled(function: F) -> F:
    """Return `function`, which numba compiles for the argument types of its calls.

    Sums and products are computed in the order in which they are written. A division by 0 gives
    inf, as in numpy. Machine code is cached as `_set_cache_folder` says; where no folder can be
    written, each process compiles for itself.
    """
    return _compiled(function, fastmath=False)


def compiled_loosely(function: F) -> F:
    """Return `function` compiled; sums may be reordered and fused with products."""
    return _compiled(function, fastmath={"reassoc", "contract"})


def _compiled(function: F, **options: Any) -> F:
    _set_cache_folder()
    try:
        return cast(F, numba.njit(cache=True, error_model="numpy", **options)(function))
    except RuntimeError:  # numba finds no folder that it can write
        return cast(F, numba.njit(error_model="numpy", **options)(function))


@cache
def _set_cache_folder() -> None:
    """Let numba cache in NUMBA_CACHE_DIR, or else beside this file, in a folder for this code.

    numba itself would not notice that a constant in another file has changed. It takes its folder
    when a function is decorated, so this is called before the first one is.
    """
    parent = os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).parent / "__pycache__"
    numba.config.CACHE_DIR = str(Path(parent) / f"compiled-{byte_digest()}")
