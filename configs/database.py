"""A SQLite file shared by threads and processes, which recovers after failures."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from configs import database_files, wal
from configs.database_checks import FOREIGN, check_file, expect, message_of, raise_found, suspect
from configs.database_schema import bring_up
from configs.durable import identity

_PRAGMAS: Final = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL")


class Database:
    """One connection to `path` (WAL, synced at each commit), for one thread at a time.

    Where there never was a file, one is made with `schema`, whole or not at all. Later, a missing
    or empty file is an error until it is back, after a restart too; a replaced file is opened
    again, as after every failure: nothing is written to a deleted file. Raises sqlite3.Error that
    names the file, whatever is wrong with it.

    `schema` makes the tables of the first version (IF NOT EXISTS); `upgrades` are the scripts that
    came later, each applied once, in order. Other processes may do so at the same time. A file of
    newer code is refused.

    `immutable`: a copy that is never written, on any disk.
    """

    def __init__(
        self,
        path: Path,
        schema: str,
        *,
        upgrades: Sequence[str] = (),
        timeout_s: float = 5.0,
        immutable: bool = False,
    ) -> None:
        self.path = path
        self._schema, self._upgrades = schema, tuple(upgrades)
        self._timeout_s, self._immutable = timeout_s, immutable
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        expect(path, schema, self._upgrades)
        with suppress(sqlite3.Error), self.reading():  # the first use raises it
            pass

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        with self._lock:
            self._disconnect()

    def check(self) -> None:
        """Read every page on a connection of its own; see `check_file`."""
        check_file(self.path)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection, to read committed data."""
        with self._lock:
            try:
                yield self._connected()
            except sqlite3.Error as error:
                suspect(self.path, error)
                self._disconnect()
                error.args = (message_of(self.path, error),)
                raise
            except FOREIGN as error:
                suspect(self.path, error)
                self._disconnect()
                raise sqlite3.DatabaseError(message_of(self.path, error)) from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection in an exclusive write transaction.

        The writes are on disk when the block ends, and rolled back if it raises.
        """
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _connected(self) -> sqlite3.Connection:
        file = self._file_id()
        raise_found(self.path, file)
        if self._connection is not None and self._opened == file:
            return self._connection
        self._disconnect()
        self._connection = self._open_copy() if self._immutable else self._open()
        self._opened = self._file_id()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        try:
            if not database_files.check_there(self.path):
                if self._opened is not None and not self.path.parent.exists():
                    raise sqlite3.OperationalError(f"{self.path} is gone, with its folder")
                database_files.make(self.path, self._bring_up)
            wal.opening(self.path)
        except OSError as error:
            raise sqlite3.OperationalError(f"{self.path.name}: {error}") from error
        connection = None
        try:
            connection = self._connect("?mode=rw")  # never makes a file
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            self._bring_up(connection)
        except BaseException:
            if connection is not None:
                connection.close()
            wal.closed(self.path)
            raise
        database_files.mark(self.path)
        return connection

    def _open_copy(self) -> sqlite3.Connection:
        return self._connect("?mode=ro&immutable=1")

    def _connect(self, options: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.absolute().as_uri()}{options}",
            uri=True,
            timeout=self._timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )

    def _bring_up(self, connection: sqlite3.Connection) -> None:
        bring_up(connection, self._schema, self._upgrades, path=self.path)

    def _file_id(self) -> tuple[int, int] | None:
        try:
            return identity(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:  # a disk failure, or a path that is not a folder
            raise sqlite3.OperationalError(f"{self.path.name}: {error}") from error

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            if not self._immutable:
                wal.closed(self.path)
