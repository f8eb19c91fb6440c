"""Commands in processes of their own, on a tiny simulated shop."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

SHOP: Final = ("--customers", "150", "--products", "30", "--days", "200")


def run(
    *command: str, home: Path, umask: int = 0o022, before: Callable[[], object] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `python -m COMMAND --home HOME`; `before` is called in its process first."""
    return subprocess.run(
        [sys.executable, "-m", *command, "--home", str(home)],
        capture_output=True,
        text=True,
        umask=umask,
        preexec_fn=before,
        check=False,
    )


def make_shop(home: Path, *, umask: int = 0o022) -> None:
    """Simulate the shop, materialize it, and promote a churn model."""
    for command in (
        ("features", "simulate", *SHOP),
        ("features", "materialize"),
        ("training", "fit", "recency"),
        ("training", "promote", "churn", "--because", "it is the only one"),
    ):
        done = run(*command, home=home, umask=umask)
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stderr}")
