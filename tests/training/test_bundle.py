"""Bundles: plain files, written in one step, read without MLflow or Lightning."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from configs.folder_checksums import write_checksums
from configs.json_files import DamagedFile, read_json, write_json
from features.model_inputs import CUSTOMER_INPUTS
from training.bundle import (
    Manifest,
    VersionName,
    copy_bundle,
    load_bundle,
    read_champions,
    read_manifest,
    write_bundle,
    write_champions,
)
from training.customers.baselines import Recency
from training.customers.churn import Churn, ChurnConfig, ChurnNet
from training.customers.inputs import INPUTS
from training.data.inputs import Queries
from training.errors import BundleError
from training.interfaces import Predictor

MANIFEST = Manifest(
    name="churn",
    model="recency",
    feature_service="churn_v1",
    as_of=datetime(2011, 9, 10, 23, tzinfo=UTC),
    data_digest="d1",
    git_commit="c1",
    config={"horizon_days": 30},
    seed=0,
    metrics={"auc": 0.7},
)


def recency() -> Recency:
    return Recency(np.array([2.0, -3.0]), horizon_days=30)


def customers(count: int) -> Queries:
    return Queries(
        customer_ids=np.array([f"c{i}" for i in range(count)], dtype=object),
        at=np.full(count, np.datetime64("2011-01-01", "us")),
        activity=np.random.default_rng(3)
        .normal(size=(count, len(CUSTOMER_INPUTS)))
        .astype(np.float32),
        history=np.full((count, 1), -1),
        history_days=np.zeros((count, 1), dtype=np.float32),
        history_values=np.ones((count, 1), dtype=np.float32),
    )


def churn() -> Churn:
    config = ChurnConfig(hidden=(4,), horizon_days=30)
    return Churn(ChurnNet(len(INPUTS), hidden=config.hidden, dropout=0.0), config)


def rewrite(file: Path, old: str, new: str) -> None:
    """Replace `old` by `new` in a JSON file of a bundle's model, as other code would write it."""
    write_json(file, json.loads(file.read_text().replace(old, new)))
    write_checksums(file.parents[1])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", recency(), MANIFEST)
    bundle = load_bundle(tmp_path / "b")
    assert bundle.manifest == MANIFEST
    assert (bundle.name, bundle.version) == ("churn", None)
    queries = customers(7)
    assert np.array_equal(
        cast(Predictor, bundle.model).predict(queries), recency().predict(queries)
    )
    said = json.loads((tmp_path / "b" / "bundle.json").read_text())
    assert (said["model"], said["data_digest"], said["seed"]) == ("recency", "d1", 0)


def test_a_network_comes_back_bit_equal(tmp_path: Path) -> None:
    model = churn()
    write_bundle(tmp_path / "b", model, MANIFEST.model_copy(update={"model": "churn"}))
    loaded = cast(Predictor, load_bundle(tmp_path / "b").model)
    queries = customers(9)
    assert np.array_equal(loaded.predict(queries), model.predict(queries))
    assert loaded.horizon_days == 30


def test_a_bundle_never_changes(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", recency(), MANIFEST)
    with pytest.raises(FileExistsError, match="exists already"):
        write_bundle(tmp_path / "b", recency(), MANIFEST)


def test_a_copy_carries_its_version(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", recency(), MANIFEST)
    copy_bundle(tmp_path / "b", tmp_path / "churn" / "7", version="7")
    assert load_bundle(tmp_path / "churn" / "7").version == "7"
    assert read_manifest(tmp_path / "b").version is None


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    class Broken(Recency):
        def save(self, folder: Path) -> None:
            (folder / "half").write_text("half")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        write_bundle(tmp_path / "b", Broken(np.zeros(2), horizon_days=1), MANIFEST)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"bundle\.json is missing"):
        load_bundle(tmp_path)
    (tmp_path / "bundle.json").write_text('{"name": "churn"}')
    with pytest.raises(BundleError, match="Field required"):
        load_bundle(tmp_path)
    write_bundle(tmp_path / "b", recency(), MANIFEST.model_copy(update={"name": "weather"}))
    with pytest.raises(
        BundleError, match="'weather' is no family of models: known are recommender"
    ):
        load_bundle(tmp_path / "b")


def test_a_model_of_other_settings_is_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", churn(), MANIFEST.model_copy(update={"model": "churn"}))
    file = tmp_path / "b" / "model" / "churn.json"
    rewrite(file, '"hidden"', '"history_length"')
    with pytest.raises(BundleError, match="other settings than this code's; fit it again"):
        load_bundle(tmp_path / "b")


def test_a_model_of_other_inputs_is_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", churn(), MANIFEST.model_copy(update={"model": "churn"}))
    file = tmp_path / "b" / "model" / "churn.json"
    rewrite(file, INPUTS[0], "something_else")
    with pytest.raises(BundleError, match="reads other customer inputs"):
        load_bundle(tmp_path / "b")


@pytest.mark.parametrize("name", ["model/logistic.json", "bundle.json", "checksums.json"])
def test_a_damaged_bundle_is_refused_with_the_way_on(tmp_path: Path, name: str) -> None:
    write_bundle(tmp_path / "b", recency(), MANIFEST)
    file = tmp_path / "b" / name
    content = file.read_bytes()
    for damaged in (b"", content[: len(content) // 2], content.replace(b"3", b"4")):
        file.write_bytes(damaged)
        with pytest.raises(BundleError, match=r"promote` again") as told:
            load_bundle(tmp_path / "b")
        assert str(tmp_path / "b") in str(told.value)
        with pytest.raises(BundleError):
            copy_bundle(tmp_path / "b", tmp_path / "c", version="2")
    file.write_bytes(content)
    assert load_bundle(tmp_path / "b").manifest == MANIFEST
    (tmp_path / "b" / "model" / "other.json").touch()
    with pytest.raises(BundleError, match=r"other\.json: it was added"):
        load_bundle(tmp_path / "b")


def test_a_bundle_of_before_checksums_is_read(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", recency(), MANIFEST)
    (tmp_path / "b" / "checksums.json").unlink()
    for file in (tmp_path / "b").rglob("*.json"):
        write_json(file, read_json(file), checksum=False)
    assert load_bundle(tmp_path / "b").manifest == MANIFEST


@pytest.mark.parametrize(
    "folder", ["../3", "churn/..", "churn/../../3", "/etc/3", "churn/", "/", "churn", "", 3, None]
)
def test_no_champion_leads_outside_of_the_bundles(tmp_path: Path, folder: object) -> None:
    file = tmp_path / "current.json"
    write_json(file, {"churn": folder})
    with pytest.raises(DamagedFile) as told:
        read_champions(file)
    assert f"{file}: 'churn' names {folder!r}, no version such as churn/3" in str(told.value)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"churn": "churn/', b"\xff"])
def test_damaged_names_of_champions_are_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "current.json"
    assert read_champions(file) == {}
    write_champions(file, {"churn": VersionName("churn", "3")})
    assert read_champions(file) == {"churn": VersionName("churn", "3")}
    file.write_bytes(content)
    with pytest.raises(DamagedFile, match=r"current\.json: not .*promote` again"):
        read_champions(file)


def test_reading_needs_neither_mlflow_nor_lightning(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", churn(), MANIFEST.model_copy(update={"model": "churn"}))
    code = (
        "import sys; from pathlib import Path; from training.bundle import load_bundle\n"
        f"load_bundle(Path({str(tmp_path / 'b')!r}))\n"
        "print(sorted({'mlflow', 'pytorch_lightning', 'optuna', 'feast'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
