"""A refresh makes a challenger of the champion's settings, and a champion only when asked."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from features.workspace import Workspace
from tests.training.registry.copies import unregistered
from tests.training.shop import Shop
from training.__main__ import app
from training.customers.churn import ChurnConfig
from training.fit import fit
from training.refresh import refresh
from training.registry.versions import RegistryError, find, promote


@pytest.fixture
def ws(shop: Shop, tmp_path: Path) -> Workspace:
    return unregistered(shop, tmp_path / "shop")


def version_of(home: Path, as_of: pd.Timestamp) -> str:
    """Refresh in a process of its own."""
    return refresh(Workspace.open(home), "recommender", as_of=as_of, device="cpu").version.version


def test_without_a_champion_there_is_nothing_to_refresh(ws: Workspace, shop: Shop) -> None:
    with pytest.raises(RegistryError, match="no version"):
        refresh(ws, "recommender", as_of=shop.full.as_of)
    fit(ws, "popularity", as_of=shop.full.as_of)
    with pytest.raises(RegistryError, match=r"'recommender' has no challenger: run .* refresh"):
        find(ws, "recommender", "challenger")


def test_a_refresh_makes_a_challenger_and_with_promote_a_champion(
    ws: Workspace, shop: Shop
) -> None:
    old = fit(ws, "own_purchases", as_of=shop.past.as_of).version
    promote(ws, "recommender")
    found = refresh(ws, "recommender", as_of=shop.full.as_of, device="cpu")
    assert found.version.manifest.as_of == shop.full.as_of
    assert found.version.manifest.config == old.manifest.config
    assert (found.reused, found.promoted, found.verdict.objections) == (False, False, ())
    assert find(ws, "recommender", "challenger") == found.version
    assert find(ws, "recommender", "champion") == old
    again = CliRunner().invoke(
        app,
        ["refresh", "recommender", "--promote", "--as-of", str(shop.full.as_of.date()), "--home",
         str(ws.home)],
    )  # fmt: skip
    assert again.exit_code == 0, again.output
    assert "recommender version 2 (own_purchases) existed already." in again.output
    assert find(ws, "recommender", "champion") == found.version


@pytest.mark.slow
def test_epochs_are_chosen_again(ws: Workspace, shop: Shop) -> None:
    config = ChurnConfig(horizon_days=28, epochs=4, hidden=(4,), learning_rate=0.01)
    old = fit(ws, "churn", as_of=shop.past.as_of, config=config, device="cpu").version
    promote(ws, "churn")
    found = refresh(ws, "churn", as_of=shop.full.as_of, device="cpu").version
    alone = fit(ws, "churn", as_of=shop.full.as_of, config=config, device="cpu")
    assert alone.reused
    assert alone.version == found
    assert found != old


@pytest.mark.slow
def test_two_at_once_make_one_version(ws: Workspace, shop: Shop) -> None:
    fit(ws, "own_purchases", as_of=shop.past.as_of)
    promote(ws, "recommender")
    with ProcessPoolExecutor(2, mp_context=get_context("forkserver")) as pool:
        made = [pool.submit(version_of, ws.home, shop.full.as_of) for _ in range(2)]
        assert [each.result() for each in made] == ["2", "2"]
