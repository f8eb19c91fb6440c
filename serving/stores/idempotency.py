"""Answers by `Idempotency-Key`: a repeated request gets the first answer, a concurrent one too."""

import asyncio
import hashlib
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from configs.checksums import row_checksum
from configs.database import Database

logger = logging.getLogger(__name__)
ANSWERED: Final = "answered.db"
"""The file in a workspace."""
KEPT_S: Final = 24 * 3600
"""Seconds that an answer is kept. One that is stamped as far ahead of now, by a clock that ran
ahead, is not kept: it would stay until that clock's time."""
CLAIM_S: Final = 60
"""Seconds after which a claim without an answer expires: its process was killed."""
CLAIM_LEAD_S: Final = 300
"""Seconds ahead of now from which a claim's stamp is of a clock that ran ahead: it has expired."""
LARGEST_BYTES: Final = 64 * 2**20
"""Bytes of answers that are kept of one caller: the newest."""
_AT_ONCE: Final = 16
"""Rows that one call removes at most, so that no call waits long."""
_CREATE: Final = """
CREATE TABLE IF NOT EXISTS kept (
  caller TEXT NOT NULL, path TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,
  status INTEGER, answer BLOB,  -- NULL while the answer is being made
  recorded_us INTEGER NOT NULL, PRIMARY KEY (caller, path, key)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kept_by_time ON kept (recorded_us);
"""
_SIZE: Final = "200 + LENGTH(CAST({0}.path || {0}.key AS BLOB)) + COALESCE(LENGTH({0}.answer), 0)"
_UPGRADES: Final = (
    f"""
ALTER TABLE kept ADD COLUMN row_checksum INTEGER;  -- NULL: older code
CREATE INDEX kept_of_caller ON kept (caller, recorded_us) WHERE status IS NOT NULL;
CREATE TABLE held (caller TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO held SELECT caller, SUM({_SIZE.format("kept")}) FROM kept GROUP BY caller;
CREATE TRIGGER kept_more AFTER INSERT ON kept BEGIN
  INSERT INTO held VALUES (new.caller, {_SIZE.format("new")})
    ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER kept_less AFTER DELETE ON kept BEGIN
  UPDATE held SET bytes = bytes - ({_SIZE.format("old")}) WHERE caller = old.caller;
END;
CREATE TRIGGER kept_answer AFTER UPDATE OF answer ON kept BEGIN
  UPDATE held SET bytes = bytes + ({_SIZE.format("new")}) - ({_SIZE.format("old")})
    WHERE caller = new.caller;
END;
""",
)
_NAMED: Final = "(caller, path, key) = (?, ?, ?)"
_REMOVE: Final = "DELETE FROM kept WHERE (caller, path, key) IN (SELECT caller, path, key FROM kept"
_EXPIRED: Final = tuple(
    f"{_REMOVE} WHERE recorded_us {older_or_ahead} LIMIT ?)" for older_or_ahead in ("< ?", "> ?")
)
_OLDEST: Final = f"{_REMOVE} WHERE caller = ? AND status IS NOT NULL ORDER BY recorded_us LIMIT 1)"
_Row = tuple[bytes, int | None, bytes | None, int, int | None]


class KeyReused(ValueError):
    """The key was used before with another body."""


@dataclass(frozen=True, kw_only=True)
class StoredAnswer:
    """An answer that was sent."""

    status: int
    answer: bytes


@dataclass(frozen=True, kw_only=True)
class IdempotencyName:
    """The key of a stored answer; it includes the caller and the path, so none are mixed up."""

    caller: str
    path: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to make the answer for a name, since `at_us` (microseconds since 1970)."""

    name: IdempotencyName
    at_us: int
    body: bytes
    """Digest of the request's body."""


class IdempotencyStore:
    """The answers of the last day in SQLite, on disk before they are sent; thread-safe.

    Of each caller the newest `largest_bytes` are kept; claims always are. `clock` returns Unix
    seconds. It must be the system's clock, not the shop's: the clock of a demo does not advance, so
    no answer would ever expire.
    """

    def __init__(
        self, path: Path, *, clock: Callable[[], float], largest_bytes: int = LARGEST_BYTES
    ) -> None:
        self._clock, self._largest = clock, largest_bytes
        self._database = Database(path, _CREATE, upgrades=_UPGRADES)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="answered")
        self._making: dict[IdempotencyName, Claim] = {}  # a clock that is set ends no claim here

    def close(self) -> None:
        """Close the database after the pending writes."""
        self._thread.shutdown()
        self._database.close()

    async def claimed(
        self, name: IdempotencyName, body: bytes
    ) -> StoredAnswer | Claim | Literal["being_made"]:
        """Run `claim` on the store's thread; a cancelled caller leaves no claim."""
        pending = asyncio.get_running_loop().run_in_executor(self._thread, self.claim, name, body)
        try:
            return await asyncio.shield(pending)
        except asyncio.CancelledError:
            pending.add_done_callback(self._give_back)
            raise

    async def settle(self, claim: Claim, stored: StoredAnswer | None) -> None:
        """Store the answer of `claim`, or free the claim if it is None; errors are only logged."""
        change = partial(self.free, claim) if stored is None else partial(self.keep, claim, stored)
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, change)
        except sqlite3.Error as error:
            logger.warning("an answer is not stored: %s", error)

    def _give_back(self, pending: "asyncio.Future[Any]") -> None:
        if not pending.cancelled() and pending.exception() is None:
            claim = pending.result()
            if isinstance(claim, Claim):
                self._thread.submit(self.free, claim)

    def claim(
        self, name: IdempotencyName, body: bytes
    ) -> StoredAnswer | Claim | Literal["being_made"]:
        """Return the stored answer of `name`, or a claim to make it, which one caller gets.

        `being_made` while another caller has the claim. Raises KeyReused if the body differs, and
        sqlite3.DatabaseError if the stored answer is not what was written.
        """
        digest, now = hashlib.sha256(body).digest(), self._now()
        claim = Claim(name=name, at_us=now, body=digest)
        with self._database.writing() as connection:
            self._expire(connection, now, _AT_ONCE)
            row = self._stored(connection, name)
            making = self._making.get(name)
            if making is not None and (row is None or row[1] is None):
                _check_same(making.body, digest)
                return "being_made"
            if row is not None and _holds(row, now):
                _check_same(row[0], digest)
                if row[1] is None or row[2] is None:
                    return "being_made"
                return StoredAnswer(status=row[1], answer=row[2])
            connection.execute(f"DELETE FROM kept WHERE {_NAMED}", _values(name))
            connection.execute(
                "INSERT INTO kept VALUES (?, ?, ?, ?, NULL, NULL, ?, ?)",
                (*_values(name), digest, now, _checksum(claim, None)),
            )
        self._making[name] = claim
        return claim

    def keep(self, claim: Claim, stored: StoredAnswer) -> None:
        """Store the answer of `claim`; the caller's oldest answers make room for it."""
        change = "UPDATE kept SET status = ?, answer = ?, row_checksum = ?"
        values = stored.status, stored.answer, _checksum(claim, stored)
        self._change(change, values, claim)

    def free(self, claim: Claim) -> None:
        """Give `claim` back: there is no answer to store."""
        self._change("DELETE FROM kept", (), claim)

    def prune(self, *, dry_run: bool = False) -> tuple[int, int]:
        """Remove the expired answers, in short transactions; return rows and bytes."""
        now = self._now()
        with self._database.reading() as connection:
            rows, octets = connection.execute(
                f"SELECT COUNT(*), COALESCE(SUM({_SIZE.format('kept')}), 0) FROM kept "
                "WHERE recorded_us < ? OR recorded_us > ?",
                _bounds(now),
            ).fetchone()
        removed = 0 if dry_run else 1
        while removed:
            with self._database.writing() as connection:
                removed = self._expire(connection, now, 64 * _AT_ONCE)
        return int(rows), int(octets)

    def _change(self, change: str, values: tuple[object, ...], claim: Claim) -> None:
        where = f"WHERE {_NAMED} AND status IS NULL AND recorded_us = ?"
        caller = claim.name.caller
        try:
            with self._database.writing() as connection:
                connection.execute(
                    f"{change} {where}", (*values, *_values(claim.name), claim.at_us)
                )
                for _ in range(_AT_ONCE):
                    if self._held(connection, caller) <= self._largest:
                        break
                    connection.execute(_OLDEST, (caller,))
        finally:
            if self._making.get(claim.name) == claim:
                del self._making[claim.name]

    def _expire(self, connection: sqlite3.Connection, now: int, most: int) -> int:
        """Remove expired rows, `most` of each kind; return how many."""
        bounds = _bounds(now)
        return sum(
            connection.execute(statement, (bound, most)).rowcount
            for statement, bound in zip(_EXPIRED, bounds, strict=True)
        )

    def _stored(self, connection: sqlite3.Connection, name: IdempotencyName) -> _Row | None:
        row: _Row | None = connection.execute(
            f"SELECT body, status, answer, recorded_us, row_checksum FROM kept WHERE {_NAMED}",
            _values(name),
        ).fetchone()
        if row is None:
            return None
        body, status, answer, at_us, checksum = row
        claim = Claim(name=name, at_us=at_us, body=body)
        stored = (
            None if status is None or answer is None else StoredAnswer(status=status, answer=answer)
        )
        if checksum is not None and checksum != _checksum(claim, stored):
            raise sqlite3.DatabaseError(
                f"{self._database.path}: the answer kept for Idempotency-Key {name.key!r} is "
                "damaged: it expires after a day"
            )
        return row

    def _held(self, connection: sqlite3.Connection, caller: str) -> int:
        held = connection.execute("SELECT bytes FROM held WHERE caller = ?", (caller,)).fetchone()
        return 0 if held is None else int(held[0])

    def _now(self) -> int:
        return int(self._clock() * 1e6)


def _holds(row: _Row, now: int) -> bool:
    """Return whether a row still counts: neither expired, nor of a clock that ran ahead."""
    _, status, _, at_us, _ = row
    if status is None:
        return now - CLAIM_S * 1_000_000 <= at_us <= now + CLAIM_LEAD_S * 1_000_000
    oldest, newest = _bounds(now)
    return oldest <= at_us <= newest


def _bounds(now: int) -> tuple[int, int]:
    """Return the stamps before and after which a row has expired."""
    return now - KEPT_S * 1_000_000, now + KEPT_S * 1_000_000


def _check_same(stored: bytes, digest: bytes) -> None:
    if stored != digest:
        raise KeyReused("the Idempotency-Key was used before with another body")


def _values(name: IdempotencyName) -> tuple[str, str, str]:
    return name.caller, name.path, name.key


def _checksum(claim: Claim, stored: StoredAnswer | None) -> int:
    """Return the checksum of a row."""
    answer = (None, None) if stored is None else (stored.status, stored.answer)
    return row_checksum([*_values(claim.name), claim.body, *answer, claim.at_us])
