"""The lock files: what they pin, by which hashes."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.pages import ROOT

RUN, DEVELOPMENT, TORCH = (
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-torch.lock",
)
LOCKS: Final = (RUN, DEVELOPMENT, TORCH)
_ENTRY: Final = re.compile(r"^(?!#)\S.*(?:\n\s+--hash.*)*", re.MULTILINE)
_HASH: Final = re.compile(r"--hash=(\S+)")


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One entry of a lock."""

    requirement: Requirement
    hashes: list[str]

    @property
    def version(self) -> str:
        """Its version."""
        return str(self.requirement.specifier).removeprefix("==")


def text_of(lock: str, root: Path = ROOT) -> str:
    """Return the text of `lock`."""
    return (root / lock).read_text(encoding="utf-8")


def pins(text: str) -> dict[str, Pin]:
    """Return the entries of a lock by the names of their packages.

    >>> (pin,) = pins("# c\\na.b==1 ; python_version == '3' \\\\\\n    --hash=sha256:0\\n").values()
    >>> pin.requirement.name, pin.version, pin.hashes
    ('a.b', '1', ['sha256:0'])
    """
    found: dict[str, Pin] = {}
    for entry in _ENTRY.findall(text):
        hashes = _HASH.findall(entry)
        requirement = Requirement(_HASH.sub("", entry).replace("\\\n", " "))
        found[canonicalize_name(requirement.name)] = Pin(requirement=requirement, hashes=hashes)
    return found
