"""Which generation of the canonical tables is current, and whether its files are as written.

Lost tables are no empty shop: a mark in the workspace tells the two apart.
"""

import hashlib
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

from configs.durable import content_stamp, replacing
from configs.json_files import DamagedFile, read_json, write_json
from configs.paths import plain_name
from features.workspace import Workspace

CURRENT: Final = "current.json"
MARK: Final = "tables.txt"
"""File in the workspace that stays when its tables are lost. Its content does not matter."""
_DIGEST_LENGTH: Final = 16


def current_generation(ws: Workspace) -> tuple[str | None, str | None]:
    """Return the digests of the current generation and of the previous one.

    Both are None if there were never tables. Raises DamagedFile if there were, or if the file that
    names them is damaged.
    """
    file = ws.tables / CURRENT
    try:
        saved = read_json(file, otherwise=_way_on(ws))
    except FileNotFoundError:
        if (ws.home / MARK).exists():
            raise DamagedFile(f"{file} is missing; {_way_on(ws)}") from None
        return None, None
    try:
        current, previous = plain_name(saved.get("generation")), saved.get("previous")
        named = current, None if previous is None else plain_name(previous)
    except ValueError as error:
        raise DamagedFile(f"{file}: names a generation that {error}; {_way_on(ws)}") from error
    with suppress(OSError):  # tables of older code have no mark yet
        _mark(ws)
    return named


def name_generation(ws: Workspace, digest: str) -> None:
    """Make `digest` the current generation, in one step."""
    current, _ = current_generation(ws)
    if digest != current:
        write_json(ws.tables / CURRENT, {"generation": digest, "previous": current})
    _mark(ws)


def digest_of_files(files: dict[str, Path]) -> str:
    """Return the digest of the bytes of a generation's `files`, by table. Raises OSError."""
    return _digest(tuple((name, path, content_stamp(path)) for name, path in files.items()))


def damaged(ws: Workspace, what: str) -> DamagedFile:
    """Return the error that a part of the tables is damaged, with the way on."""
    return DamagedFile(f"{what}; {_way_on(ws)}")


@lru_cache(maxsize=4)
def _digest(files: tuple[tuple[str, Path, tuple[int, ...]], ...]) -> str:
    """Return the digest of files by name, path and content stamp: an unchanged one is read once."""
    digest = hashlib.sha256()
    for name, path, _ in files:
        digest.update(name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:_DIGEST_LENGTH]


def _mark(ws: Workspace) -> None:
    if not (ws.home / MARK).exists():
        with replacing(ws.home / MARK) as file:
            file.write(  # without a path: the workspace may be copied
                b"This shop has tables, in the folder beside this file. If they are lost: restore "
                b"them from a copy, or remove this file and ingest all files of the shop again.\n"
            )


def _way_on(ws: Workspace) -> str:
    return (
        f"restore {ws.tables} from a copy, or remove it and {ws.home / MARK} and ingest all files "
        "of the shop again"
    )
