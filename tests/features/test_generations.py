"""Lost tables are no empty shop: each damage is told, with the file and the way on."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.json_files import DamagedFile, write_json
from features.generations import MARK
from features.ingest import ingest
from features.logs.events import all_order_lines
from features.schema import RetailDataset, empty
from features.tables import NothingIngested, PinnedTables, read_table, table_paths, write_tables
from features.workspace import Workspace
from tests.features.shop import customers


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "shop")


def removed(ws: Workspace, _: str) -> None:
    (ws.tables / "current.json").unlink()


def all_removed(ws: Workspace, _: str) -> None:
    shutil.rmtree(ws.tables)


def emptied(ws: Workspace, _: str) -> None:
    (ws.tables / "current.json").write_bytes(b"")


def of_no_generation(ws: Workspace, _: str) -> None:
    write_json(ws.tables / "current.json", {})


def leading_outside(ws: Workspace, digest: str) -> None:
    shutil.copytree(ws.tables / digest, ws.home / "elsewhere")
    write_json(ws.tables / "current.json", {"generation": "../elsewhere", "previous": None})


def without_its_folder(ws: Workspace, digest: str) -> None:
    shutil.rmtree(ws.tables / digest)


def without_a_file(ws: Workspace, digest: str) -> None:
    (ws.tables / digest / "events.parquet").unlink()


def with_a_damaged_byte(ws: Workspace, digest: str) -> None:
    path = ws.tables / digest / "customers.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        removed,
        all_removed,
        emptied,
        of_no_generation,
        leading_outside,
        without_its_folder,
        without_a_file,
        with_a_damaged_byte,
    ],
)
def test_lost_tables_are_no_empty_shop(
    ws: Workspace, damage: Callable[[Workspace, str], None]
) -> None:
    """Whoever reads or ingests is told which file, and the way on; the mark heals by itself."""
    digest = write_tables(ws, {"customers": customers(("a", "2011-01-01"), ("b", "2011-01-01"))})
    (ws.home / MARK).unlink()
    assert len(read_table(ws, "customers")) == 2
    damage(ws, digest)
    for read in (lambda: table_paths(ws), lambda: PinnedTables(ws), lambda: all_order_lines(ws)):
        with pytest.raises(DamagedFile) as told:
            read()
        assert str(ws.tables) in str(told.value)
        assert f"remove it and {ws.home / MARK} and ingest all files" in str(told.value)
    lines = empty("order_lines")
    dataset = RetailDataset(source="day.csv", order_lines=lines, read=0, kept={}, dropped={})
    with pytest.raises(DamagedFile):
        ingest(ws, dataset)
    shutil.rmtree(ws.tables, ignore_errors=True)
    (ws.home / MARK).unlink()
    with pytest.raises(NothingIngested):
        table_paths(ws)
    assert all_order_lines(ws).empty
