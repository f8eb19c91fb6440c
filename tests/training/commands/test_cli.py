"""The commands of training: what they print, and one line for what a user can mend."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from configs.code import PACKAGES, ROOT, git_commit
from configs.described import settings
from features.workspace import Workspace
from tests.training.shop import Shop
from training.__main__ import app
from training.recommenders.two_stage.model import TwoStageConfig

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def day(shop: Shop) -> str:
    """Set the clock to the end of the data; return its day."""
    Workspace.create(shop.ws.home, clock=f"fixed:{shop.full.as_of.isoformat()}")
    return str(shop.full.as_of.date())


def run(shop: Shop, *arguments: str) -> str:
    """Return what a command prints; it must end well."""
    done = RUNNER.invoke(app, [*arguments, "--home", str(shop.ws.home)], env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    return done.output


def test_fit_promote_and_compare(shop: Shop, day: str) -> None:
    said = run(shop, "fit", "recency", "--as-of", day, "horizon_days=28")
    assert "logistic_regression" in said
    assert "auc" in said
    (line,) = [line for line in said.splitlines() if line.startswith("Next:")]
    version = line.split()[-1]
    assert line == f"Next: python -m training promote churn --version {version}"
    again = run(shop, "fit", "recency", "--as-of", day, "horizon_days=28")
    assert f"churn version {version} (recency) existed already." in again
    refused = RUNNER.invoke(
        app, ["promote", "churn", "--version", version, "--home", str(shop.ws.home)]
    )
    assert refused.exit_code == 2
    assert "it does not lead the best baseline, logistic_regression: -0." in refused.output
    promoted = run(shop, "promote", "churn", "--version", version, "--because", "to compare")
    assert "Against it: it does not lead the best baseline" in promoted
    assert f"churn version {version} is the champion" in promoted
    other = run(shop, "fit", "logistic_regression", "--as-of", day, "horizon_days=28")
    assert "logistic_regression) " in other
    compared = run(shop, "compare", "churn@champion", "logistic_regression")
    assert f"churn@champion: churn version {version}, recency" in compared
    assert "No difference is shown between logistic_regression and churn@champion: +0." in compared


@pytest.mark.slow
def test_compare_says_which_version_leads(shop: Shop, day: str) -> None:
    for model in ("own_purchases", "popularity"):
        run(shop, "fit", model, "--as-of", day)
    said = run(shop, "compare", "own_purchases", "popularity")
    assert "own_purchases leads popularity by 0." in said
    assert "(95% interval 0." in said
    assert "popularity leads" not in said


def test_config_shows_every_setting_and_names_the_nearest_key() -> None:
    said = RUNNER.invoke(app, ["config", "two_stage", "windows=2"]).stdout
    keys = {line.split()[0] for line in said.splitlines() if line.split()}
    assert {each.key for each in settings(TwoStageConfig())} <= keys
    wrong = RUNNER.invoke(app, ["config", "two_stage", "network.epoch=3"])
    assert wrong.exit_code == 2
    assert "network.epoch = 3" in wrong.stderr
    assert wrong.stderr.rstrip().endswith("is network.epochs meant?")


def test_evaluate_registers_nothing(shop: Shop, day: str) -> None:
    from training.registry.client import open_client

    client = open_client(shop.ws)
    before = len(client.search_model_versions("name = 'recommender'"))
    said = run(shop, "evaluate", "popularity", "--as-of", day, "--windows", "2")
    assert "own_purchases" in said
    assert "by the window's first day" in said
    assert "NDCG@10 of the list 'new': of all" in said
    assert "Caveat" not in said  # it has no epochs to choose
    assert len(client.search_model_versions("name = 'recommender'")) == before


def test_evaluate_says_that_its_window_chose_the_epochs(shop: Shop, day: str) -> None:
    said = run(shop, "evaluate", "two_tower", "--as-of", day, "epochs=1", "embedding_dim=4")
    assert "Lead of two_tower in NDCG@10" in said
    caveat, report, opening = said.splitlines()[-3:]
    assert caveat.startswith("Caveat: the epochs were chosen on this same window")
    assert Path(report.removeprefix("Report: ")).read_text().count(caveat) == 1
    assert opening.endswith(f"mlflow ui --backend-store-uri {shop.ws.mlflow_uri}")


def test_evaluate_of_a_predictor(shop: Shop, day: str) -> None:
    said = run(shop, "evaluate", "churn", "--as-of", day, "horizon_days=28", "epochs=1")
    assert "logistic_regression" in said
    assert "Caveat: the epochs were chosen on this same window" in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "gpt"], "error: model 'gpt': known are two_stage, two_tower"),
        (["fit", "churn", "learning_rate=fast"], "learning_rate = 'fast'"),
        (["fit", "churn", "wings=2"], "wings"),
        (["fit", "churn", "--config", "nowhere.yaml"], "nowhere.yaml: no such config file"),
        (["fit", "churn", "--as-of", "2090-01-01"], "the workspace's clock stands at"),
        (["fit", "churn", "--as-of", "1990-01-01"], "no order line was known before it"),
        (["fit", "churn", "--as-of", "soon"], "write YYYY-MM-DD"),
        (["evaluate", "recency", "--windows", "2"], "windows = 2, baselines = 'default'"),
        (["evaluate", "recency", "--baselines", "all"], "baselines = 'all': only a recommender"),
        (["tune", "recency", "--trials", "2"], "the models with settings to search are"),
        (["compare", "churn", "churn"], "churn and churn are the same version"),
        (["promote", "churn", "--version", "999"], "'churn' has no version 999"),
        (["compare", "two_tower", "churn"], "'two_tower' has no version"),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    shop: Shop, day: str, arguments: list[str], message: str
) -> None:
    if "churn" in arguments and arguments[0] in ("promote", "compare"):
        run(shop, "fit", "recency", "--as-of", day, "horizon_days=28")
    done = RUNNER.invoke(app, [*arguments, "--home", str(shop.ws.home)])
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert "Traceback" not in done.output


def test_no_workspace_is_named(tmp_path: Path) -> None:
    done = RUNNER.invoke(app, ["fit", "churn", "--home", str(tmp_path)])
    assert done.exit_code == 2
    assert "no workspace at" in done.stderr


def test_help_is_quick_and_teaches() -> None:
    code = "import sys; sys.argv = ['training', '--help']\n" + (
        "import atexit; heavy = {'torch', 'mlflow', 'feast', 'pandas', 'optuna'}\n"
        "atexit.register(lambda: print('loaded', sorted(heavy & sys.modules.keys())))\n"
        "import runpy; runpy.run_module('training', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert "loaded []" in done.stdout
    for verb in (
        "fit",
        "tune",
        "evaluate",
        "ablate",
        "diversity",
        "benchmark",
        "promote",
        "export",
        "compare",
        "config",
        "refresh",
        "reproduce",
        "score",
        "segments",
        "rollback",
        "history",
    ):
        assert f" {verb} " in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)  # the copy compiles its loops anew
def test_an_edit_trains_again_and_names_the_other_codes_commit(
    shop: Shop, day: str, tmp_path: Path
) -> None:
    command = ["fit", "recency", "--as-of", day, "horizon_days=25"]
    (registered,) = [
        line for line in run(shop, *command).splitlines() if line.endswith("(recency) registered.")
    ]
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    edited = tmp_path / "training" / "customers" / "baselines.py"
    edited.write_text(f"{edited.read_text()}\nAN_IDEA = 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "training", *command, "--home", str(shop.ws.home)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    )
    version = registered.removesuffix(" (recency) registered.")
    said = f"{version} came from other code, commit {git_commit()}: trained again"
    assert said in done.stdout
    assert "(recency) registered." in done.stdout
