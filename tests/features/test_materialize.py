"""Materialize and online rows: one writer, the newest wins, a row is one snapshot's."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from configs.json_files import DamagedFile, read_json, write_json
from features import customer_row, snapshots
from features.customer_row import ONLINE_VALUE, ONLINE_VIEW, OtherCode, unpack
from features.cut_digests import cut_digest
from features.feast_store import open_store
from features.materialize import materialize
from features.offline import OfflineFeatures
from features.online.store import OnlineStore, online_products
from features.tables import read_table, write_tables
from features.times import microseconds
from features.workspace import Workspace, WorkspaceError
from tests.features.shop import AS_OF, MONDAY, ask, line, lines, stored, workspace


def test_online_equals_offline_for_every_customer(offline: OfflineFeatures) -> None:
    ids = pq.read_table(snapshots.files_of(offline.ws, "customer_activity")[AS_OF])["customer_id"]
    assert len(ids) == 7
    frame = offline.customers(ask(*((customer_id, AS_OF) for customer_id in ids.to_pylist())))
    store = OnlineStore(offline.ws)
    for expected in frame.to_dict("records"):
        online = store.online_customer(expected["customer_id"])
        assert online is not None
        assert online.pop("log_sequence") == 0
        assert online.keys() == expected.keys() - {"customer_id", "event_timestamp"}
        for name, value in online.items():
            assert stored(value) == stored(expected[name]), name


def test_a_row_is_what_feast_itself_answers(offline: OfflineFeatures) -> None:
    """Serving reads below Feast's public call, for speed."""
    answer = (
        open_store(offline.ws)
        .get_online_features(
            features=[f"{ONLINE_VIEW}:{ONLINE_VALUE}"],
            entity_rows=[{"customer_id": name} for name in ("A", "B", "nobody")],
        )
        .to_dict()
    )
    rows = OnlineStore(offline.ws)._rows
    assert [rows.read(name) for name in ("A", "B", "nobody")] == answer[ONLINE_VALUE]
    assert answer[ONLINE_VALUE][2] is None


def test_an_unknown_customer_has_no_row(offline: OfflineFeatures) -> None:
    assert OnlineStore(offline.ws).online_customer("nobody") is None
    with pytest.raises(ValueError, match="customer_id = ''"):
        OnlineStore(offline.ws).online_customer("")


def test_products_for_serving_equal_the_offline_ones(offline: OfflineFeatures) -> None:
    as_of, rows = online_products(offline.ws)
    assert as_of == AS_OF
    pd.testing.assert_frame_equal(rows, offline.products(AS_OF), check_exact=True)


@pytest.mark.parametrize("value", [b"", b"\xff", b"\x95\xa3other"])
def test_rows_of_other_code_are_refused(
    own: Workspace, value: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OtherCode):
        unpack(value)
    monkeypatch.setattr(customer_row, "ROW_CODE", "other")
    with pytest.raises(WorkspaceError, match=r"other code wrote the rows .*; run `python -m feat"):
        OnlineStore(own).online_customer("A")


def test_nothing_materialized_is_said(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="run `python -m features materialize` first"):
        online_products(workspace(tmp_path, lines()))


def test_online_rows_need_the_feast_folder_alone(own: Workspace, tmp_path: Path) -> None:
    moved = tmp_path / "bento"
    shutil.copytree(own.feast, moved / "feast")
    expected = OnlineStore(own).online_customer("A")
    shutil.rmtree(own.home)
    elsewhere = OnlineStore(Workspace(moved, "UTC", "GBP", "system"))
    assert same(elsewhere.online_customer("A"), expected)


def test_materialize_again_changes_nothing(own: Workspace) -> None:
    stands = {path: path.read_bytes() for path in own.online.iterdir()}
    database = (own.feast / "online.db").stat().st_mtime_ns
    materialize(own, AS_OF)
    assert {path: path.read_bytes() for path in own.online.iterdir()} == stands
    assert (own.feast / "online.db").stat().st_mtime_ns == database


def test_rows_laid_out_by_other_code_are_written_anew(own: Workspace) -> None:
    """Though cut and rows are the same: a store of before has none that this code reads."""
    file = own.online / "current.json"
    write_json(file, {**read_json(file), "code": snapshots.CODE_VERSION})
    with closing(sqlite3.connect(own.feast / "online.db")) as database, database:
        database.execute(f"DELETE FROM regulars_{ONLINE_VIEW}")
    assert OnlineStore(own).online_customer("A") is None
    materialize(own, AS_OF)
    assert OnlineStore(own).online_customer("A") is not None


def test_the_newest_cut_wins(own: Workspace) -> None:
    with pytest.raises(
        WorkspaceError, match="the online store already holds the later cut 2011-03-16"
    ):
        materialize(own, MONDAY)
    row = OnlineStore(own).online_customer("A")
    assert row is not None
    assert row["snapshot_timestamp"] == microseconds(AS_OF)
    later = AS_OF + pd.Timedelta(days=40)
    materialize(own, later)
    row = OnlineStore(own).online_customer("A")
    assert row is not None
    assert (row["snapshot_timestamp"], row["orders_30d"]) == (microseconds(later), 0)
    assert online_products(own)[0] == later


def test_damaged_products_are_an_error_until_they_are_written_again(own: Workspace) -> None:
    current = own.online / "current.json"
    file = own.online / read_json(current)["products"]
    written = file.read_bytes()
    file.write_bytes(written.replace(b"p", b"q", 1))
    with pytest.raises(DamagedFile, match=r"products-.*features materialize` again"):
        online_products(own)
    materialize(own, AS_OF)
    assert file.read_bytes() == written
    file.unlink()
    materialize(own, AS_OF)
    assert file.read_bytes() == written


def test_products_outside_of_the_workspace_are_not_read(own: Workspace) -> None:
    current = own.online / "current.json"
    (own.home / "elsewhere.parquet").write_bytes(b"")
    write_json(current, read_json(current) | {"products": "../elsewhere.parquet"})
    with pytest.raises(DamagedFile, match=r"current\.json: .*is not a plain name"):
        online_products(own)


def test_a_cut_to_come_is_refused(own: Workspace) -> None:
    stands = (own.online / "current.json").read_bytes()
    early = replace(own, clock=f"fixed:{AS_OF.isoformat()}")
    with pytest.raises(WorkspaceError, match="the workspace's clock stands at 2011-03-16"):
        materialize(early, AS_OF + pd.Timedelta(days=1))
    assert (own.online / "current.json").read_bytes() == stands


def test_a_late_line_corrects_the_same_cut(own: Workspace) -> None:
    table = pd.concat([read_table(own, "order_lines"), lines(line("o3", "A", "q", "2011-03-03"))])
    with own.lock("tables"):
        write_tables(own, {"order_lines": table})
    materialize(own, AS_OF)
    row = OnlineStore(own).online_customer("A")
    assert row is not None
    assert row["orders_total"] == 2
    assert online_products(own)[1]["product_id"].tolist() == ["p", "q"]
    current = json.loads((own.online / "current.json").read_text())
    assert current["digest"] == cut_digest(own, AS_OF)
    assert len(list(own.online.glob("products-*"))) == 2  # the one before may still be read


def test_rows_stay_as_they_were_when_the_writer_is_cut_off(own: Workspace) -> None:
    """The customers are one transaction; the next writer mends it."""
    before = {name: OnlineStore(own).online_customer(name) for name in ("A", "B")}
    table = lines(line("o3", "A", "q", "2011-03-18"), line("o4", "C", "q", "2011-03-18"))
    with own.lock("tables"):
        write_tables(own, {"order_lines": pd.concat([read_table(own, "order_lines"), table])})
    later = AS_OF + pd.Timedelta(days=7)
    block(own)
    with pytest.raises(sqlite3.IntegrityError, match="cut off"):
        materialize(own, later)
    reader = OnlineStore(own)
    assert all(same(reader.online_customer(name), row) for name, row in before.items())
    assert reader.online_customer("C") is None
    with closing(sqlite3.connect(own.feast / "online.db")) as database:
        database.executescript("DROP TRIGGER on_insert; DROP TRIGGER on_update")
    materialize(own, later)
    row = reader.online_customer("A")
    assert row is not None
    assert (row["snapshot_timestamp"], row["recent_products"]) == (microseconds(later), ["q", "p"])


def same(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    """Return whether two rows hold the same."""
    rows = [{name: stored(value) for name, value in (row or {}).items()} for row in (one, other)]
    return rows[0] == rows[1]


def block(ws: Workspace) -> None:
    """Let a write to the online rows fail after the first."""
    with closing(sqlite3.connect(ws.feast / "online.db")) as database:
        for verb in ("insert", "update"):
            database.execute(
                f"CREATE TRIGGER on_{verb} AFTER {verb} ON regulars_{ONLINE_VIEW} WHEN "
                f"(SELECT count(*) FROM regulars_{ONLINE_VIEW} WHERE event_ts > 1300500000) > 1 "
                "BEGIN SELECT RAISE(ABORT, 'cut off'); END"
            )


def test_another_client_reads_what_was_materialized_since(own: Workspace) -> None:
    reader = OnlineStore(own)
    assert reader.online_customer("A") is not None
    later = AS_OF + pd.Timedelta(days=1)
    materialize(own, later)
    row = reader.online_customer("A")
    assert row is not None
    assert row["snapshot_timestamp"] == microseconds(later)
