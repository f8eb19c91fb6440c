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

from configs.database import Database

logger = logging.getLogger(__name__)
KEPT_S: Final = 24 * 3600
CLAIM_S: Final = 60
"""Seconds after which a claim without an answer expires: its process was killed."""
_CREATE: Final = """
CREATE TABLE IF NOT EXISTS kept (
  caller TEXT NOT NULL, path TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,
  status INTEGER, answer BLOB,  -- NULL while the answer is being made
  recorded_us INTEGER NOT NULL, PRIMARY KEY (caller, path, key)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kept_by_time ON kept (recorded_us);
"""


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


class IdempotencyStore:
    """The answers of the last day in SQLite, on disk before they are sent; thread-safe.

    `clock` returns Unix seconds. It must be the system's clock, not the shop's: the clock of a demo
    does not advance, so no answer would ever expire.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._database = Database(path, _CREATE)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="answered")

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

        `being_made` while another caller has the claim. Raises KeyReused if the body differs.
        """
        digest, now = hashlib.sha256(body).digest(), self._now()
        with self._database.writing() as connection:
            expired, abandoned = now - KEPT_S * 1_000_000, now - CLAIM_S * 1_000_000
            connection.execute("DELETE FROM kept WHERE recorded_us < ?", (expired,))
            row = connection.execute(
                "SELECT body, status, answer, recorded_us FROM kept "
                "WHERE (caller, path, key) = (?, ?, ?)",
                (name.caller, name.path, name.key),
            ).fetchone()
            if row is not None and (row[1] is not None or row[3] >= abandoned):
                if row[0] != digest:
                    raise KeyReused("the Idempotency-Key was used before with another body")
                return (
                    "being_made" if row[1] is None else StoredAnswer(status=row[1], answer=row[2])
                )
            connection.execute(
                "INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, NULL, NULL, ?)",
                (name.caller, name.path, name.key, digest, now),
            )
        return Claim(name=name, at_us=now)

    def keep(self, claim: Claim, stored: StoredAnswer) -> None:
        """Store the answer of `claim`."""
        self._change(
            "UPDATE kept SET status = ?, answer = ?", (stored.status, stored.answer), claim
        )

    def free(self, claim: Claim) -> None:
        """Give `claim` back: there is no answer to store."""
        self._change("DELETE FROM kept", (), claim)

    def _change(self, change: str, values: tuple[object, ...], claim: Claim) -> None:
        where = "WHERE (caller, path, key) = (?, ?, ?) AND status IS NULL AND recorded_us = ?"
        name = claim.name
        with self._database.writing() as connection:
            connection.execute(
                f"{change} {where}", (*values, name.caller, name.path, name.key, claim.at_us)
            )

    def _now(self) -> int:
        return int(self._clock() * 1e6)
