"""The settings of the attacks, from environment variables."""

import os
import tempfile
from pathlib import Path
from typing import Final

SEED: Final = int(os.environ.get("REGULARS_ATTACK_SEED", "0"))
"""Chooses what the random attacks do; the same seed does the same."""
MINUTES: Final = float(os.environ.get("REGULARS_ATTACK_MINUTES", "3"))
"""The time of a whole run of `make attack`, roughly; each attack takes its share."""
KILLS: Final = int(os.environ.get("REGULARS_ATTACK_KILLS", str(round(10 * MINUTES))))
"""How many processes `python -m tests.attack kills` kills."""
CALLS: Final = int(os.environ.get("REGULARS_ATTACK_CALLS", "0"))
"""How many calls `python -m tests.attack fuzz` sends; 0: as many as its share of MINUTES allows."""
SAMPLE: Final = int(os.environ.get("REGULARS_ATTACK_SAMPLE", "0"))
"""How many damages `python -m tests.attack damage` tries, chosen by SEED; 0: all."""
FOLDER: Final = Path(
    os.environ.get("REGULARS_ATTACK_FOLDER", Path(tempfile.gettempdir()) / "regulars-attack")
)
"""Where counts of several runs add up, and tables are written."""
CONNECTIONS: Final = int(os.environ.get("REGULARS_ATTACK_CONNECTIONS", "50"))
"""Hostile connections of each kind."""


def share_s(share: float, *, at_least: float = 2.0) -> float:
    """Return the seconds of `share` (0 to 1) of the whole run."""
    return max(at_least, 60 * MINUTES * share)
