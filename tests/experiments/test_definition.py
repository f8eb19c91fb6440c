"""An experiment's life: one start, growing shares, one end; every state on disk."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from configs.json_files import write_json
from configs.loader import ConfigError, load_config
from experiments.definition import Experiment, ExperimentError
from experiments.lifecycle import UnreadableState, kill, ramp, running, states, status, stop
from experiments.start import start
from features.workspace import Workspace
from tests.experiments.spring import NOON, experiment
from training.models import MODELS

EXAMPLES = sorted(Path("configs/experiments").glob("*.yaml"))


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    """A workspace at noon with the exported versions 2 and 3; 3 is champion."""
    made = Workspace.create(tmp_path / "shop", clock="simulated")
    made.advance(NOON)
    for version in ("2", "3"):
        (made.bundles / "recommender" / version).mkdir(parents=True)
    write_json(made.bundles / "current.json", {"recommender": "recommender/3"})
    return made


def test_the_champion_is_pinned_at_the_start(shop: Workspace) -> None:
    start(shop, experiment())
    write_json(shop.bundles / "current.json", {"recommender": "recommender/9"})
    (found,) = running(shop)
    assert {name: side.model for name, side in found.variants.items()} == {
        "old": "recommender@2",
        "new": "recommender@3",
    }
    assert found.salt == "spring"


@pytest.mark.parametrize(
    "model", [name for name, entry in MODELS.items() if entry.registered == "recommender"]
)
def test_every_recommender_can_be_a_variant(model: str) -> None:
    found = experiment(variants={"old": {"model": model}, "new": {"model": "champion"}})
    assert found.variants["old"].model == model


def test_a_life_from_start_to_stop(shop: Workspace) -> None:
    start(shop, experiment())
    shop.advance(NOON + pd.Timedelta(days=1))
    ramp(shop, "spring", exposed_share=0.5)
    assert running(shop)[0].exposed_share == 0.5
    stop(shop, "spring", reason="planned")
    found = status(shop, "spring")
    assert running(shop) == []
    assert found.status == "stopped"
    assert found.started == NOON
    assert [(c.verb, c.exposed_share, c.reason) for c in found.changes] == [
        ("start", 0.1, ""),
        ("ramp", 0.5, ""),
        ("stop", 0.5, "planned"),
    ]
    assert json.loads((shop.experiments / "spring" / "state.json").read_text())


def test_the_same_start_again_changes_nothing(shop: Workspace) -> None:
    first = start(shop, experiment())
    shop.advance(NOON + pd.Timedelta(days=1))
    assert start(shop, experiment()) == first
    with pytest.raises(ExperimentError, match="'spring' was running already"):
        start(shop, experiment(window_days=3))


def test_a_key_is_used_once_and_one_experiment_runs(shop: Workspace) -> None:
    start(shop, experiment())
    with pytest.raises(ExperimentError, match="'spring' is running: stop it before 'summer'"):
        start(shop, experiment("summer"))
    kill(shop, "spring", reason="empty lists")
    with pytest.raises(ExperimentError, match="'spring' was killed already"):
        start(shop, experiment())
    start(shop, experiment("summer"))
    assert [(s.experiment.key, s.status) for s in states(shop)] == [
        ("spring", "killed"),
        ("summer", "running"),
    ]


@pytest.mark.parametrize("share", [0.05, 1.1, 0.0])
def test_a_share_only_grows_up_to_one(shop: Workspace, share: float) -> None:
    start(shop, experiment())
    with pytest.raises(ExperimentError, match=rf"exposed_share = {share}: it grows from 0.1 to 1"):
        ramp(shop, "spring", exposed_share=share)
    assert running(shop)[0].exposed_share == 0.1


def test_what_does_not_run_cannot_change(shop: Workspace) -> None:
    with pytest.raises(ExperimentError, match="no experiment 'spring' was started"):
        stop(shop, "spring")
    start(shop, experiment())
    stop(shop, "spring")
    with pytest.raises(ExperimentError, match="'spring' was stopped already"):
        ramp(shop, "spring", exposed_share=0.5)
    with pytest.raises(ExperimentError, match="state why"):
        kill(shop, "spring", reason=" ")


def test_without_a_champion_the_message_names_the_command(tmp_path: Path) -> None:
    shop = Workspace.create(tmp_path / "shop", clock="fixed:2011-12-09T12:00:00Z")
    both = {"old": {"model": "champion"}, "new": {"model": "champion"}}
    with pytest.raises(ExperimentError, match="run `python -m training promote recommender`"):
        start(shop, experiment(variants=both))
    assert states(shop) == []


@pytest.mark.parametrize("model", ["churn", "recency"])
def test_a_model_that_recommends_nothing_is_no_variant(shop: Workspace, model: str) -> None:
    variants = {"old": {"model": "champion"}, "new": {"model": model}}
    with pytest.raises(ExperimentError, match=f"'{model}' is no recommender"):
        start(shop, experiment(variants=variants))
    assert states(shop) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"control": "older"}, "control 'older' is none of"),
        ({"key": "Spring/1"}, "should match pattern"),
        ({"variants": {"old": {"model": "champion"}}}, "at least 2"),
        ({"variants": {"old": {"model": "champion", "weight": 0}, "new": {}}}, "greater than 0"),
        ({"variants": {"old": {"model": "recommender@0"}, "new": {}}}, "should match pattern"),
        ({"exposed_share": 0}, "greater than 0"),
        ({"wieght": 1}, "wieght"),
    ],
)
def test_a_wrong_definition_names_key_and_rule(
    tmp_path: Path, change: dict[str, object], rule: str
) -> None:
    values = experiment().model_dump(mode="json") | change
    file = tmp_path / "spring.yaml"
    file.write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError, match=rule):
        load_config(Experiment, file)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_examples_are_definitions(file: Path) -> None:
    assert load_config(Experiment, file).key == file.stem


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "experiments", *words], capture_output=True, text=True, check=False
    )


def test_the_command_starts_shows_and_refuses(shop: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "spring.yaml"
    file.write_text(yaml.safe_dump(experiment().model_dump(mode="json")))
    home = ("--home", str(shop.home))
    done = command("start", str(file), "exposed_share=0.2", *home)
    assert (done.returncode, done.stderr) == (0, "")
    shown = command("status", *home)
    assert shown.stdout == done.stdout
    assert "spring: running, 20% of customers; " in shown.stdout
    assert "old (control) = recommender@2 x 1" in shown.stdout
    refused = command("kill", "summer", "--reason", "harm", *home)
    assert refused.returncode == 2
    assert refused.stderr == ("error: no experiment 'summer' was started here (known: spring)\n")


def test_a_state_that_is_not_that_of_its_experiment_is_told(shop: Workspace) -> None:
    start(shop, experiment())
    file = shop.experiments / "spring" / "state.json"
    written = file.read_bytes()
    other = shop.experiments / "autumn" / "state.json"
    other.parent.mkdir()
    other.write_bytes(written)
    with pytest.raises(UnreadableState, match=r"autumn/state\.json: .*that of 'spring'"):
        states(shop)
    shutil.rmtree(other.parent)
    for damaged in (b"", b"{}", written.replace(b"0.", b"1.", 1), written[:-40]):
        file.write_bytes(damaged)
        with pytest.raises(UnreadableState, match=r"spring/state\.json: .*or remove its folder"):
            status(shop, "spring")
    file.unlink()
    with pytest.raises(UnreadableState, match=r"spring/state\.json is missing: .*its folder"):
        states(shop)
    file.write_bytes(written)
    assert status(shop, "spring").status == "running"
