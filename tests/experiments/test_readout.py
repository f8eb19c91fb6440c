"""From a workspace with exposures and orders to an analysis, a picture and a decision."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from configs.json_files import read_json
from experiments.__main__ import app
from experiments.definition import ExperimentError
from experiments.exposures import DATABASE, ExposureLog
from experiments.lifecycle import stop
from experiments.readout import analyze_workspace, decide
from features.workspace import Workspace
from tests.experiments.spring import DAY, NOON, experiment, exposure, spring_shop, trade


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    """A shop at noon where `spring` compares versions 2 (old) and 3 (new) for a week's window."""
    return spring_shop(tmp_path / "shop")


def test_nothing_counts_before_the_window_is_over(shop: Workspace) -> None:
    trade(shop, old=120, new=120)
    found = analyze_workspace(shop, "spring")
    assert (found.waiting, found.units, found.effects) == (240, {"new": 0, "old": 0}, ())
    with pytest.raises(ExperimentError, match="no effects yet"):
        decide(shop, "spring", variant="new", reason="hope")


def test_analysis_picture_and_decision_lie_beside_the_state(shop: Workspace) -> None:
    trade(shop, old=120, new=120)
    shop.advance(NOON + 8 * DAY)
    found = analyze_workspace(shop, "spring", picture=True)
    assert found.means["old"]["conversion"] == 40 / 120
    assert found.means["new"]["conversion"] == 60 / 120
    folder = shop.experiments / "spring"
    assert (folder / "effect.png").read_bytes().startswith(b"\x89PNG")
    saved = read_json(folder / "analysis.json")
    assert saved["effects"][0]["effect_size"] == pytest.approx(1 / 6)
    assert saved["sample_ratio"] == {
        "exposed": {"new": 120, "old": 120},
        "expected": {"new": 120.0, "old": 120.0},
        "pvalue": 1.0,
        "ok": True,
    }
    decision = decide(shop, "spring", variant="new", reason="sells more")
    assert read_json(folder / "decision.json") == decision
    assert (decision["model"], decision["analysis"]) == ("recommender@3", saved)
    with pytest.raises(ExperimentError, match="was decided already"):
        decide(shop, "spring", variant="old", reason="second thoughts")


def test_exposures_after_the_end_do_not_count(shop: Workspace) -> None:
    trade(shop, old=120, new=120)
    shop.advance(NOON + 8 * DAY)
    stop(shop, "spring")
    late = exposure(999, unit_id="late", variant="new", exposed_timestamp=shop.now())
    with ExposureLog(shop.experiments / DATABASE) as log:
        log.append([late])
    shop.advance(NOON + 20 * DAY)
    assert analyze_workspace(shop, "spring").sample_ratio.exposed == {"new": 120, "old": 120}


@pytest.mark.parametrize(
    "words", [("analyze", "spring"), ("power", "spring.yaml", "--rel-effect-size", "0.1")]
)
def test_windows_that_end_in_the_future_are_not_over(
    shop: Workspace, tmp_path: Path, words: tuple[str, ...]
) -> None:
    definition = tmp_path / "spring.yaml"
    definition.write_text(experiment().model_dump_json())
    command = [str(definition) if word == definition.name else word for word in words]
    done = CliRunner().invoke(app, [*command, "--as-of", "2090-01-01", "--home", str(shop.home)])
    assert done.exit_code == 2
    assert "--as-of 2090-01-01: the workspace's clock stands at 2011-12-09" in done.stderr
    assert not (shop.experiments / "spring" / "analysis.json").exists()


def test_a_broken_sample_ratio_withholds_effects_and_decisions(shop: Workspace) -> None:
    trade(shop, old=300, new=200)
    shop.advance(NOON + 8 * DAY)
    with pytest.raises(ExperimentError, match=r"broken sample ratio \(p = 7.7e-06\)"):
        decide(shop, "spring", variant="new", reason="sells more")
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "analyze", "spring", "--home", str(shop.home)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "BROKEN" in done.stdout.splitlines()[0] + done.stdout.splitlines()[1]
    assert "The effects are withheld" in done.stdout
    assert "conversion" not in done.stdout


def test_a_decision_names_a_variant_and_a_reason(shop: Workspace) -> None:
    with pytest.raises(ExperimentError, match="variant = 'newest'"):
        decide(shop, "spring", variant="newest", reason="x")
    with pytest.raises(ExperimentError, match="state why"):
        decide(shop, "spring", variant="new", reason="")
