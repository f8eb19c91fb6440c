"""Canonical tables on disk: one generation, in one step, the same bytes for the same rows."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from configs.json_files import read_json
from features.schema import TABLES, empty
from features.tables import (
    PinnedTables,
    generation,
    read_file,
    read_table,
    remove_leftovers,
    table_path,
    write_tables,
)
from features.workspace import Workspace, WorkspaceError


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "shop")


def customers(*ids: str) -> pd.DataFrame:
    frame = pd.DataFrame({"customer_id": ids, "valid_from": pd.Timestamp(0, tz="UTC")})
    frame["country"] = None
    return frame.astype({name: str(c.dtype) for name, c in TABLES["customers"].columns.items()})


def test_rows_come_back_typed_and_sorted(ws: Workspace) -> None:
    write_tables(ws, {"customers": customers("b", "a", "日本")})
    back = read_table(ws, "customers")
    pd.testing.assert_frame_equal(back, customers("a", "b", "日本"))


def test_a_table_that_is_not_given_is_empty(ws: Workspace) -> None:
    write_tables(ws, {"customers": customers("a")})
    for name in ("order_lines", "products", "events"):
        pd.testing.assert_frame_equal(read_table(ws, name), empty(name))


def test_the_bytes_depend_on_the_rows_alone(ws: Workspace, tmp_path: Path) -> None:
    other = Workspace.create(tmp_path / "other")
    assert write_tables(ws, {"customers": customers("a", "b")}) == write_tables(
        other, {"customers": customers("b", "a").set_axis([7, 9])}
    )
    for name in TABLES:
        assert table_path(ws, name).read_bytes() == table_path(other, name).read_bytes()


def test_times_are_microseconds_in_utc_and_no_library_is_named(ws: Workspace) -> None:
    write_tables(ws, {"customers": customers("a")})
    schema = pq.read_schema(table_path(ws, "customers"))
    assert str(schema.field("valid_from").type) == "timestamp[us, tz=UTC]"
    assert schema.metadata is None


def test_a_generation_can_be_read_until_the_next_but_one(ws: Workspace) -> None:
    first = write_tables(ws, {"customers": customers("a")})
    path = table_path(ws, "customers")
    (ws.tables / ".aside-killed").mkdir()
    second = write_tables(ws, {"customers": customers("a", "b")})
    assert pq.read_table(path).num_rows == 1
    assert {entry.name for entry in ws.tables.iterdir()} == {first, second, "current.json"}
    stands = {"generation": second, "previous": first}
    assert read_json(ws.tables / "current.json") == stands
    assert write_tables(ws, {"customers": customers("b", "a")}) == second  # nothing new
    assert read_json(ws.tables / "current.json") == stands
    third = write_tables(ws, {"customers": customers("c")})
    assert {entry.name for entry in ws.tables.iterdir()} == {second, third, "current.json"}


def test_without_tables_the_error_names_the_command(ws: Workspace) -> None:
    assert generation(ws) is None
    with pytest.raises(WorkspaceError, match="run `python -m features ingest` or `simulate` first"):
        read_table(ws, "order_lines")


def test_unknown_tables_are_refused(ws: Workspace) -> None:
    with pytest.raises(ValueError, match="'orders': one of order_lines, customers"):
        table_path(ws, "orders")
    with pytest.raises(ValueError, match=r"\['orders'\]: each one of order_lines"):
        write_tables(ws, {"orders": customers("a")})


def test_where_the_disk_refuses_the_tables_stand(ws: Workspace) -> None:
    old = write_tables(ws, {"customers": customers("a")})
    (ws.tables / "current.json").unlink()
    (ws.tables / "current.json").mkdir()  # a rename onto a directory fails
    with pytest.raises(WorkspaceError, match=r"cannot write .*; the tables are unchanged"):
        write_tables(ws, {"customers": customers("a", "b")})
    assert pq.read_table(ws.tables / old / "customers.parquet").num_rows == 1


def test_a_pinned_generation_stays_until_it_is_let_go(ws: Workspace) -> None:
    first = write_tables(ws, {"customers": customers("a")})
    pinned = PinnedTables(ws)
    for names in ("ab", "abc", "abcd"):
        write_tables(ws, {"customers": customers(*names)})
    assert read_file(pinned.paths["customers"])["customer_id"].tolist() == ["a"]
    del pinned
    remove_leftovers(ws)
    assert not (ws.tables / first).exists()
