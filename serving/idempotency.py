"""Answers by `Idempotency-Key`: who asks twice gets the first answer again."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from configs.database import Database
from features.events import microseconds

KEPT: Final = pd.Timedelta(days=1)
_CREATE: Final = """
CREATE TABLE IF NOT EXISTS answers (
  key TEXT PRIMARY KEY, body BLOB NOT NULL, status INTEGER NOT NULL, answer BLOB NOT NULL,
  recorded_us INTEGER NOT NULL) STRICT, WITHOUT ROWID
"""


class KeyReused(ValueError):
    """The key came with another body before."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An answer that was given."""

    status: int
    answer: bytes


class Answered:
    """The answers of the last day in SQLite, on disk before they leave; any thread may call."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _CREATE)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def find(self, key: str, body: bytes) -> Kept | None:
        """Return what was answered to `key` and `body`. KeyReused if the body was another."""
        with self._database.reading() as answers:
            query = "SELECT body, status, answer FROM answers WHERE key = ?"
            row = answers.execute(query, (key,)).fetchone()
        if row is None:
            return None
        digest, status, answer = row
        if digest != _digest(body):
            raise KeyReused(f"Idempotency-Key {key!r} came with another body before")
        return Kept(status=status, answer=answer)

    def keep(self, key: str, body: bytes, kept: Kept, *, now: pd.Timestamp) -> Kept:
        """Store the answer and return it; the one that stands where another call was faster."""
        with self._database.writing() as answers:
            old = microseconds(now - KEPT)
            answers.execute("DELETE FROM answers WHERE recorded_us < ?", (old,))
            answers.execute(
                "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?)",
                (key, _digest(body), kept.status, kept.answer, microseconds(now)),
            )
        return self.find(key, body) or kept


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
