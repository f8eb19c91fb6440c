"""API keys and their scopes: created, listed and revoked in `keys.json`.

A key is `rgl_ID_SECRET`. The id is not secret: it names the key in lists and logs. Only the SHA-256
of the secret is stored. The secret has 256 random bits and cannot be guessed: a slow hash, which
protects passwords, would only cost each request time.
"""

import hashlib
import math
import re
import secrets
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from configs.durable import locked
from configs.errors import UserError
from configs.json_files import DamagedFile, read_json, write_json

Scope = Literal["predict", "events", "experiments", "admin"]
_MARK: Final = "rgl"
_TEXT: Final = re.compile(rf"{_MARK}_([0-9a-f]{{8}})_([A-Za-z0-9_-]{{43}})")


class KeysError(UserError, ValueError):
    """A key, or the file of keys, is missing or invalid; the message says which."""


class Key(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key as stored, without its secret."""

    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{8}\Z")]
    name: Annotated[str, Meta(min_length=1, max_length=128)]
    """Holder of the key."""
    scopes: Annotated[list[Scope], Meta(min_length=1)]
    digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    """SHA-256 of the secret, in hexadecimal."""
    per_second: Annotated[float, Meta(gt=0)] | None = None
    """Rate limit per worker process, in requests per second; None: no limit."""
    created: datetime
    revoked: datetime | None = None

    @property
    def rate(self) -> str:
        """The rate limit in words."""
        return "no limit" if self.per_second is None else f"{self.per_second:g}/s per worker"

    def may(self, scope: Scope) -> bool:
        """Return whether the key permits `scope`; `admin` permits all."""
        return scope in self.scopes or "admin" in self.scopes


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema_version: Literal[1] = 1
    keys: list[Key]


def place(home: Path) -> Path:
    """Return the path of the keys of the workspace, or folder of stores, at `home`."""
    return home / "keys.json"


def are_lost(home: Path) -> bool:
    """Return whether the workspace at `home` had keys whose file is gone."""
    return _mark(home).exists() and not place(home).exists()


def read(home: Path) -> list[Key]:
    """Return all keys, the revoked ones too, oldest first; none if there is no file.

    Raises KeysError if the file cannot be read or does not have the format of `create`.
    """
    path = place(home)
    try:
        return msgspec.convert(read_json(path), type=_File).keys
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError, DamagedFile) as error:
        raise KeysError(f"{path}: cannot be read ({error}); restore it from a backup") from error


def create(
    home: Path,
    name: str,
    *,
    scopes: Iterable[str],
    per_second: float | None = None,
    now: datetime,
) -> tuple[Key, str]:
    """Store a new key and return it with its text, which cannot be shown again.

    Raises KeysError if `home` is not a folder, or an argument breaks a rule of Key.
    """
    if not name.isprintable():
        raise KeysError(f"a key named {name!r}: a name is one line of printable characters")
    if per_second is not None and not math.isfinite(per_second):
        raise KeysError(f"per_second = {per_second}: name 0 for no limit")
    secret = secrets.token_urlsafe(32)
    made = {
        "id": secrets.token_hex(4),
        "name": name.strip(),
        "scopes": sorted(set(scopes)),
        "digest": digest(secret).hex(),
        "per_second": per_second,
        "created": now,
    }
    try:
        key = msgspec.convert(made, Key)
    except msgspec.ValidationError as error:
        raise KeysError(f"a key named {name!r}: {error}") from error
    with _changing(home):
        _write(home, [*read(home), key])
    return key, f"{_MARK}_{key.id}_{secret}"


def revoke(home: Path, prefix: str, *, now: datetime) -> Key:
    """Revoke the key whose id begins with `prefix`, permanently, and return it.

    Raises KeysError unless exactly one valid key has the prefix.
    """
    with _changing(home):
        keys = read(home)
        matches = [key for key in keys if key.id.startswith(prefix) and key.revoked is None]
        if len(matches) != 1 or not prefix:
            raise KeysError(
                f"key {prefix!r}: {len(matches)} valid keys begin with it, it must be one"
            )
        revoked_key = msgspec.structs.replace(matches[0], revoked=now)
        _write(home, [revoked_key if key is matches[0] else key for key in keys])
    return revoked_key


def parts(text: str) -> tuple[str, str] | None:
    """Return the id and the secret in a key's text; None if it is not a key.

    >>> parts("rgl_0123abcd_" + 43 * "_")
    ('0123abcd', '___________________________________________')
    >>> parts("secret")
    """
    match = _TEXT.fullmatch(text)
    return None if match is None else (match[1], match[2])


def digest(secret: str) -> bytes:
    """Return the hash of `secret` that is stored."""
    return hashlib.sha256(secret.encode()).digest()


def _changing(home: Path) -> AbstractContextManager[None]:
    if not home.is_dir():
        raise KeysError(f"--home {home}: no such folder")
    return locked(home / ".keys.lock")


def _mark(home: Path) -> Path:
    """Return the file that says that there were keys."""
    return home / ".keys.json.made"


def _write(home: Path, keys: list[Key]) -> None:
    write_json(place(home), msgspec.to_builtins(_File(keys=keys)))
    _mark(home).touch(mode=0o600)
