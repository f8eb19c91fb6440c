"""Which commit is running."""

import subprocess
from pathlib import Path


def git_commit() -> str:
    """Return the commit of this code, `-dirty` behind it if files differ; else `unknown`."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
