"""Every writer, of whatever library, keeps a shop's data from other users."""

import shutil
import stat
from pathlib import Path

import pytest

from tests.training.commands.cli import make_shop, run


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made under umask 0, which hides nothing."""
    home = tmp_path_factory.mktemp("whole") / "shop"
    make_shop(home, umask=0)
    return home


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_that_commands_write_is_private_and_outputs_are_the_users(
    shop: Path, tmp_path: Path
) -> None:
    """Under umask 0, which hides nothing: DuckDB, SQLite, Feast, MLflow, Optuna, Lightning."""
    output, page = tmp_path / "churn.parquet", tmp_path / "check.html"
    home = shutil.copytree(shop, tmp_path / "shop")
    for command in (
        ("training", "fit", "churn", "epochs=1"),
        ("training", "tune", "logistic_regression", "--trials", "1"),
        ("training", "evaluate", "popularity"),
        ("training", "score", "churn", "--model", "recency", "--output", str(output)),
        ("features", "check", "--html", str(page)),
        ("serving", "keys", "create", "web", "--scope", "predict"),
    ):
        done = run(*command, home=home, umask=0)
        assert done.returncode == 0, (command, done.stderr)
    entries = [home, *home.rglob("*")]
    assert len(entries) > 100
    assert {str(path) for path in entries if mode(path) & 0o077} == set()
    assert (mode(output), mode(page)) == (0o666, 0o666)


@pytest.mark.slow
def test_a_workspace_of_before_is_closed_by_the_next_materialize(
    shop: Path, tmp_path: Path
) -> None:
    home = shutil.copytree(shop, tmp_path / "shop")
    for path in (home, *home.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    done = run("features", "materialize", home=home)
    assert done.returncode == 0
    assert f"{home}: other users could read" in done.stderr
    assert {str(path) for path in (home, *home.rglob("*")) if mode(path) & 0o077} == set()
