"""JSON files with a checksum: damage is an error, and never another value."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from configs.durable import replacing
from configs.errors import UserError

CHECKSUM: Final = "checksum"
"""The member with the digest of the others. Who edits a file by hand removes it."""


class DamagedFile(UserError, ValueError):
    """A file is not what was written; the message names it and the way on."""


def write_json(path: Path, content: Any, *, checksum: bool = True) -> None:
    """Replace `path` by `content` as JSON in one step; an object gets a checksum.

    `checksum=False` is for files that other programs read.
    """
    if checksum and isinstance(content, dict):
        rest = {name: value for name, value in content.items() if name != CHECKSUM}
        rest = json.loads(json.dumps(rest))  # numbers as names become text, as they are read
        content = {**rest, CHECKSUM: _checksum(rest)}
    with replacing(path) as file:
        file.write(json.dumps(content, indent=1, sort_keys=True).encode())


def read_json(path: Path, *, otherwise: str = "restore it from a copy") -> dict[str, Any]:
    """Return the JSON object in `path`, without its checksum; one without a checksum is accepted.

    Raises FileNotFoundError, and DamagedFile, which names `otherwise` as the way on.
    """
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{path}: not JSON ({error}); {otherwise}") from error
    if not isinstance(content, dict):
        raise DamagedFile(f"{path}: not a JSON object; {otherwise}")
    checksum = content.pop(CHECKSUM, None)
    if checksum is not None and checksum != _checksum(content):
        raise DamagedFile(
            f"{path}: it was damaged, or edited (its checksum differs); {otherwise}, or remove the "
            f"line {CHECKSUM!r} if it was edited"
        )
    return content


def _checksum(content: dict[str, Any]) -> str:
    """Return the digest of `content` as it is read from JSON, in any order and layout."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
