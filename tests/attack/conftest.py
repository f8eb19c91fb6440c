"""The shop under attack, made once and copied for each test."""

from pathlib import Path

import pytest

from tests.attack.workspace import Shop, complete


@pytest.fixture(scope="session")
def made_shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A complete small workspace."""
    return complete(tmp_path_factory.mktemp("attack") / "shop")


@pytest.fixture
def shop(made_shop: Shop, tmp_path: Path) -> Shop:
    """A copy of it for one test."""
    return made_shop.copy(tmp_path / "shop")


@pytest.fixture(autouse=True)
def own_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts of `make attack` are not those of the tests."""
    monkeypatch.setattr("tests.attack.findings.FOLDER", tmp_path / "counts")
