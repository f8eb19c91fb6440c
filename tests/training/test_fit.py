"""From data to a registered version: reused, resumed, reported with true status."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from configs.json_files import read_json
from features.workspace import Workspace
from tests.training.shop import Shop
from training.customers.baselines import RecencyConfig
from training.customers.churn import ChurnConfig
from training.customers.reasons import typical_customer
from training.fit import FitResult, fit
from training.registry.tracking import FAILURE, KEY, Tracking
from training.run import Progress

CONFIG = ChurnConfig(horizon_days=28, epochs=3, hidden=(8,), batch_size=64, learning_rate=0.01)


@pytest.fixture(scope="module")
def fitted(shop: Shop) -> FitResult:
    return fit(shop.ws, "churn", as_of=shop.full.as_of, config=CONFIG, device="cpu")


def test_the_version_says_what_it_was_made_of(shop: Shop, fitted: FitResult) -> None:
    manifest = fitted.version.manifest
    assert (manifest.name, manifest.model, manifest.seed) == ("churn", "churn", 0)
    assert manifest.as_of == shop.full.as_of
    assert manifest.feature_service == "churn_v1"
    assert len(manifest.data_digest) == 64
    assert manifest.config["hidden"] == [8]
    assert manifest.metrics == fitted.metrics
    assert 0.5 < fitted.metrics["auc"] < 1
    assert set(fitted.baselines) == {"recency", "logistic_regression"}
    assert manifest.typical == typical_customer(shop.full)
    assert 0 < manifest.typical["last_order_timestamp"] < 365  # days
    assert not fitted.reused


def test_the_run_holds_figures_curves_and_report(shop: Shop, fitted: FitResult) -> None:
    tracking = Tracking(shop.ws)
    run = tracking.client.get_run(fitted.version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["hidden"] == "[8]"
    assert run.data.tags["data_digest"] == fitted.version.manifest.data_digest
    assert run.data.tags["git_commit"] == fitted.version.manifest.git_commit
    assert run.data.metrics["auc"] == fitted.metrics["auc"]
    assert run.data.metrics["recency.auc"] == fitted.baselines["recency"]["auc"]
    assert tracking.steps(run.info.run_id, "choose_auc") == {1, 2, 3}
    artifacts = tracking.artifacts(run.info.run_id)
    epochs = json.loads((artifacts / "report.json").read_text())["epochs"]
    assert tracking.steps(run.info.run_id, "train_loss") == set(range(1, epochs + 1))
    assert (artifacts / "learning_curves.png").read_bytes().startswith(b"\x89PNG")
    assert not [file for file in artifacts.rglob("*") if file.suffix in (".pkl", ".ckpt")]


def test_the_same_work_is_not_done_twice(shop: Shop, fitted: FitResult) -> None:
    again = fit(shop.ws, "churn", as_of=shop.full.as_of, config=CONFIG, device="cpu")
    assert again.reused
    assert again.version == fitted.version


def test_a_version_of_other_code_is_not_reused(shop: Shop) -> None:
    config = RecencyConfig(horizon_days=26)
    first = fit(shop.ws, "recency", as_of=shop.full.as_of, config=config)
    assert first.other_code is None
    tracking = Tracking(shop.ws)
    key = tracking.client.get_run(first.version.run_id).data.tags[KEY]
    work, _, code = key.rpartition("-")
    tracking.client.set_tag(first.version.run_id, KEY, f"{work}-{'0' * len(code)}")
    other = fit(shop.ws, "recency", as_of=shop.full.as_of, config=config)
    assert not other.reused
    assert other.version.version != first.version.version
    assert other.other_code == first.version
    again = fit(shop.ws, "recency", as_of=shop.full.as_of, config=config)
    assert (again.reused, again.version, again.other_code) == (True, other.version, None)


@pytest.mark.parametrize("change", ["seed", "config", "as_of"])
def test_other_work_is_another_version(shop: Shop, fitted: FitResult, change: str) -> None:
    config = RecencyConfig(horizon_days=28)
    first = fit(shop.ws, "recency", as_of=shop.full.as_of, config=config)
    other = fit(
        shop.ws,
        "recency",
        as_of=shop.past.as_of if change == "as_of" else shop.full.as_of,
        config=RecencyConfig(horizon_days=27) if change == "config" else config,
        seed=1 if change == "seed" else 0,
    )
    assert len({first.version.version, other.version.version, fitted.version.version}) == 3
    assert not other.reused


def test_a_dead_run_is_marked_failed_by_the_next(shop: Shop) -> None:
    tracking = Tracking(shop.ws)
    dead = tracking.start(key="of another work", name="dead", tags={})
    fit(shop.ws, "recency", as_of=shop.full.as_of, config=RecencyConfig(horizon_days=28))
    run = tracking.client.get_run(dead)
    assert run.info.status == "FAILED"
    assert run.data.tags[FAILURE] == "its process ended without reporting a result"


def test_an_error_fails_the_run_and_the_next_try_takes_it_up(shop: Shop) -> None:
    config = CONFIG.model_copy(update={"learning_rate": 0.02})
    asked = {"as_of": shop.full.as_of, "config": config, "seed": 5}

    def stop(phase: str, epoch: int, _: dict[str, float]) -> None:
        if (phase, epoch) == ("choose", 2):
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        fit(shop.ws, "churn", device="cpu", progress=Progress(on_epoch=stop), **asked)  # type: ignore[arg-type]
    tracking = Tracking(shop.ws)
    (run_id,) = [
        run.info.run_id
        for run in tracking.client.search_runs(
            [tracking.experiment_id], "attributes.status = 'FAILED'"
        )
        if run.data.params.get("learning_rate") == "0.02"
    ]
    told: list[tuple[str, int]] = []
    done = fit(
        shop.ws,
        "churn",
        device="cpu",
        progress=Progress(on_epoch=lambda phase, epoch, _: told.append((phase, epoch))),
        **asked,  # type: ignore[arg-type]
    )
    assert done.version.run_id == run_id
    assert told[:2] == [("choose", 2), ("choose", 3)]
    assert tracking.client.get_run(run_id).info.status == "FINISHED"
    assert FAILURE not in tracking.client.get_run(run_id).data.tags


COMMAND = (
    *(sys.executable, "-m", "training", "fit", "churn", "horizon_days=28", "epochs=6"),
    *("batch_size=8", "hidden=[16]", "--device", "cpu", "--seed"),
)


@pytest.mark.slow
def test_killed_in_the_middle_it_ends_bit_equal(shop: Shop) -> None:
    env = {**os.environ, "REGULARS_HOME": str(shop.ws.home), "OMP_NUM_THREADS": "1"}
    day = str(shop.full.as_of.date())
    Workspace.create(shop.ws.home, clock=f"fixed:{shop.full.as_of.isoformat()}")
    command = [*COMMAND, "7", "--as-of", day]
    before = set(shop.ws.checkpoints.glob("*")) if shop.ws.checkpoints.exists() else set()
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 200
        while not _epochs(shop, before) >= 2:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    tracking = Tracking(shop.ws)
    (running,) = tracking.client.search_runs(
        [tracking.experiment_id], "attributes.status = 'RUNNING'"
    )
    subprocess.run(command, env=env, check=True)
    resumed = tracking.client.get_run(running.info.run_id)
    assert resumed.info.status == "FINISHED"
    weights = _weights(shop, running.info.run_id)
    tracking.client.set_tag(running.info.run_id, "regulars.key", "set aside")
    subprocess.run(command, env=env, check=True)  # nothing of that key stands: a whole training
    whole = tracking.client.search_runs(
        [tracking.experiment_id], "tags.seed = '7'", order_by=["attributes.start_time DESC"]
    )[0]
    assert whole.info.run_id != running.info.run_id
    assert _weights(shop, whole.info.run_id) == weights
    assert whole.data.metrics["auc"] == resumed.data.metrics["auc"]


def _epochs(shop: Shop, before: set[Path]) -> int:
    """Return how many epochs the new training has counted."""
    for file in shop.ws.checkpoints.glob("*/choose/epochs.json"):
        if file.parent.parent not in before:
            return len(read_json(file))
    return 0


def _weights(shop: Shop, run_id: str) -> bytes:
    model = Tracking(shop.ws).artifacts(run_id) / "model" / "artifacts" / "bundle" / "model"
    return (model / "weights.safetensors").read_bytes()
