"""The ledger: which version of a registered model was the champion when, by whom, and why.

Rows are only ever added. SQLite itself refuses to change or remove one, to leave out a number, or
to add a move that does not begin at the version where the last one ended.
"""

import getpass
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd

from configs.checksums import row_checksum
from configs.database import Database
from configs.database_files import check_there
from features.times import microseconds, timestamp
from features.workspace import Workspace
from training.registry.outage import TIMEOUT_S, StoreOutage, way_on

Kind = Literal["promote", "rollback"]
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS moves (
  number INTEGER PRIMARY KEY,
  time_us INTEGER NOT NULL,  -- UTC, microseconds
  who TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
  version_from TEXT, version_to TEXT NOT NULL,
  reason TEXT, evidence TEXT NOT NULL,  -- a JSON object
  checksum INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS moves_of_name ON moves (name, number);
CREATE TRIGGER IF NOT EXISTS moves_stay BEFORE UPDATE ON moves BEGIN
  SELECT RAISE(ABORT, 'a move in the ledger is never changed');
END;
CREATE TRIGGER IF NOT EXISTS moves_remain BEFORE DELETE ON moves BEGIN
  SELECT RAISE(ABORT, 'a move in the ledger is never removed');
END;
CREATE TRIGGER IF NOT EXISTS moves_follow BEFORE INSERT ON moves BEGIN
  SELECT RAISE(ABORT, 'a move in the ledger has the next number')
    WHERE new.number <> (SELECT COALESCE(MAX(number), 0) + 1 FROM moves);
  SELECT RAISE(ABORT, 'a move in the ledger begins where the last one ended')
    FROM moves WHERE name = new.name
    AND number = (SELECT MAX(number) FROM moves WHERE name = new.name)
    AND version_to IS NOT new.version_from;
END;
"""
_COLUMNS: Final = (
    "number, time_us, who, name, kind, version_from, version_to, reason, evidence, checksum"
)


def ledger_file(ws: Workspace) -> Path:
    """Return the file of the workspace's ledger."""
    return ws.home / "ledger.db"


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why a champion moves."""

    kind: Kind = "promote"
    reason: str | None = None
    """In the user's words."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """What the decision was made from: a JSON object. Its `champion`, if it has one, is the version
    (or null) that must still be the champion."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """A row of the ledger."""

    number: int
    """1, 2, ... over all models."""
    time: pd.Timestamp
    """UTC, by the workspace's clock."""
    who: str
    """The operating system's user."""
    name: str
    """The registered model."""
    kind: Kind
    version_from: str | None
    """The champion before; None for the first."""
    version_to: str
    reason: str | None
    """In the user's words; None without any."""
    evidence: dict[str, Any]
    """What the decision was made from; {} without any."""


class Ledger:
    """The moves in the SQLite file `path`, for several processes; durable on return.

    The first append makes the file. Where there never was one, there are no moves. Every read
    checks each page and each row. Every call raises StoreOutage, which names the file and the way
    on, if it is damaged, lost, locked or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(
        self,
        name: str,
        cause: Cause,
        *,
        version_from: str | None,
        version_to: str,
        time: pd.Timestamp,
    ) -> Move:
        """Write the move of `name` at `time` (UTC), and return it.

        Raises ValueError for evidence that JSON does not know, such as NaN.
        """
        evidence = json.dumps(dict(cause.evidence), allow_nan=False)
        words = " ".join((cause.reason or "").encode(errors="replace").decode().split())
        with self._opened() as database, database.writing() as moves:
            (number,) = moves.execute("SELECT COALESCE(MAX(number), 0) + 1 FROM moves").fetchone()
            versions = (version_from, version_to)
            row = (number, microseconds(time), _user(), name, cause.kind, *versions)
            values = (*row, words or None, evidence)
            stored = (*values, row_checksum(values))
            moves.execute(f"INSERT INTO moves ({_COLUMNS}) VALUES ({', '.join('?' * 10)})", stored)
        return self._move(stored)

    def moves(self, name: str) -> list[Move]:
        """Return the moves of `name`, oldest first."""
        return self._read("name = ? ORDER BY number", name)

    def last(self, name: str) -> Move | None:
        """Return the newest move of `name`; None without moves."""
        return next(iter(self._read("name = ? ORDER BY number DESC LIMIT 1", name)), None)

    def _read(self, condition: str, *values: str | int) -> list[Move]:
        with self._stating():
            if not check_there(self._path):
                return []
        with self._opened() as database, database.reading() as moves:
            rows = moves.execute(f"SELECT {_COLUMNS} FROM moves WHERE {condition}", values)
            return [self._move(row) for row in rows.fetchall()]

    @contextmanager
    def _opened(self) -> Iterator[Database]:
        """Yield the database, whose pages are whole; a copy may lie on a read-only disk."""
        immutable = not os.access(self._path.parent, os.W_OK)
        database = Database(self._path, SCHEMA, timeout_s=TIMEOUT_S, immutable=immutable)
        with self._stating(), closing(database):
            if not immutable:
                database.check()
            yield database

    @contextmanager
    def _stating(self) -> Iterator[None]:
        """Raise StoreOutage for an error of the database, whose message names the file."""
        try:
            yield
        except sqlite3.Error as error:
            further = way_on(error)
            raise StoreOutage(f"{error}; {further}" if further else str(error)) from error

    def _move(self, row: tuple[Any, ...]) -> Move:
        *values, checksum = row
        if checksum != row_checksum(values):
            raise sqlite3.DatabaseError(
                f"{self._path}: move {row[0]} is damaged (its checksum differs): restore the file "
                "from a backup"
            )
        number, time_us, who, name, kind, version_from, version_to, reason, evidence = values
        return Move(
            number=number,
            time=timestamp(time_us),
            who=who,
            name=name,
            kind=kind,
            version_from=version_from,
            version_to=version_to,
            reason=reason,
            evidence=json.loads(evidence),
        )


def champions_between(moves: list[Move], first: pd.Timestamp, last: pd.Timestamp) -> list[Move]:
    """Return those of `moves` (oldest first) that made a champion of `first` to `last` (UTC).

    The champion of `first` comes first, if there was one.
    """
    before = [move for move in moves if move.time <= first]
    return [*before[-1:], *(move for move in moves if first < move.time <= last)]


def previous(moves: list[Move]) -> str | None:
    """Return the version that a rollback after `moves` (oldest first) leads to; None if none.

    A promotion is taken back once: after rollbacks, further ones go further back.
    """
    former: list[str | None] = []
    for move in moves:
        if move.kind == "promote":
            former.append(move.version_from)
        else:
            former.pop()
    return former[-1] if former else None


def _user() -> str:
    """Return the name of the operating system's user, or its number where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
