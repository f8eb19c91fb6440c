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

from features import snapshots
from features.customer_row import ONLINE_VALUE, ONLINE_VIEW, OtherCode, unpack
from features.online.client import FeatureClient, online_products
from features.tables import read_table, write_tables
from features.times import microseconds
from features.workspace import Workspace, WorkspaceError
from tests.features.shop import AS_OF, MONDAY, ask, line, lines, stored, workspace


def test_online_equals_offline_for_every_customer(client: FeatureClient) -> None:
    ids = pq.read_table(snapshots.standing(client.ws, "customer_activity")[AS_OF])["customer_id"]
    assert len(ids) == 7
    frame = client.customers(ask(*((customer_id, AS_OF) for customer_id in ids.to_pylist())))
    for offline in frame.to_dict("records"):
        online = client.online_customer(offline["customer_id"])
        assert online is not None
        assert online.keys() == offline.keys() - {"customer_id", "event_timestamp"}
        for name, value in online.items():
            assert stored(value) == stored(offline[name]), name


def test_a_row_is_what_feast_itself_answers(client: FeatureClient) -> None:
    """Serving reads below Feast's public call, for speed."""
    answer = client._store.get_online_features(
        features=[f"{ONLINE_VIEW}:{ONLINE_VALUE}"],
        entity_rows=[{"customer_id": name} for name in ("A", "B", "nobody")],
    ).to_dict()
    assert [client._online.read(name) for name in ("A", "B", "nobody")] == answer[ONLINE_VALUE]
    assert answer[ONLINE_VALUE][2] is None


def test_an_unknown_customer_has_no_row(client: FeatureClient) -> None:
    assert client.online_customer("nobody") is None
    with pytest.raises(ValueError, match="customer_id = ''"):
        client.online_customer("")


def test_products_for_serving_equal_the_offline_ones(client: FeatureClient) -> None:
    as_of, rows = online_products(client.ws)
    assert as_of == AS_OF
    pd.testing.assert_frame_equal(rows, client.products(AS_OF), check_exact=True)


@pytest.mark.parametrize("value", [b"", b"\xff", b"\x95\xa3other"])
def test_rows_of_other_code_are_refused(
    own: FeatureClient, value: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OtherCode):
        unpack(value, code=snapshots.CODE_VERSION)
    monkeypatch.setattr(snapshots, "CODE_VERSION", "other")
    with pytest.raises(WorkspaceError, match=r"other code wrote the rows .*; run `python -m feat"):
        own.online_customer("A")


def test_nothing_materialized_is_said(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="run `python -m features materialize` first"):
        online_products(workspace(tmp_path, lines()))


def test_online_rows_need_the_feast_folder_alone(own: FeatureClient, tmp_path: Path) -> None:
    moved = tmp_path / "bento"
    shutil.copytree(own.ws.feast, moved / "feast")
    expected = own.online_customer("A")
    shutil.rmtree(own.ws.home)
    elsewhere = FeatureClient(Workspace(moved, "UTC", "GBP", "system"))
    assert same(elsewhere.online_customer("A"), expected)


def test_materialize_again_changes_nothing(own: FeatureClient) -> None:
    stands = {path: path.read_bytes() for path in own.ws.online.iterdir()}
    database = (own.ws.feast / "online.db").stat().st_mtime_ns
    own.materialize(AS_OF)
    assert {path: path.read_bytes() for path in own.ws.online.iterdir()} == stands
    assert (own.ws.feast / "online.db").stat().st_mtime_ns == database


def test_rows_laid_out_by_other_code_are_written_anew(own: FeatureClient) -> None:
    """Though cut and rows are the same: a store of before has none that this code reads."""
    file = own.ws.online / "current.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "code": snapshots.CODE_VERSION}))
    with closing(sqlite3.connect(own.ws.feast / "online.db")) as database, database:
        database.execute(f"DELETE FROM regulars_{ONLINE_VIEW}")
    assert own.online_customer("A") is None
    own.materialize(AS_OF)
    assert own.online_customer("A") is not None


def test_the_newest_cut_wins(own: FeatureClient) -> None:
    with pytest.raises(WorkspaceError, match="the online store stands at 2011-03-16"):
        own.materialize(MONDAY)
    row = own.online_customer("A")
    assert row is not None
    assert row["snapshot_timestamp"] == microseconds(AS_OF)
    later = AS_OF + pd.Timedelta(days=40)
    own.materialize(later)
    row = own.online_customer("A")
    assert row is not None
    assert (row["snapshot_timestamp"], row["orders_30d"]) == (microseconds(later), 0)
    assert online_products(own.ws)[0] == later


def test_a_cut_to_come_is_refused(own: FeatureClient) -> None:
    stands = (own.ws.online / "current.json").read_bytes()
    early = FeatureClient(replace(own.ws, clock=f"fixed:{AS_OF.isoformat()}"))
    with pytest.raises(WorkspaceError, match="the workspace's clock stands at 2011-03-16"):
        early.materialize(AS_OF + pd.Timedelta(days=1))
    assert (own.ws.online / "current.json").read_bytes() == stands


def test_a_late_line_corrects_the_same_cut(own: FeatureClient) -> None:
    table = pd.concat(
        [read_table(own.ws, "order_lines"), lines(line("o3", "A", "q", "2011-03-03"))]
    )
    with own.ws.lock("tables"):
        write_tables(own.ws, {"order_lines": table})
    own.materialize(AS_OF)
    row = own.online_customer("A")
    assert row is not None
    assert row["orders_total"] == 2
    assert online_products(own.ws)[1]["product_id"].tolist() == ["p", "q"]
    current = json.loads((own.ws.online / "current.json").read_text())
    assert current["digest"] == snapshots.cut_digest(own.ws, AS_OF)
    assert len(list(own.ws.online.glob("products-*"))) == 2  # the one before may still be read


def test_rows_stay_as_they_were_when_the_writer_is_cut_off(own: FeatureClient) -> None:
    """The customers are one transaction; the next writer mends it."""
    before = {name: own.online_customer(name) for name in ("A", "B")}
    table = lines(line("o3", "A", "q", "2011-03-18"), line("o4", "C", "q", "2011-03-18"))
    with own.ws.lock("tables"):
        write_tables(own.ws, {"order_lines": pd.concat([read_table(own.ws, "order_lines"), table])})
    later = AS_OF + pd.Timedelta(days=7)
    block(own.ws)
    with pytest.raises(sqlite3.IntegrityError, match="cut off"):
        FeatureClient(own.ws).materialize(later)
    reader = FeatureClient(own.ws)
    assert all(same(reader.online_customer(name), row) for name, row in before.items())
    assert reader.online_customer("C") is None
    with closing(sqlite3.connect(own.ws.feast / "online.db")) as database:
        database.executescript("DROP TRIGGER on_insert; DROP TRIGGER on_update")
    FeatureClient(own.ws).materialize(later)
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


def test_another_client_reads_what_was_materialized_since(own: FeatureClient) -> None:
    reader = FeatureClient(own.ws)
    assert reader.online_customer("A") is not None
    later = AS_OF + pd.Timedelta(days=1)
    own.materialize(later)
    row = reader.online_customer("A")
    assert row is not None
    assert row["snapshot_timestamp"] == microseconds(later)
