"""Which code is running: told apart, so that what other code made is not taken for its own."""

import hashlib
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
"""The folder that holds the packages: the repository, or where they were copied to."""
PACKAGES: Final = ("configs", "features", "training")
"""The code that makes a version; it carries them, to be loaded where only REQUIREMENTS are."""


@cache
def code_digest() -> str:
    """Return the digest of the code that this process trains and answers by."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def git_commit() -> str:
    """Return the commit of this code, `-dirty` behind it if files differ; else `unknown`."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
