"""Kept answers: bounded for each caller, whole or refused, whatever the clock does."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from serving.stores.idempotency import (
    CLAIM_LEAD_S,
    CLAIM_S,
    KEPT_S,
    Claim,
    IdempotencyName,
    IdempotencyStore,
    StoredAnswer,
)

DAY_S = 24 * 3600.0
Clock = list[float]
OLD = """CREATE TABLE kept (
  caller TEXT NOT NULL, path TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,
  status INTEGER, answer BLOB,
  recorded_us INTEGER NOT NULL, PRIMARY KEY (caller, path, key)) STRICT, WITHOUT ROWID;
CREATE INDEX kept_by_time ON kept (recorded_us);"""


@pytest.fixture
def clock() -> Clock:
    return [1e9]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answered.db"


@pytest.fixture
def store(path: Path, clock: Clock) -> Iterator[IdempotencyStore]:
    with closing(opened(path, clock)) as store:
        yield store


def opened(path: Path, clock: Clock, **settings: int) -> IdempotencyStore:
    return IdempotencyStore(path, clock=lambda: clock[0], **settings)


def name(key: str, caller: str = "a") -> IdempotencyName:
    return IdempotencyName(caller=caller, path="/p", key=key)


def made(store: IdempotencyStore, key: str, *, caller: str = "a", size: int = 2) -> StoredAnswer:
    """Claim the key and keep an answer of `size` bytes."""
    claim = store.claim(name(key, caller), b"body")
    assert isinstance(claim, Claim)
    answer = StoredAnswer(status=200, answer=b"x" * size)
    store.keep(claim, answer)
    return answer


def table(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute(query).fetchall()
        database.commit()
    return rows


def test_the_newest_answers_of_each_caller_are_kept(path: Path, clock: Clock) -> None:
    with closing(opened(path, clock, largest_bytes=10_000)) as store:
        other = made(store, "k", caller="b", size=9_000)
        pending = store.claim(name("pending"), b"body")
        for number in range(30):
            clock[0] += 1
            answer = made(store, f"{number}", size=1_000)
        assert store.claim(name("29"), b"body") == answer
        assert store.claim(name("k", "b"), b"body") == other
        assert store.claim(name("pending"), b"body") == "being_made"
        assert isinstance(pending, Claim)
        assert isinstance(store.claim(name("0"), b"body"), Claim)
    kept = table(path, "SELECT key FROM kept WHERE caller = 'a' AND status IS NOT NULL")
    assert {key for (key,) in kept} == {f"{number}" for number in range(22, 30)}
    ((bytes_held,),) = table(path, "SELECT bytes FROM held WHERE caller = 'a'")
    assert 8_000 < int(str(bytes_held)) <= 10_300  # with the last claim


def test_freed_pages_are_used_again(path: Path, clock: Clock) -> None:
    with closing(opened(path, clock, largest_bytes=200_000)) as store:
        for number in range(60):
            made(store, f"{number}", size=50_000)
    assert path.stat().st_size < 400_000


def test_a_file_of_older_code_goes_on(path: Path, clock: Clock) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(OLD)
        digest = b"\x23\x0d\x83\x58\xdc\x8e\x88\x90" * 4
        row = ("a", "/p", "old", digest, 200, b"x" * 5_000, int(clock[0] * 1e6))
        database.execute("INSERT INTO kept VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        database.commit()
    with closing(opened(path, clock, largest_bytes=6_000)) as store:
        clock[0] += 1
        made(store, "new", size=2_000)
    assert table(path, "SELECT key FROM kept") == [("new",)]


def test_a_changed_answer_is_not_given(store: IdempotencyStore, path: Path) -> None:
    made(store, "k")
    table(path, "UPDATE kept SET answer = x'7B7B'")
    with pytest.raises(sqlite3.DatabaseError, match="'k' is damaged"):
        store.claim(name("k"), b"body")
    assert isinstance(store.claim(name("other"), b"body"), Claim)


@pytest.mark.parametrize("ahead_s", [2 * DAY_S, 400 * DAY_S])
def test_what_a_clock_ahead_stamped_does_not_stay(path: Path, clock: Clock, ahead_s: float) -> None:
    clock[0] += ahead_s
    with closing(opened(path, clock)) as ahead:  # a process that ends
        for number in range(40):  # more than one call removes
            made(ahead, f"kept-{number:02}")
        ahead.claim(name("claimed"), b"body")
    clock[0] -= ahead_s
    with closing(opened(path, clock)) as store:
        for key in ("kept-39", "claimed"):
            assert isinstance(store.claim(name(key), b"other body"), Claim)


def test_a_claim_minutes_ahead_ends_and_an_answer_stays(path: Path, clock: Clock) -> None:
    with closing(opened(path, clock)) as ahead:
        clock[0] += CLAIM_LEAD_S + 1
        answer = made(ahead, "kept")
        ahead.claim(name("claimed"), b"body")
    clock[0] -= CLAIM_LEAD_S + 1
    with closing(opened(path, clock)) as store:
        assert store.claim(name("kept"), b"body") == answer  # strict over 10 minutes and back
        assert isinstance(store.claim(name("claimed"), b"body"), Claim)


@pytest.mark.parametrize("jump_s", [400 * DAY_S, -400 * DAY_S, 600.0, -600.0])
def test_a_clock_that_is_set_gives_no_claim_twice(
    store: IdempotencyStore, clock: Clock, jump_s: float
) -> None:
    claim = store.claim(name("k"), b"body")
    assert isinstance(claim, Claim)
    clock[0] += jump_s
    assert store.claim(name("k"), b"body") == "being_made"
    store.free(claim)
    assert isinstance(store.claim(name("k"), b"body"), Claim)


def test_prune_removes_what_has_expired(store: IdempotencyStore, clock: Clock) -> None:
    for number in range(50):
        made(store, f"{number}", size=1_000)
    clock[0] += KEPT_S - CLAIM_S
    answer = made(store, "new")
    clock[0] += CLAIM_S + 1
    rows, octets = store.prune(dry_run=True)
    assert (rows, octets > 50_000) == (50, True)
    assert store.prune() == (rows, octets)
    assert store.prune() == (0, 0)
    assert store.claim(name("new"), b"body") == answer
