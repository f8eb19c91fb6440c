"""How loops over numbers become machine code: by numba, kept on disk between processes."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])
Plain = tuple[Any, ...]
"""A named tuple as compiled functions take it, `tuple(named)`: what was kept on disk under the name
of a class could not be read once the class has another name.
"""


def compiled(function: F) -> F:
    """Return `function` compiled for the types that it is first called with.

    What was compiled is kept beside the source or, where that cannot be written, in the user's
    cache or NUMBA_CACHE_DIR; where none of these can be, each process compiles for itself.
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
