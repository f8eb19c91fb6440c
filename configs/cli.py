"""Shared parts of all command lines: the option `--home`, and the handling of user errors."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from configs.errors import UserError

HOME: Final = Path(".regulars")
Home = Annotated[
    Path, typer.Option(envvar="REGULARS_HOME", help="The workspace: one directory per shop.")
]


@contextmanager
def user_errors() -> Iterator[None]:
    """End with one line on stderr and exit code 2 on errors that a user can fix, as a full disk."""
    try:
        yield
    except (UserError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        raise typer.Exit(2) from error
