"""A SQLite file that threads and processes share, and that may fail and come back."""

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

    It is made with `schema` where it does not stand; afterwards a file that is gone is an error
    until it is back, and one that was replaced is opened anew, as after every failure: nothing is
    written to a file that nobody will read. Raises sqlite3.Error.

    `immutable`: a copy that nobody writes, on whatever disk.
    """

    def __init__(
        self, path: Path, schema: str, *, timeout_s: float = 5.0, immutable: bool = False
    ) -> None:
        self.path = path
        self._schema, self._timeout_s, self._immutable = schema, timeout_s, immutable
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        with suppress(sqlite3.Error):  # whoever uses it is told
            self._connected()

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        with self._lock:
            self._disconnect()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to read what is committed."""
        with self._lock:
            try:
                yield self._connected()
            except sqlite3.Error:
                self._disconnect()
                raise

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection in a transaction that no other writer is in.

        What is written is on disk when the block ends, and gone where it raises.
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
        if self._connection is not None and self._opened == self._found():
            return self._connection
        self._disconnect()
        if self._opened is None:
            self._make_folder()
        elif self._found() is None:
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
        self._connection, self._opened = connection, self._found()
        return connection

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise sqlite3.OperationalError(f"{self.path.name}: {error}") from error

    def _found(self) -> tuple[int, int] | None:
        try:
            return identity(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:  # of another disk's failure, or a folder that is none
            raise sqlite3.OperationalError(f"{self.path.name}: {error}") from error

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
