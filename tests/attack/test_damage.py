"""Damaged files: a sample, another for each seed."""

from pathlib import Path

import pytest

from tests.attack.damage import damage
from tests.attack.settings import SAMPLE
from tests.attack.workspace import Shop


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_damaged_file_makes_wrong_answers_or_a_hang(shop: Shop, tmp_path: Path) -> None:
    found = damage(shop, tmp_path / "damage", sample=SAMPLE or 8)
    print(found.figures)
    assert found.count == (SAMPLE or 8)
    assert not found.faults
