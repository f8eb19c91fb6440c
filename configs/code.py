"""Which code is running: told apart, so that what other code made is not taken for its own."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

PACKAGES: Final = ("configs", "features", "training")
"""The code that makes a version; it carries them, to be loaded where only REQUIREMENTS are."""


@cache
def code_digest() -> str:
    """Return the digest of the code that this process trains and answers by."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        for file in sorted((Path(__file__).parents[1] / package).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
