"""Damages to single files of a workspace."""

import os
import random
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, Literal, get_args

Damage = Literal["removed", "emptied", "cut in half", "20 bytes changed"]
DAMAGES: Final[tuple[Damage, ...]] = get_args(Damage)
_NUMBERED: Final = re.compile(r"[0-9a-f]{32}|\d{8}T\d{6}Z(-[0-9a-f]+)?|(?<=/)[0-9a-f]{16}(?=/)")
_SQLITE: Final = b"SQLite format 3\0"


def kind_of(file: str) -> str:
    """Return the kind of the file at the relative path `file`.

    >>> kind_of("snapshots/product_sales/20230417T000000Z.parquet")
    'snapshots/product_sales/*.parquet'
    >>> kind_of("tables/36f30b2ec45fef48/events.parquet")
    'tables/*/events.parquet'
    >>> kind_of("mlartifacts/0123456789abcdef0123456789abcdef/artifacts/model/code/training/run.py")
    'mlartifacts/*/artifacts/model/code/*'
    """
    kind = _NUMBERED.sub("*", file)
    head, code, _ = kind.partition("/code/")
    return f"{head}{code}*" if code else kind


def files(home: Path, rng: random.Random) -> dict[str, Path]:
    """Return one file of each kind in the workspace at `home`, by kind."""
    found: dict[str, list[Path]] = {}
    for path in sorted(home.rglob("*")):
        if path.is_file():
            relative = path.relative_to(home)
            found.setdefault(kind_of(str(relative)), []).append(relative)
    return {kind: rng.choice(paths) for kind, paths in found.items()}


def cases(home: Path, rng: random.Random) -> list[tuple[str, Path, Damage]]:
    """Return each kind, its file and each damage that changes it."""
    return [
        (kind, file, damage)
        for kind, file in files(home, rng).items()
        for damage in DAMAGES
        if (home / file).stat().st_size or damage in {"removed", "20 bytes changed"}
    ]


def damaged(content: bytes, damage: Damage, rng: random.Random) -> bytes:
    """Return the damaged content; SQLite's first page stays recognizable one time in two."""
    if damage == "emptied":
        return b""
    if damage == "cut in half":
        return content[: len(content) // 2]
    changed = bytearray(content or bytes(20))
    first = 100 if content.startswith(_SQLITE) and rng.random() < 0.5 else 0
    for _ in range(20):
        place = rng.randrange(first, len(changed))
        changed[place] ^= rng.randrange(1, 256)
    return bytes(changed)


def damage_file(path: Path, damage: Damage, rng: random.Random) -> None:
    """Damage the file at `path`, for good."""
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(damaged(path.read_bytes(), damage, rng))


@contextmanager
def damaged_while_open(path: Path, damage: Damage, rng: random.Random) -> Iterator[None]:
    """Put a damaged file in the place of `path`; put the first one back at the end.

    A SQLite database is first brought up to date, so that its other files can be left out.
    """
    _fold(path)
    aside = path.with_name(f"{path.name}.aside")
    if damage == "removed":
        path.rename(aside)
    else:
        wrong = path.with_name(f"{path.name}.wrong")
        shutil.copy2(path, wrong)  # with its mode
        wrong.write_bytes(damaged(path.read_bytes(), damage, rng))
        os.link(path, aside)
        wrong.rename(path)
    try:
        yield
    finally:
        for ending in ("-wal", "-shm"):
            path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)
        aside.rename(path)


def _fold(path: Path) -> None:
    if path.read_bytes()[:16] == _SQLITE:
        with closing(sqlite3.connect(path, timeout=5)) as database, suppress(sqlite3.Error):
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
