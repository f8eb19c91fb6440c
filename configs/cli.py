"""Shared parts of all command lines: the option `--home`, and the handling of user errors."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from configs.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

HOME: Final = Path(".regulars")
Home = Annotated[
    Path, typer.Option(envvar="REGULARS_HOME", help="The workspace: one directory per shop.")
]
_WIDE: Final = 400
"""Columns of output that no terminal shows: no table is cut."""


def open_console(*, stderr: bool = False) -> "Console":
    """Return a console that shows text as it is: a path may hold [brackets]."""
    from rich.console import Console

    shown = (sys.stderr if stderr else sys.stdout).isatty() or "COLUMNS" in os.environ
    return Console(markup=False, stderr=stderr, width=None if shown else _WIDE)


@contextmanager
def user_errors() -> Iterator[None]:
    """End with one line on stderr and exit code 2 on errors that a user can fix, as a full disk."""
    try:
        yield
    except (UserError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        raise typer.Exit(2) from error
