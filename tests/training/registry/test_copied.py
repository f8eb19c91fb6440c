"""A copied workspace works by itself: the original is neither read nor written."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from configs.code import PACKAGES, ROOT
from features.workspace import Workspace
from tests.training.registry.anyone import answer_of_champion, customer_rows
from tests.training.registry.copies import Contents, contents, copied, naming, registered, spoil
from tests.training.shop import Shop
from training.bundle import load_bundle
from training.fit import fit
from training.registry.client import open_client
from training.registry.versions import find, promote


@dataclass(frozen=True)
class Original:
    """A workspace that was copied to `template`; then every file of it was spoilt."""

    home: Path
    template: Workspace
    spoilt: Contents


@pytest.fixture(scope="module")
def original(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Original:
    folder = tmp_path_factory.mktemp("copied")
    ws = registered(shop, folder / "original")
    template = copied(ws, folder / "template")
    return Original(ws.home, template, spoil(ws))


@pytest.fixture
def copy(original: Original, tmp_path: Path) -> Workspace:
    """A copy that no command has seen."""
    return copied(original.template, tmp_path / "copy")


def test_a_copy_answers_learns_and_promotes_by_itself(
    shop: Shop, copy: Workspace, original: Original, tmp_path: Path
) -> None:
    found = find(copy, "recommender", "champion")
    assert (found.version, found.manifest.model) == ("1", "popularity")
    assert found.bundle.is_relative_to(copy.home)
    rows = customer_rows(shop, 2, ws=copy)
    known = answer_of_champion(copy, "recommender", rows, tmp_path)
    assert known.code == {
        package: str(found.bundle.parents[1] / "code" / package / "__init__.py")
        for package in PACKAGES
    }
    made = fit(copy, "own_purchases", as_of=shop.full.as_of).version
    assert made.version == "2"
    promote(copy, "recommender", "2")
    assert load_bundle(copy.bundles / "recommender/2").manifest.model == "own_purchases"
    answer_of_champion(copy, "recommender", rows, tmp_path)
    assert contents(original.home) == original.spoilt
    assert naming(copy.home, str(original.home)) == set()
    assert naming(copy.home, str(copy.home)) == {"mlflow.db"}


def test_the_paths_of_others_runs_stay(copy: Workspace) -> None:
    with closing(sqlite3.connect(copy.home / "mlflow.db")) as database, database:
        (here,) = database.execute(
            "SELECT artifact_location FROM experiments WHERE name <> 'Default'"
        ).fetchone()
        database.execute(
            "INSERT INTO experiments "
            "(experiment_id, name, artifact_location, lifecycle_stage, workspace) "
            "VALUES (7, 'theirs', ?, 'active', 'default')",
            (f"{here}-of-others",),
        )
    client = open_client(copy)
    assert client.get_experiment("7").artifact_location == f"{here}-of-others"
    assert client.get_experiment_by_name("regulars").artifact_location == copy.artifacts.as_uri()
    (run,) = {version.run_id for version in client.search_model_versions("name = 'churn'")}
    assert client.get_run(run).info.artifact_uri == f"{copy.artifacts.as_uri()}/{run}/artifacts"


@pytest.fixture
def unwritable(copy: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    """The copy at another place, on a disk that cannot be written."""
    place = tmp_path / "unwritable"
    place.mkdir()
    try:
        subprocess.run(["mount", "--bind", copy.home, place], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no right to mount here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
        yield Workspace.open(place)
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def test_a_copy_that_cannot_be_written_is_read_with_a_warning(
    unwritable: Workspace, original: Original, caplog: pytest.LogCaptureFixture
) -> None:
    for version in (None, "champion"):
        assert find(unwritable, "recommender", version).bundle.is_relative_to(unwritable.home)
    assert "mlflow.db cannot be written, and names the artifacts in file:///" in caplog.text
    with pytest.raises(OSError, match="Read-only"):
        promote(unwritable, "recommender")
    assert contents(original.home) == original.spoilt


def run(home: Path, *arguments: str, code: int = 0) -> str:
    """Return what a command prints in the workspace at `home`; it must end with `code`."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments, "--home", str(home)],
        cwd=home.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_command_works_in_a_copy(copy: Workspace, original: Original, tmp_path: Path) -> None:
    definition = tmp_path / "spring.yaml"
    definition.write_text(
        "{key: spring, control: a, variants: {a: {model: champion}, b: {model: own_purchases}}}"
    )
    home, scores = copy.home, tmp_path / "scores.parquet"
    run(home, "training", "compare", "recommender", "churn")
    run(home, "training", "fit", "own_purchases")
    run(home, "experiments", "start", str(definition), "--json")
    run(home, "experiments", "analyze", "spring", "--json")
    run(home, "training", "promote", "recommender", "--because", "a copy")
    report = run(home, "training", "evaluate", "popularity").split("Report: ")[1].splitlines()[0]
    assert Path(report).is_relative_to(home)
    run(home, "training", "score", "churn", "--model", "recency", "--output", str(scores))
    run(home, "features", "build")
    run(home, "features", "materialize")
    assert contents(original.home) == original.spoilt
    assert naming(home, str(original.home)) == set()
    assert naming(home, str(home)) == {"mlflow.db"}
