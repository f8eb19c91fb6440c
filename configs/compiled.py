"""How loops over numbers become machine code: by numba, kept on disk between processes."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Return `function` compiled for the types that it is first called with.

    What was compiled is kept beside the source or, where that cannot be written, in the user's
    cache or NUMBA_CACHE_DIR; where none of these can be, each process compiles for itself.
    Arithmetic is numpy's, in the order written: no `fastmath`, and what is divided by 0 is inf.
    """
    try:
        return cast(F, numba.njit(cache=True, error_model="numpy")(function))
    except RuntimeError:  # numba found no folder that it can write
        return cast(F, numba.njit(error_model="numpy")(function))
