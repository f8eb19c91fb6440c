"""A SQLite file shared by threads and processes, which recovers after failures."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from configs.durable import identity

_PRAGMAS: Final = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL")


class Database:
    """One connection to `path` (WAL, synced at each commit), for one thread at a time.

    A missing file is created with `schema`, once. Later, a missing file is an error until it is
    back, and a replaced file is opened again, as after every failure: nothing is written to a
    deleted file. Raises sqlite3.Error.

    `immutable`: a copy that is never written, on any disk.
    """

    def __init__(
        self, path: Path, schema: str, *, timeout_s: float = 5.0, immutable: bool = False
    ) -> None:
        self.path = path
        self._schema, self._timeout_s, self._immutable = schema, timeout_s, immutable
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        with suppress(sqlite3.Error):  # the first use raises it
            self._connected()

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        with self._lock:
            self._disconnect()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection, to read committed data."""
        with self._lock:
            try:
                yield self._connected()
            except sqlite3.Error:
                self._disconnect()
                raise

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
        if self._connection is not None and self._opened == self._file_id():
            return self._connection
        self._disconnect()
        if self._opened is None:
            self._make_folder()
        elif self._file_id() is None:
            raise sqlite3.OperationalError(f"{self.path.name} is gone")
        options = "?mode=ro&immutable=1" if self._immutable else ""
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}{options}",
            uri=True,
            timeout=self._timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            for pragma in () if self._immutable else _PRAGMAS:
                connection.execute(pragma)
            connection.executescript("" if self._immutable else self._schema)
        except sqlite3.Error:
            connection.close()
            raise
        self._connection, self._opened = connection, self._file_id()
        return connection

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise sqlite3.OperationalError(f"{self.path.name}: {error}") from error

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
