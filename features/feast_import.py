"""Import Feast in 3 seconds instead of 8."""

import sys
from typing import Any


def import_feast() -> None:
    """Import Feast, the first time without typeguard's checks of the arguments of its classes.

    For these checks typeguard parses and compiles the classes again, in every process.
    """
    if "feast" in sys.modules:
        return
    import typeguard

    checked = typeguard.typechecked
    typeguard.typechecked = _unchecked
    try:
        import feast  # noqa: F401
    finally:
        typeguard.typechecked = checked


def _unchecked(target: Any = None, **_options: Any) -> Any:
    return _unchecked if target is None else target
