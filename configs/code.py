"""Identity of the running code, so that files made by other code are not reused."""

import hashlib
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
"""The folder of the packages: the repository, or a copy."""
PACKAGES: Final = ("configs", "features", "training")
"""The code that fits a version. A version contains it, to load where only REQUIREMENTS exist."""


@cache
def code_digest() -> str:
    """Return the digest of the code with which this process trains and answers."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def git_commit() -> str:
    """Return the commit of this code, with `-dirty` if files differ; `unknown` outside of git."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
