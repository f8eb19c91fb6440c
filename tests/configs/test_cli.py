"""How commands end: one line and 2 for a user's error, 3 for an outage, a traceback for a bug."""

import errno
import shutil
import sqlite3
from collections.abc import Callable

import duckdb
import pytest
import sqlalchemy.exc
import typer

from configs.cli import user_errors
from configs.errors import UserError
from configs.json_files import DamagedFile

FULL = OSError(errno.ENOSPC, "No space left on device", "/shop/events.db")
SQLITE_FULL = sqlite3.OperationalError("database or disk is full")


def because(cause: Exception, error: Exception) -> Exception:
    """Return `error`, raised because of `cause`."""
    error.__cause__ = cause
    return error


def in_answer_to(context: Exception, error: Exception) -> Exception:
    """Return `error`, raised while `context` was handled."""
    error.__context__ = context
    return error


def end(error: Exception) -> int:
    """Return the exit code of a command that raises `error`."""
    with pytest.raises(typer.Exit) as ended, user_errors():
        raise error
    return ended.value.exit_code


@pytest.mark.parametrize(
    "make",
    [
        lambda: FULL,
        lambda: SQLITE_FULL,
        lambda: sqlite3.DatabaseError("database disk image is malformed"),
        lambda: sqlalchemy.exc.OperationalError("INSERT", {}, SQLITE_FULL),
        lambda: duckdb.IOException("IO Error: could not write all bytes"),
        lambda: DamagedFile("a.json: not JSON; restore it"),
        lambda: because(FULL, UserError("tables: cannot write; the tables are unchanged")),
        lambda: in_answer_to(FULL, RuntimeError("of a library that hides the disk's error")),
        lambda: RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0"),
        lambda: ValueError('IoError(Os { code: 28, message: "No space left on device" })'),
        lambda: shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")]),
        lambda: OSError(errno.EFBIG, "File too large"),
        lambda: OSError(errno.EROFS, "Read-only file system"),
    ],
)
def test_an_outage_is_one_line_and_3(
    make: Callable[[], Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    assert end(make()) == 3
    assert capsys.readouterr().err.startswith("error: ")


def test_an_outage_that_a_library_reports_comes_with_the_way_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    end(SQLITE_FULL)
    assert capsys.readouterr().err == (
        "error: the disk or a store failed (OperationalError: database or disk is full); see to "
        "it, then run the command again\n"
    )


@pytest.mark.parametrize(
    "error",
    [
        UserError("no such\n  file"),
        FileNotFoundError(errno.ENOENT, "no such file"),
        PermissionError(errno.EACCES, "no such file"),
    ],
)
def test_a_users_error_is_one_line_and_2(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end(error) == 2
    assert capsys.readouterr().err.endswith("no such file\n")


@pytest.mark.parametrize(
    "error", [RuntimeError("a bug"), KeyError("x"), sqlite3.IntegrityError("UNIQUE"), ValueError()]
)
def test_a_bug_is_no_line(error: Exception) -> None:
    with pytest.raises(type(error)), user_errors():
        raise error


def test_an_end_inside_another_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, user_errors(), user_errors():
        raise FULL
    assert ended.value.exit_code == 3
    assert capsys.readouterr().err.count("error: ") == 1
