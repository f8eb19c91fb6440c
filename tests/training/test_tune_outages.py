"""A damaged or lost `optuna.db` is one line that names it and the way on."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from features.workspace import Workspace
from tests.training.shop import Shop
from training.registry.outage import StoreOutage
from training.tune import TuneResult, tune


@pytest.fixture(scope="module")
def ws(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The shop with a study of one trial."""
    home = tmp_path_factory.mktemp("tuned") / "shop"
    ws = Workspace.open(Path(shutil.copytree(shop.ws.home, home)))
    (home / "optuna.db").unlink(missing_ok=True)
    run(ws, shop)
    return ws


def run(ws: Workspace, shop: Shop) -> TuneResult:
    return tune(ws, "ease", trials=1, as_of=shop.full.as_of, device="cpu")


def test_a_copy_of_it_holds_the_study_and_no_path(ws: Workspace) -> None:
    assert str(ws.home).encode() not in (ws.home / "optuna.db").read_bytes()


@pytest.mark.parametrize("how", ["emptied", "cut in half", "garbled"])
def test_the_file_and_the_way_on_are_named(ws: Workspace, shop: Shop, how: str) -> None:
    file = ws.home / "optuna.db"
    whole = file.read_bytes()
    content = {"emptied": b"", "cut in half": whole[: len(whole) // 2], "garbled": b"x" * 9000}
    file.unlink()
    file.write_bytes(content[how])
    try:
        with pytest.raises(StoreOutage, match=r"optuna\.db.*backup, or remove it: its studies"):
            run(ws, shop)
        assert file.read_bytes() == content[how]
        file.unlink()
        assert run(ws, shop).complete == 1  # the stated way on
    finally:
        file.unlink(missing_ok=True)
        file.write_bytes(whole)


def test_a_study_that_is_there_twice_is_named(ws: Workspace, shop: Shop) -> None:
    """As a full disk left it, before the file was made whole."""
    file = ws.home / "optuna.db"
    whole = file.read_bytes()
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("DROP INDEX ix_studies_study_name")
        database.execute("INSERT INTO studies (study_name) SELECT study_name FROM studies")
    with pytest.raises(
        StoreOutage, match=r"optuna\.db: Multiple rows .* or remove it: its studies"
    ):
        run(ws, shop)
    file.write_bytes(whole)
