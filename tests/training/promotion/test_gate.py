"""A version becomes the champion on evidence: each rule, seen to refuse and to let pass."""

import shutil
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
import pytest

from configs.json_files import read_json, write_json
from configs.parquet_files import read_parquet, write_parquet
from features import snapshots
from features.workspace import Workspace
from tests.training.shop import DAYS, Shop
from training.customers.baselines import LogisticRegressionConfig, RecencyConfig
from training.fit import fit
from training.promotion.gate import NotPromoted, examine, promote
from training.registry.versions import Version, find, history
from training.registry.versions import promote as move


@pytest.fixture
def ws(shop: Shop, tmp_path: Path) -> Workspace:
    return Workspace.open(Path(shutil.copytree(shop.ws.home, tmp_path / "shop")))


def fitted(ws: Workspace, model: str, as_of: pd.Timestamp, **settings: object) -> Version:
    configs = {"logistic_regression": LogisticRegressionConfig, "recency": RecencyConfig}
    config = configs[model](horizon_days=28, **settings) if model in configs else None
    return fit(ws, model, as_of=as_of, config=config, device="cpu").version


def test_who_leads_becomes_the_champion_and_who_does_not_needs_a_reason(
    ws: Workspace, shop: Shop
) -> None:
    version = fitted(ws, "own_purchases", shop.full.as_of)
    verdict = examine(ws, "own_purchases")
    assert verdict.objections == ()
    found = verdict.evidence
    assert found is not None
    assert found.champion is None
    assert found.mean == pytest.approx(version.manifest.metrics["mean_ndcg_at_10"])
    [lead] = found.baselines
    assert lead.over == "popularity"
    assert lead.mean == pytest.approx(version.baselines["popularity"]["mean_ndcg_at_10"])
    assert lead.value == pytest.approx(found.mean - lead.mean)
    assert 0 < lead.low < lead.value < lead.high
    promote(ws, verdict)
    assert find(ws, "recommender", "champion") == version

    worse = fitted(ws, "popularity", shop.full.as_of)
    verdict = examine(ws, "popularity")
    over_baseline, over_champion = verdict.objections
    assert over_baseline.startswith("it does not lead the best baseline, own_purchases: -0.")
    assert over_champion.startswith("it does not lead the champion, recommender@1: -0.")
    assert verdict.evidence is not None
    assert verdict.evidence.champion is not None
    assert verdict.evidence.champion.high < 0
    with pytest.raises(NotPromoted, match="is not promoted: it does not lead the best baseline"):
        promote(ws, verdict)
    assert find(ws, "recommender", "champion") == version
    promote(ws, verdict, because="to see the fallback")
    assert find(ws, "recommender", "champion") == worse
    first, second = history(ws, "recommender").moves
    assert (first.version_to, second.version_from, second.version_to) == ("1", "1", "2")
    assert (first.reason, second.reason) == (None, "to see the fallback")
    assert first.evidence == {"compared": found.as_json(), "objections": []}
    assert second.evidence["objections"] == [over_baseline, over_champion]


@pytest.mark.slow
def test_an_older_champion_is_measured_as_it_stands(ws: Workspace, shop: Shop) -> None:
    fitted(ws, "popularity", shop.past.as_of)
    move(ws, "recommender")
    fitted(ws, "own_purchases", shop.full.as_of)
    found = examine(ws, "own_purchases").evidence
    assert found is not None
    assert found.champion is not None
    assert found.champion_measured == "as it stands"
    stored = found.baselines[0]  # popularity, trained before the window: the same model
    assert found.champion.mean == pytest.approx(stored.mean)
    assert found.champion.low > 0


@pytest.mark.slow
def test_a_champion_of_the_window_is_trained_before_it(ws: Workspace, shop: Shop) -> None:
    fitted(ws, "popularity", shop.full.as_of - 7 * DAYS)
    move(ws, "recommender")
    fitted(ws, "own_purchases", shop.full.as_of)
    found = examine(ws, "own_purchases").evidence
    assert found is not None
    assert found.champion is not None
    assert found.champion_measured == "trained before the window"
    assert found.champion.mean == pytest.approx(found.baselines[0].mean)


@pytest.mark.slow
def test_the_same_settings_on_newer_data_need_no_lead_over_the_champion(
    ws: Workspace, shop: Shop
) -> None:
    fitted(ws, "own_purchases", shop.past.as_of)
    move(ws, "recommender")
    fitted(ws, "own_purchases", shop.full.as_of)
    verdict = examine(ws, "own_purchases", "2")
    assert verdict.objections == ()
    assert verdict.evidence is not None
    assert verdict.evidence.champion is not None
    assert not verdict.evidence.champion.low > 0


@pytest.mark.slow
def test_another_horizon_does_not_compare(ws: Workspace, shop: Shop) -> None:
    fitted(ws, "logistic_regression", shop.full.as_of)
    move(ws, "churn")
    fit(ws, "recency", as_of=shop.full.as_of, config=RecencyConfig(horizon_days=30))
    against = examine(ws, "recency").objections
    assert any("predicts 28 days and this version 30" in o for o in against)


def plant_a_leak(ws: Workspace, at: pd.Timestamp, feature: str) -> None:
    """Change `feature` in the snapshot at `at`, as if it had counted an order of the future."""
    file = snapshots.path_of(ws, "customer_activity", at)
    stored = read_parquet(file, otherwise="")
    leaked = pc.add(stored[feature], 1).cast(stored[feature].type)
    write_parquet(file, stored.set_column(stored.column_names.index(feature), feature, leaked))


def damage(version: Version) -> None:
    """Take a number out of the packaged model."""
    [file] = (version.bundle / "model").glob("*.json")
    content = read_json(file)
    name = next(key for key, value in content.items() if isinstance(value, int | float))
    write_json(file, {**content, name: None})


def test_old_data_leaks_other_features_and_broken_files_are_refused(
    ws: Workspace, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = fitted(ws, "recency", shop.full.as_of)
    healthy = examine(ws, "recency").objections
    assert all("baseline" in text for text in healthy)
    plant_a_leak(ws, shop.full.as_of, "orders_30d")
    damage(version)
    later = ws.now() + pd.Timedelta(days=36)
    file = ws.home / "workspace.json"
    write_json(file, {**read_json(file), "clock": f"fixed:{later.isoformat()}"})
    monkeypatch.setattr("training.promotion.gate.CODE_VERSION", "other")
    old, code, leak, *figures, files = examine(Workspace.open(ws.home), "recency").objections
    assert old.startswith("its data end 36 days before today, 35 are allowed: fit recency again")
    assert code == "its features were computed by other code than today's: fit recency again"
    assert leak.startswith("these features hold rows of the future: orders_30d: mend")
    assert tuple(figures) == healthy
    assert files.startswith("its packaged files fail in a process of their own (")
    assert str(version.bundle) in files


@pytest.mark.slow
def test_one_that_is_older_than_the_champion_is_refused(ws: Workspace, shop: Shop) -> None:
    fitted(ws, "own_purchases", shop.full.as_of)
    move(ws, "recommender")
    fitted(ws, "popularity", shop.past.as_of)
    against = examine(ws, "popularity").objections
    assert any("its data end before those of the champion, version 1" in o for o in against)
