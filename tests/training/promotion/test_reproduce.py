"""A version is made again, bit by bit; a difference is shown."""

from pathlib import Path

import pytest

from configs.json_files import read_json, write_json
from configs.loader import Config
from features.workspace import Workspace
from tests.training.registry.copies import unregistered
from tests.training.shop import Shop
from training.customers.baselines import RecencyConfig
from training.customers.churn import ChurnConfig
from training.errors import DataChanged
from training.fit import fit
from training.promotion.reproduce import reproduce
from training.recommenders.two_tower.model import TwoTowerConfig
from training.registry.versions import find


@pytest.fixture
def ws(shop: Shop, tmp_path: Path) -> Workspace:
    return unregistered(shop, tmp_path / "shop")


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("churn", ChurnConfig(horizon_days=28, epochs=2, hidden=(4,))),
        ("two_tower", TwoTowerConfig(epochs=2, embedding_dim=4, hidden=4)),
    ],
)
def test_a_version_is_made_again_bit_by_bit(
    ws: Workspace, shop: Shop, model: str, config: Config
) -> None:
    version = fit(ws, model, as_of=shop.full.as_of, config=config, device="cpu").version
    found = reproduce(ws, version.name, version.version, device="cpu")
    assert found.identical
    assert found.version == version


def test_another_model_is_seen_by_its_file_and_its_answers(ws: Workspace, shop: Shop) -> None:
    config = RecencyConfig(horizon_days=28)
    version = fit(ws, "recency", as_of=shop.full.as_of, config=config, device="cpu").version
    [file] = (version.bundle / "model").glob("*.json")
    manifest = version.bundle / "bundle.json"
    changed = {**read_json(manifest), "config": {"horizon_days": 21}}
    write_json(manifest, changed)
    (version.bundle / "checksums.json").unlink()
    found = reproduce(ws, "recency")
    assert found.differing == (file.name,)
    assert found.same_answers < 0.5


def test_other_rows_before_the_cut_are_named(ws: Workspace, shop: Shop) -> None:
    config = RecencyConfig(horizon_days=28)
    version = fit(ws, "recency", as_of=shop.full.as_of, config=config, device="cpu").version
    manifest = version.bundle / "bundle.json"
    write_json(manifest, {**read_json(manifest), "data_digest": "0" * 64})
    (version.bundle / "checksums.json").unlink()
    assert find(ws, "recency") != version
    with pytest.raises(DataChanged, match="was trained on other rows known before"):
        reproduce(ws, "recency")
