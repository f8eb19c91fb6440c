"""Hostile connections: the caller with a key is answered, and the server does not grow."""

from pathlib import Path

import pytest

from tests.attack.hostile import KINDS
from tests.attack.rim import descriptors, rim
from tests.attack.workspace import Shop

SECONDS = 0.7


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_hostile_connections_hurt_nobody_else(shop: Shop, tmp_path: Path) -> None:
    """Latency is shown, not asserted: the machine may be busy. `make attack` judges it, too."""
    found = rim(shop, tmp_path / "log", seconds=SECONDS, calm=False)
    faults = [(f.attack, w) for f in found for w in f.faults if not w.startswith("p99")]
    print(*(f"{f.attack}: {f.figures}" for f in found), sep="\n")
    assert [f.attack for f in found] == [f"rim: {kind}" for kind in KINDS]
    assert not faults


@pytest.mark.slow
def test_idle_connections_leave_descriptors_for_callers(shop: Shop, tmp_path: Path) -> None:
    found = descriptors(shop, tmp_path / "log")
    print(found.figures)
    assert not found.faults
