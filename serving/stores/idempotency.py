"""Answers by `Idempotency-Key`: who asks twice gets the first answer again, even meanwhile."""

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
"""Seconds after which whoever claimed a name, and has neither kept nor freed it, was killed."""
_CREATE: Final = """
CREATE TABLE IF NOT EXISTS kept (
  caller TEXT NOT NULL, path TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,
  status INTEGER, answer BLOB,  -- NULL while the answer is being made
  recorded_us INTEGER NOT NULL, PRIMARY KEY (caller, path, key)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kept_by_time ON kept (recorded_us);
"""


class KeyReused(ValueError):
    """The key came with another body before."""


@dataclass(frozen=True, kw_only=True)
class StoredAnswer:
    """An answer that was given."""

    status: int
    answer: bytes


@dataclass(frozen=True, kw_only=True)
class IdempotencyName:
    """What an answer is kept under: nobody meets the answers of another caller, or path."""

    caller: str
    path: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to make the answer of a name, since `at_us`."""

    name: IdempotencyName
    at_us: int


class IdempotencyStore:
    """The answers of the last day in SQLite, on disk before they leave; any thread may call.

    `clock` gives Unix seconds. It is the system's, not the shop's: a demo's clock stands still, and
    nothing would ever be forgotten.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._database = Database(path, _CREATE)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="answered")

    def close(self) -> None:
        """Close the database, after what is being written."""
        self._thread.shutdown()
        self._database.close()

    async def claimed(
        self, name: IdempotencyName, body: bytes
    ) -> StoredAnswer | Claim | Literal["being_made"]:
        """Return what `claim` does, from a thread of its own; who gives up leaves no claim."""
        asked = asyncio.get_running_loop().run_in_executor(self._thread, self.claim, name, body)
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            asked.add_done_callback(self._give_back)
            raise

    async def settle(self, claim: Claim, kept: StoredAnswer | None) -> None:
        """Keep the answer of `claim`, or free it where there is none; a failure is only logged."""
        change = partial(self.free, claim) if kept is None else partial(self.keep, claim, kept)
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, change)
        except sqlite3.Error as error:
            logger.warning("an answer is not kept: %s", error)

    def _give_back(self, asked: "asyncio.Future[Any]") -> None:
        if not asked.cancelled() and asked.exception() is None:
            claim = asked.result()
            if isinstance(claim, Claim):
                self._thread.submit(self.free, claim)

    def claim(
        self, name: IdempotencyName, body: bytes
    ) -> StoredAnswer | Claim | Literal["being_made"]:
        """Return what was answered under `name`, or the right to answer, which one caller gets.

        `being_made` while another has it. Raises KeyReused if the body was another.
        """
        digest, now = hashlib.sha256(body).digest(), self._now()
        with self._database.writing() as kept:
            old, dead = now - KEPT_S * 1_000_000, now - CLAIM_S * 1_000_000
            kept.execute("DELETE FROM kept WHERE recorded_us < ?", (old,))
            row = kept.execute(
                "SELECT body, status, answer, recorded_us FROM kept "
                "WHERE (caller, path, key) = (?, ?, ?)",
                (name.caller, name.path, name.key),
            ).fetchone()
            if row is not None and (row[1] is not None or row[3] >= dead):
                if row[0] != digest:
                    raise KeyReused("the Idempotency-Key came with another body before")
                return (
                    "being_made" if row[1] is None else StoredAnswer(status=row[1], answer=row[2])
                )
            kept.execute(
                "INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, NULL, NULL, ?)",
                (name.caller, name.path, name.key, digest, now),
            )
        return Claim(name=name, at_us=now)

    def keep(self, claim: Claim, kept: StoredAnswer) -> None:
        """Store the answer of `claim`."""
        self._change("UPDATE kept SET status = ?, answer = ?", (kept.status, kept.answer), claim)

    def free(self, claim: Claim) -> None:
        """Give `claim` back: there is no answer to keep."""
        self._change("DELETE FROM kept", (), claim)

    def _change(self, change: str, values: tuple[object, ...], claim: Claim) -> None:
        where = "WHERE (caller, path, key) = (?, ?, ?) AND status IS NULL AND recorded_us = ?"
        name = claim.name
        with self._database.writing() as kept:
            kept.execute(
                f"{change} {where}", (*values, name.caller, name.path, name.key, claim.at_us)
            )

    def _now(self) -> int:
        return int(self._clock() * 1e6)
