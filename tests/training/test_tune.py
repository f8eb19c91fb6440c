"""Studies: exactly the trials asked for, true statuses, the same finish after a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml

from configs.loader import load_config
from features.workspace import Workspace
from tests.contracts import RUN
from tests.features.shop import line, lines, workspace
from tests.features.shop import time as moment
from tests.training.shop import DAYS, Shop
from training.customers.churn import ChurnConfig
from training.errors import NotEnoughData
from training.evaluation.churn_judge import predictor_judge
from training.evaluation.last_window import measure_last_window
from training.fit import fit
from training.models import config_class
from training.registry.tracking import Tracking
from training.run import Progress
from training.search_spaces import SPACES, Range, changed, setting
from training.tune import NothingToTune, TuneResult, tune

CONFIG = ChurnConfig(horizon_days=28, epochs=3)


@pytest.fixture(scope="module")
def result(shop: Shop) -> TuneResult:
    return tune(
        shop.ws, "churn", trials=7, as_of=shop.full.as_of, config=CONFIG, seed=3, device="cpu"
    )


def load(ws: Workspace, study: str) -> Any:
    return optuna.load_study(study_name=study, storage=f"sqlite:///{ws.home / 'optuna.db'}")


def test_the_best_is_written_as_overrides_that_fit_takes(shop: Shop, result: TuneResult) -> None:
    assert result.complete + result.pruned == 7
    overrides = yaml.safe_load(result.file.read_text())
    assert overrides == result.best
    assert overrides["horizon_days"] == 28
    assert "epochs" not in overrides
    config = load_config(ChurnConfig, result.file)
    epochs = config.model_copy(update={"epochs": 3})
    searched = fit(shop.ws, "churn", as_of=shop.past.as_of, config=epochs, seed=3, device="cpu")
    assert searched.metrics["auc"] == result.value
    assert result.windows == (str((shop.past.as_of - 28 * DAYS).date()),)


def test_the_last_window_is_kept_from_the_search(shop: Shop, result: TuneResult) -> None:
    config = load_config(ChurnConfig, result.file).model_copy(update={"epochs": 3})
    assert config != CONFIG
    judge = predictor_judge(shop.full, at=shop.past.as_of, days=28)
    best, given = (
        measure_last_window("churn", shop.past, judge, config=c, seed=3, run=RUN, baselines=False)
        for c in (config, CONFIG)
    )
    lead = result.held_out
    assert lead is not None
    assert lead.mean == pytest.approx(given.by_customer["churn"].mean())
    assert lead.mean + lead.value == pytest.approx(best.by_customer["churn"].mean())
    assert lead.low < lead.value < lead.high


def test_a_trial_is_measured_on_all_windows_until_the_time_is_up(shop: Shop) -> None:
    at = shop.full.as_of
    found = tune(
        shop.ws, "own_purchases", trials=4, as_of=at, windows=2, timeout_s=0, device="cpu"
    )  # the first trial is finished whatever the time
    assert found.complete + found.pruned == 1
    assert found.held_out is None
    assert found.windows == tuple(str((at - n * 28 * DAYS).date()) for n in (2, 3))
    values = [
        fit(shop.ws, "own_purchases", as_of=at - n * 28 * DAYS).metrics["mean_ndcg_at_10"]
        for n in (1, 2)
    ]
    assert found.value == pytest.approx(sum(values) / 2)


def test_too_many_windows_are_named(shop: Shop) -> None:
    with pytest.raises(NotEnoughData, match=r"windows = 9: [4-6] of them have data .* data hold"):
        tune(shop.ws, "own_purchases", trials=1, as_of=shop.full.as_of, windows=9)


def test_the_first_trial_is_the_config_as_it_stands(shop: Shop, result: TuneResult) -> None:
    first = load(shop.ws, result.study).trials[0]
    assert first.state.name == "COMPLETE"
    assert first.params["learning_rate"] == CONFIG.learning_rate
    assert first.params["hidden"] == "[32, 16]"
    assert result.value >= first.value


def test_every_trial_has_a_nested_run_of_its_own_status(shop: Shop, result: TuneResult) -> None:
    tracking = Tracking(shop.ws)
    runs = tracking.client.search_runs([tracking.experiment_id], f"tags.study = '{result.study}'")
    (parent,) = [run for run in runs if "trial" not in run.data.tags]
    assert parent.info.status == "FINISHED"
    statuses = {"COMPLETE": "FINISHED", "PRUNED": "KILLED"}
    expected = {t.number: statuses[t.state.name] for t in load(shop.ws, result.study).trials}
    assert {
        int(run.data.tags["trial"]): run.info.status
        for run in runs
        if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id
    } == expected


def test_pruned_trials_ended_early(shop: Shop, result: TuneResult) -> None:
    pruned = [t for t in load(shop.ws, result.study).trials if t.state.name == "PRUNED"]
    assert len(pruned) == result.pruned > 0
    assert all(len(trial.intermediate_values) < 4 for trial in pruned)


def test_a_finished_study_does_nothing(shop: Shop, result: TuneResult) -> None:
    told: list[str] = []
    again = tune(
        shop.ws,
        "churn",
        trials=7,
        as_of=shop.full.as_of,
        config=CONFIG,
        seed=3,
        device="cpu",
        progress=Progress(on_epoch=lambda phase, *_: told.append(phase)),
    )
    assert again == result
    assert told == []


def test_a_model_without_a_space_is_named(shop: Shop) -> None:
    with pytest.raises(
        NothingToTune,
        match=r"'recency': the models with settings .* are two_stage, .*; recency has none: its",
    ):
        tune(shop.ws, "recency", trials=1, as_of=shop.full.as_of)


@pytest.mark.timeout(100)
@pytest.mark.parametrize("model", ["churn", "two_tower"])
def test_a_silent_last_window_ends_the_study(model: str, tmp_path: Path) -> None:
    days = [f"2011-{month:02}-10" for month in range(1, 6)]
    rows = [line(day, "ann", "p1", day) for day in days]
    new = line("new", "eve", "p1", "2011-06-20")  # alone in the last window
    ws = workspace(tmp_path, lines(*rows, line("bob", "bob", "p2", "2011-01-20"), new))
    config = ChurnConfig(horizon_days=28) if model == "churn" else None
    with pytest.raises(NotEnoughData, match="28 days"):
        tune(ws, model, trials=1, as_of=moment("2011-07-01"), config=config, device="cpu")
    tracking = Tracking(ws)
    (run,) = tracking.client.search_runs([tracking.experiment_id])
    assert run.info.status == "FAILED"


@pytest.mark.parametrize("model", SPACES)
def test_every_space_names_settings_and_holds_the_defaults(model: str) -> None:
    defaults = config_class(model)()
    for key, values in SPACES[model].items():
        value = setting(defaults, key)
        if isinstance(values, Range):
            assert values.low <= value <= values.high
            drawn = values.high
        else:
            assert value in values
            drawn = values[-1]
        config = config_class(model)(**changed(defaults.model_dump(), {key: drawn}))
        assert setting(config, key) == drawn


@pytest.mark.slow
def test_a_killed_study_ends_like_an_unbroken_one(
    shop: Shop, result: TuneResult, tmp_path: Path
) -> None:
    Workspace.create(shop.ws.home, clock=f"fixed:{shop.full.as_of.isoformat()}")
    env = {**os.environ, "REGULARS_HOME": str(shop.ws.home), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "training", "tune", "churn", "--trials", "7", "--seed", "3"]
    command += ["horizon_days=28", "epochs=3", "--device", "cpu"]
    command += ["--as-of", str(shop.full.as_of.date())]
    database = shop.ws.home / "optuna.db"
    unbroken = {t.number: t for t in load(shop.ws, result.study).trials}
    database.rename(tmp_path / "unbroken.db")
    tracking = Tracking(shop.ws)
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 200
        while _running_trial(tracking) < 2:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, env=env, check=True)
    trials = load(shop.ws, result.study).trials
    finished = [t for t in trials if t.state.name in ("COMPLETE", "PRUNED")]
    assert [t.state.name for t in trials if t not in finished] == ["FAIL"]
    assert [(t.state, t.params, t.intermediate_values) for t in finished] == [
        (t.state, t.params, t.intermediate_values) for t in unbroken.values()
    ]
    dead = next(t.number for t in trials if t.state.name == "FAIL")
    statuses = {
        run.info.status
        for run in tracking.client.search_runs([tracking.experiment_id], f"tags.trial = '{dead}'")
    }
    assert "FAILED" in statuses
    assert "RUNNING" not in statuses


def _running_trial(tracking: Tracking) -> int:
    """Return the number of the trial that runs, 0 before the first."""
    runs = tracking.client.search_runs([tracking.experiment_id], "attributes.status = 'RUNNING'")
    return max((int(run.data.tags.get("trial", 0)) for run in runs), default=0)
