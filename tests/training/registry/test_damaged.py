"""A damaged, lost or locked `mlflow.db` is one line that names it and the way on, never a guess."""

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from configs.json_files import read_json, write_json
from experiments.__main__ import app as experiments
from features.workspace import Workspace
from tests.training.registry.copies import contents, copied, registered
from tests.training.shop import Shop
from training.__main__ import app as training
from training.bundle import load_bundle, read_champions
from training.registry import outage
from training.registry.client import open_client
from training.registry.database import bring_home
from training.registry.outage import StoreOutage
from training.registry.tracking import Tracking
from training.registry.versions import RegistryError, export, find, promote

RUNNER = CliRunner()
DEFINITION = "{key: spring, control: a, variants: {a: {model: popularity}, b: {model: popularity}}}"


@pytest.fixture(scope="module")
def template(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return registered(shop, tmp_path_factory.mktemp("damaged") / "template")


@pytest.fixture
def ws(template: Workspace, tmp_path: Path) -> Workspace:
    ws = copied(template, tmp_path / "shop")
    bring_home(ws)
    return ws


def remove(file: Path) -> None:
    file.unlink()


def empty(file: Path) -> None:
    file.write_bytes(b"")


def halve(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def garble(file: Path) -> None:
    file.write_bytes(b"not a database" * 1000)


def garble_page(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096 * 3 : 4096 * 3 + 20] = b"\xa5" * 20
    file.write_bytes(content)


def change(*statements: str) -> Callable[[Path], None]:
    def run(file: Path) -> None:
        with closing(sqlite3.connect(file, isolation_level=None)) as database:
            for statement in statements:
                database.execute(statement)

    return run


DAMAGES = {
    "removed": (remove, "is missing, and .*bundles holds churn/1, recommender/1: restore"),
    "emptied": (empty, "is empty, and .*bundles holds churn/1, recommender/1: restore"),
    "cut in half": (halve, "restore it from a backup"),
    "not a database": (garble, "not a database; restore it from a backup"),
    "a page garbled": (garble_page, "restore it from a backup"),
    "without a table": (change("DROP TABLE model_versions"), "lacks the table model_versions, and"),
    "without tables": (change("DROP TABLE runs", "DROP TABLE experiments"), "lacks the table"),
    "without rows": (
        change("DELETE FROM model_versions", "DELETE FROM runs", "DELETE FROM experiments"),
        "holds no runs, and .*bundles holds",
    ),
    "older than the bundles": (
        change("DELETE FROM model_versions WHERE name = 'churn'"),
        "ends with version 0 of churn, and .*bundles/churn/1 exists: restore",
    ),
    "of another code": (
        change("UPDATE alembic_version SET version_num = 'unknown'"),
        "restore it from a backup",
    ),
    "a run of another place": (
        change("UPDATE model_versions SET run_id = '../elsewhere'"),
        "restore",
    ),
    "another model's name": (
        change("UPDATE model_version_tags SET value = 'ease' WHERE key = 'model'"),
        "the files of its run say recommender, .*popularity.*; restore it from a backup",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_every_command_names_the_file_and_the_way_on(ws: Workspace, name: str) -> None:
    damage, expected = DAMAGES[name]
    file = ws.home / "mlflow.db"
    damage(file)
    before = contents(ws.home)
    with pytest.raises(StoreOutage, match=expected) as caught:
        promote(ws, "recommender")
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert contents(ws.home) == before  # no new registry was begun


@pytest.mark.parametrize(
    "arguments",
    [
        ("promote", "recommender"),
        ("export", "recommender"),
        ("compare", "recommender", "churn"),
        ("fit", "popularity"),
        ("tune", "ease", "--trials", "1"),
        ("evaluate", "popularity"),
        ("score", "churn", "--model", "recency", "--output", "x.parquet"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_commands_end_with_one_line_and_exit_code_3(
    ws: Workspace, arguments: tuple[str, ...]
) -> None:
    (ws.home / "mlflow.db").write_bytes(b"not a database")
    done = RUNNER.invoke(training, [*arguments, "--home", str(ws.home)])
    assert done.exit_code == 3, done.output
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {ws.home}/mlflow.db: file is not a database; restore")


def test_an_experiment_that_needs_the_registry_says_so(ws: Workspace, tmp_path: Path) -> None:
    (tmp_path / "spring.yaml").write_text(DEFINITION)
    (ws.home / "mlflow.db").unlink()
    arguments = ["start", str(tmp_path / "spring.yaml"), "--json", "--home", str(ws.home)]
    done = RUNNER.invoke(experiments, arguments)
    assert (done.exit_code, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {ws.home}/mlflow.db is missing, and {ws.bundles} holds")


def test_runs_without_bundles_need_their_registry_too(ws: Workspace) -> None:
    shutil.rmtree(ws.bundles)
    (ws.home / "mlflow.db").unlink()
    with pytest.raises(StoreOutage, match="mlartifacts holds the files of 2 runs"):
        Tracking(ws)
    shutil.rmtree(ws.artifacts)
    assert Tracking(ws).client.search_registered_models() == []  # the stated way on


def test_a_locked_registry_is_named(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "TIMEOUT_S", 0.1)
    with closing(sqlite3.connect(ws.home / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreOutage, match=r"mlflow\.db: database is locked; another"):
            open_client(ws)
        other.execute("ROLLBACK")
    open_client(ws)


def test_a_registry_that_fails_later_is_named(ws: Workspace) -> None:
    client = open_client(ws)
    change("DROP TABLE tags")(ws.home / "mlflow.db")
    with pytest.raises(StoreOutage, match=r"mlflow\.db: no such table: tags; restore"):
        client.search_runs(["1"])


def test_a_bundle_of_another_registry_is_not_taken(ws: Workspace) -> None:
    folder = ws.bundles / "churn/1"
    write_json(folder / "bundle.json", read_json(folder / "bundle.json") | {"seed": 7})
    (folder / "checksums.json").unlink()
    with pytest.raises(RegistryError, match=f"{re.escape(str(folder))} holds recency"):
        export(ws, "churn")


def test_a_damaged_bundle_is_exported_again(ws: Workspace) -> None:
    folder = ws.bundles / "churn/1"
    for spoilt in [path for path in folder.rglob("*") if path.is_file()]:
        spoilt.write_bytes(b"x")
        promote(ws, "churn")
        assert load_bundle(folder).version == "1"


def test_a_bundle_gets_its_lost_checksums_again(ws: Workspace) -> None:
    checksums = ws.bundles / "recommender" / "1" / "checksums.json"
    written = checksums.read_bytes()
    checksums.unlink()
    promote(ws, "recommender", "1")
    assert checksums.read_bytes() == written


def test_a_damaged_file_of_a_run_is_named(ws: Workspace) -> None:
    found = find(ws, "churn")
    (ws.bundles / "churn/1").rename(ws.home / "elsewhere")
    model = next(path for path in (found.bundle / "model").iterdir() if path.is_file())
    for spoilt in (model, found.bundle / "bundle.json", found.bundle.parents[2] / "report.json"):
        spoilt.write_bytes(spoilt.read_bytes()[:-1] + b" ")
        with pytest.raises(StoreOutage, match=rf"{found.run_id}.*restore .* from a backup"):
            promote(ws, "churn")
    assert not (ws.bundles / "churn/1").exists()


@pytest.mark.parametrize("content", [b"", b"{", b'{"churn": "../../etc"}', None])
def test_a_promote_restores_the_list_of_champions(ws: Workspace, content: bytes | None) -> None:
    current = ws.bundles / "current.json"
    current.unlink() if content is None else current.write_bytes(content)
    promote(ws, "churn")
    assert {str(each) for each in read_champions(current).values()} == {"churn@1", "recommender@1"}


def test_a_registry_that_cannot_be_made_leaves_no_file(
    template: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = Workspace.create(tmp_path / "new", clock=template.clock)
    with monkeypatch.context() as patch:
        patch.setattr("mlflow.store.db.utils._upgrade_db", fail)
        with pytest.raises(StoreOutage, match=r"mlflow\.db: database or disk is full; free some"):
            open_client(ws)
    assert [path.name for path in ws.home.iterdir() if "mlflow" in path.name] == []
    default = open_client(ws).get_experiment("0")
    assert default.artifact_location.startswith(ws.artifacts.as_uri())


def fail(_: object) -> None:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorname = "SQLITE_FULL"
    raise error


def test_a_half_made_registry_is_named(tmp_path: Path) -> None:
    """As a full disk left it, before the file was made whole."""
    ws = Workspace.create(tmp_path / "new")
    with closing(sqlite3.connect(ws.home / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE experiments (name TEXT)")
    with pytest.raises(StoreOutage, match=r"lacks the table alembic_version\. No run .* remove it"):
        open_client(ws)
