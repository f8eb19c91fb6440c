"""Shared parts of all command lines: the option `--home`, and the handling of user errors."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from configs.errors import UserError
from configs.outages import is_outage
from configs.privacy import keep_private

if TYPE_CHECKING:
    from rich.console import Console

HOME: Final = Path(".regulars")
Home = Annotated[
    Path, typer.Option(envvar="REGULARS_HOME", help="The workspace: one directory per shop.")
]
USER_ERROR: Final = 2
OUTAGE: Final = 3
"""Exit codes of commands."""
_LONG: Final = 500
"""Characters of a library's message that are shown."""
_WIDE: Final = 400
"""Columns of output that no terminal shows: no table is cut."""


def open_console(*, stderr: bool = False) -> "Console":
    """Return a console that shows text as it is: a path may hold [brackets]."""
    from rich.console import Console

    shown = (sys.stderr if stderr else sys.stdout).isatty() or "COLUMNS" in os.environ
    return Console(markup=False, stderr=stderr, width=None if shown else _WIDE)


@contextmanager
def user_errors() -> Iterator[None]:
    """End with one line on stderr on errors that are no fault of the code.

    The exit code is 2 for what the user can change, such as an option or a file, and 3 for an
    outage: a full disk, a store that fails, a damaged file. What the process creates from here on
    is private (`configs.privacy`).
    """
    keep_private()
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        outage = is_outage(error)
        if not outage and not isinstance(error, UserError | OSError):
            raise
        print(f"error: {_line(error, outage=outage)}", file=sys.stderr)
        raise typer.Exit(OUTAGE if outage else USER_ERROR) from error


def _line(error: Exception, *, outage: bool) -> str:
    """Return what happened; for an outage that our own code does not describe, also the way on."""
    text = str(error)
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):  # one entry per file
        text = str(error.args[0][0][-1])
    text = " ".join(text.split())
    if isinstance(error, UserError) or not outage:
        return text
    return (
        f"the disk or a store failed ({type(error).__name__}: {text[:_LONG]}); see to it, then run "
        "the command again"
    )
