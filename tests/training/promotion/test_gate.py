"""A version becomes the champion on evidence: each rule, seen to refuse and to let pass."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from ibis import _
from ibis.expr.types import Table

from configs.json_files import DamagedFile, read_json, write_json
from features import views
from features.transforms import customer_activity
from features.workspace import Workspace
from tests.training.registry.copies import unregistered
from tests.training.shop import DAYS, Shop
from training.customers.baselines import LogisticRegressionConfig, RecencyConfig
from training.customers.best import BestCustomersConfig
from training.customers.churn import ChurnConfig
from training.fit import fit
from training.promotion.evidence import stored_figures
from training.promotion.gate import NotPromoted, evidence_over, examine, promote
from training.promotion.leaks import leaking_features
from training.registry.client import open_client
from training.registry.versions import RegistryError, Version, find, history
from training.registry.versions import promote as move


@pytest.fixture
def ws(shop: Shop, tmp_path: Path) -> Workspace:
    return unregistered(shop, tmp_path / "shop")


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
    with pytest.raises(RegistryError, match="became the champion after version 1 was examined"):
        move(ws, "recommender", "1", evidence={"champion": "7"})

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
    assert first.evidence == {"champion": None, "compared": found.as_json(), "objections": []}
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
    assert any("it is measured on 28 days, and this version on 30" in o for o in against)


@pytest.mark.slow
def test_two_versions_of_one_window_are_compared_by_what_was_measured(
    ws: Workspace, shop: Shop
) -> None:
    config = ChurnConfig(horizon_days=28, epochs=1, hidden=(4,))
    fit(ws, "churn", as_of=shop.full.as_of, config=config, device="cpu")
    move(ws, "churn")
    more = config.model_copy(update={"epochs": 6})
    fit(ws, "churn", as_of=shop.full.as_of, config=more, device="cpu")
    older, newer = find(ws, "churn", "1"), find(ws, "churn", "2")
    own, other = (stored_figures(v)["churn"].mean() for v in (newer, older))
    compared = evidence_over(ws, newer, older)
    assert compared is not None
    assert compared.champion is not None
    assert compared.champion.value == pytest.approx(own - other)
    assert compared.champion.value != 0


@pytest.mark.slow
def test_a_champion_that_cannot_be_read_is_an_objection(ws: Workspace, shop: Shop) -> None:
    old = fitted(ws, "popularity", shop.past.as_of)
    move(ws, "recommender")
    manifest = old.bundle / "bundle.json"
    write_json(manifest, {**read_json(manifest), "config": {"removed_setting": 3}})
    (old.bundle / "checksums.json").unlink()
    fitted(ws, "own_purchases", shop.full.as_of)
    verdict = examine(ws, "own_purchases")
    [against] = verdict.objections
    assert against.startswith("it is not compared with the champion: ")
    assert "removed_setting" in against
    assert verdict.evidence is not None
    assert verdict.evidence.baselines[0].low > 0
    promote(ws, verdict, because="the champion is of earlier code")


@pytest.mark.slow
def test_the_best_of_the_baselines_may_be_level_with_them(ws: Workspace, shop: Shop) -> None:
    config = BestCustomersConfig(horizon_days=28)
    fit(ws, "customers", as_of=shop.full.as_of, config=config, device="cpu")
    verdict = examine(ws, "customers")
    assert verdict.objections == ()
    assert verdict.evidence is not None
    best = verdict.evidence.best_baseline
    assert best is not None
    assert best.high >= 0


@pytest.mark.slow
def test_rows_that_came_later_end_the_comparison(ws: Workspace, shop: Shop) -> None:
    fitted(ws, "popularity", shop.past.as_of)
    move(ws, "recommender")
    version = fitted(ws, "own_purchases", shop.full.as_of)
    manifest = version.bundle / "bundle.json"
    write_json(manifest, {**read_json(manifest), "data_digest": "0" * 64})
    (version.bundle / "checksums.json").unlink()
    changed, compared = examine(ws, "own_purchases").objections
    assert changed.startswith("the rows known before ")
    assert compared == (
        "it is not compared with the champion: the rows known before the data cut have changed "
        "since the training"
    )


def plant_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `orders_30d` count all lines of a customer, those of the future too."""

    def leaking(lines: Table, cuts: Table, *, customers: Table) -> Table:
        rows = customer_activity(lines, cuts, customers=customers)
        ahead = lines.group_by("customer_id").agg(ahead=_.count())
        joined = rows.left_join(ahead, "customer_id").drop("customer_id_right")
        return joined.mutate(orders_30d=_.ahead.fill_null(0).cast("int64")).drop("ahead")

    monkeypatch.setattr("features.views.customer_activity", leaking)
    views._query.cache_clear()


@pytest.fixture
def _no_leak_stays() -> Iterator[None]:
    yield
    views._query.cache_clear()


@pytest.mark.usefixtures("_no_leak_stays")
def test_a_feature_that_reads_the_future_is_named(
    ws: Workspace, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_a_leak(monkeypatch)
    shutil.rmtree(ws.snapshots)
    fitted(ws, "own_purchases", shop.full.as_of)
    assert leaking_features(ws, shop.past.as_of) == ["orders_30d"]
    [leak] = examine(ws, "own_purchases").objections
    assert leak.startswith("these features hold rows of the future: orders_30d: correct")


def damage(version: Version) -> None:
    """Take a number out of the packaged model."""
    [file] = (version.bundle / "model").glob("*.json")
    content = read_json(file)
    name = next(key for key, value in content.items() if isinstance(value, int | float))
    write_json(file, {**content, name: None})


def test_old_data_other_features_and_broken_files_are_refused(
    ws: Workspace, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = fitted(ws, "recency", shop.full.as_of)
    healthy = examine(ws, "recency").objections
    assert ["baseline" in text for text in healthy] == [True]
    damage(version)
    later = ws.now() + pd.Timedelta(days=36)
    file = ws.home / "workspace.json"
    write_json(file, {**read_json(file), "clock": f"fixed:{later.isoformat()}"})
    monkeypatch.setattr("training.promotion.gate.CODE_VERSION", "other")
    old, code, *figures, files = examine(Workspace.open(ws.home), "recency").objections
    assert old.startswith("its data end 36 days before today, 35 are allowed: fit recency again")
    assert code == "its features were computed by other code than today's: fit recency again"
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


@pytest.mark.slow
def test_a_promotion_replaces_the_ledgers_champion_wherever_the_alias_was_moved(
    ws: Workspace, shop: Shop
) -> None:
    for model in ("popularity", "own_purchases"):
        fitted(ws, model, shop.full.as_of)
    move(ws, "recommender", "1")
    client = open_client(ws)
    client.set_registered_model_alias("recommender", "champion", "2")  # as MLflow's page does
    verdict = examine(ws, "recommender", "2")
    assert (verdict.champion, verdict.objections) == ("1", ())
    promote(ws, verdict)
    [_, last] = history(ws, "recommender").moves
    assert (last.version_from, last.version_to) == ("1", "2")


@pytest.mark.slow
def test_a_champion_that_was_deleted_is_an_objection(ws: Workspace, shop: Shop) -> None:
    for model in ("popularity", "own_purchases"):
        fitted(ws, model, shop.full.as_of)
    move(ws, "recommender", "1")
    open_client(ws).delete_model_version("recommender", "1")
    verdict = examine(ws, "recommender", "2")
    [against] = verdict.objections
    assert against.startswith("the champion, version 1, cannot be read: 'recommender' has no")
    with pytest.raises(NotPromoted):
        promote(ws, verdict, because=" ")
    promote(ws, verdict, because="its files were deleted")
    assert find(ws, "recommender", "champion").version == "2"


@pytest.mark.slow
def test_damaged_figures_are_named(ws: Workspace, shop: Shop) -> None:
    version = fitted(ws, "own_purchases", shop.full.as_of)
    file = version.artifacts / "by_customer.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(content)
    with pytest.raises(DamagedFile, match=str(file)):
        examine(ws, "own_purchases")
