"""The feature store: frames, materialize and online rows, and the holes of Feast they close."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from features import snapshots
from features.feature_repo import definitions
from features.schema import ACTIVITY_COUNTS, ACTIVITY_TIMES
from features.store import FeatureClient, online_products
from features.tables import read_table, write_tables
from features.workspace import Workspace, WorkspaceError
from tests.features.shop import customers, line, lines, products, time, workspace
from tests.features.test_transforms_reference import random_lines

AS_OF = time("2011-03-16 10:20:30.000001")
MONDAY = time("2011-03-14")
EXTRA = (
    line("x1", "客/1", "p1", "2011-03-15 00:00:00.000001"),
    line("x2", "returns only", "p1", "2011-03-01", quantity=-1, kind="return"),
)


def shop(home: Path) -> Workspace:
    """Return a shop with random lines, an id with a slash, and one customer without orders."""
    table = pd.concat([random_lines(seed=11, count=600), lines(*EXTRA)], ignore_index=True)
    return workspace(
        home,
        table,
        customers=customers(("no lines", "2011-03-01")),
        products=products(("p1", "2010-05-01", "Cup"), ("unsold", "2011-03-01", "Pot")),
    )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FeatureClient:
    """A shop materialized at AS_OF; tests only read it."""
    made = FeatureClient(shop(tmp_path_factory.mktemp("shop")))
    made.materialize(AS_OF)
    return made


@pytest.fixture
def own(tmp_path: Path) -> FeatureClient:
    """A small shop of the test's own, two lines, materialized at AS_OF."""
    table = lines(line("o1", "A", "p", "2011-03-01"), line("o2", "B", "p", "2011-03-02"))
    made = FeatureClient(workspace(tmp_path / "own", table))
    made.materialize(AS_OF)
    return made


def ask(*rows: tuple[str | None, pd.Timestamp]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["customer_id", "event_timestamp"])


def test_a_frame_keeps_every_row_in_its_order(client: FeatureClient) -> None:
    entities = ask(
        ("D", MONDAY), ("A", AS_OF), ("nobody", AS_OF), ("A", AS_OF), ("A", MONDAY), ("B", AS_OF)
    ).set_index(pd.Index([7, 7, 1, 0, 2, 9]))
    frame = client.customers(entities)
    assert frame["customer_id"].tolist() == entities["customer_id"].tolist()
    assert frame["event_timestamp"].tolist() == entities["event_timestamp"].tolist()
    assert frame["orders_total"].isna().tolist() == [False, False, True, False, False, False]
    assert frame["snapshot_timestamp"].tolist() == [*(MONDAY, AS_OF, pd.NaT, AS_OF, MONDAY, AS_OF)]
    pd.testing.assert_frame_equal(
        frame.iloc[[1]].reset_index(drop=True), frame.iloc[[3]].reset_index(drop=True)
    )
    assert frame["recent_products"].isna().tolist()[:4] == [False, False, True, False]


def test_columns_are_the_same_for_both_services(client: FeatureClient) -> None:
    frame = client.customers(ask(("A", AS_OF)))
    assert {*ACTIVITY_COUNTS, *ACTIVITY_TIMES, "recent_products"} < set(frame.columns)
    assert frame[[*ACTIVITY_COUNTS]].dtypes.eq("float64").all()
    assert frame[[*ACTIVITY_TIMES]].dtypes.eq("datetime64[us, UTC]").all()
    pd.testing.assert_frame_equal(
        frame, client.customers(ask(("A", AS_OF)), service="churn_v1")[frame.columns]
    )


def test_no_entities_give_no_rows(client: FeatureClient) -> None:
    frame = client.customers(ask(("A", AS_OF)).iloc[:0])
    assert len(frame) == 0
    assert "orders_total" in frame.columns


@pytest.mark.parametrize(
    ("asked", "snapshot"),
    [
        (MONDAY, MONDAY),
        (MONDAY - pd.Timedelta(microseconds=1), MONDAY - pd.Timedelta(days=7)),
        (time("2011-03-15"), MONDAY),
        (AS_OF, AS_OF),
    ],
)
def test_a_time_between_snapshots_reads_the_one_before(
    client: FeatureClient, asked: pd.Timestamp, snapshot: pd.Timestamp
) -> None:
    frame = client.customers(ask(("A", asked)))
    assert frame.loc[0, "snapshot_timestamp"] == snapshot
    assert frame.loc[0, "event_timestamp"] == asked
    now = client.customers(ask(("A", snapshot))).drop(columns="event_timestamp")
    pd.testing.assert_frame_equal(frame.drop(columns="event_timestamp"), now)


def test_an_old_row_comes_with_its_age(client: FeatureClient) -> None:
    """Feast drops it offline and serves it as fresh online; here both give it with its time."""
    late = AS_OF + pd.Timedelta(days=100)
    frame = client.customers(ask(("A", late)))
    assert frame.loc[0, "snapshot_timestamp"] == AS_OF
    assert frame["orders_total"].gt(0).all()


def test_a_time_before_the_first_snapshot_is_refused(client: FeatureClient) -> None:
    with pytest.raises(ValueError, match=r"event_timestamp = 2001.*before the first snapshot"):
        client.customers(ask(("A", AS_OF), ("A", time("2001-01-01"))))


def test_a_null_id_is_refused(client: FeatureClient) -> None:
    with pytest.raises(ValueError, match="customer_id is null"):
        client.customers(ask((None, AS_OF)))


def test_a_snapshot_corrected_later_is_not_read_in_the_past(own: FeatureClient) -> None:
    path = snapshots.standing(own.ws, "customer_activity")[MONDAY]
    before = own.customers(ask(("A", MONDAY)))
    rows = pq.read_table(path).to_pandas()
    rows["orders_total"] = 99
    rows["created_timestamp"] = AS_OF
    rows.to_parquet(path.parent / "20110314T000001Z.parquet", coerce_timestamps="us")
    pd.testing.assert_frame_equal(own.customers(ask(("A", MONDAY))), before)


def test_products_are_all_that_were_known(client: FeatureClient) -> None:
    frame = client.products(AS_OF)
    ids = frame["product_id"].tolist()
    assert ids == sorted(ids)
    assert {"p1", "unsold"} < set(ids)
    by_id = frame.set_index("product_id")
    assert by_id.loc["p1", "title"] == "Cup"
    assert by_id.loc[["unsold"], ["units_90d", "first_sale_timestamp"]].isna().all(axis=None)
    assert frame["snapshot_timestamp"].eq(AS_OF).all()
    before = client.products(time("2010-12-01")).set_index("product_id")
    assert "unsold" not in before.index


def test_products_equal_what_feast_joins(client: FeatureClient) -> None:
    from feast import FeatureStore

    frame = client.products(AS_OF).set_index("product_id")
    names = ["units_28d", "buyers_28d", "unit_price", "return_rate_365d"]
    joined = (
        FeatureStore(repo_path=str(client.ws.feast))  # the settings that Feast's own CLI reads
        .get_historical_features(
            entity_df=pd.DataFrame({"product_id": frame.index, "event_timestamp": AS_OF}),
            features=[f"product_sales:{name}" for name in names],
        )
        .to_df()
        .set_index("product_id")
    )
    pd.testing.assert_frame_equal(
        frame[names], joined.loc[frame.index, names], check_dtype=False, check_exact=True
    )


def test_online_equals_offline_for_every_customer(client: FeatureClient) -> None:
    ids = pq.read_table(snapshots.standing(client.ws, "customer_activity")[AS_OF])["customer_id"]
    assert len(ids) == 7
    frame = client.customers(ask(*((customer_id, AS_OF) for customer_id in ids.to_pylist())))
    for offline in frame.to_dict("records"):
        online = client.online_customer(offline["customer_id"])
        assert online is not None
        assert online.keys() == offline.keys()
        for name, value in ((str(key), value) for key, value in offline.items()):
            if isinstance(value, np.ndarray):
                assert online[name] == value.tolist(), name
            elif value is None or value is pd.NaT:
                assert online[name] is None, name
            else:
                assert online[name] == value, name


def test_an_unknown_customer_has_no_row(client: FeatureClient) -> None:
    assert client.online_customer("nobody") is None
    with pytest.raises(ValueError, match="customer_id = ''"):
        client.online_customer("")


def test_products_for_serving_equal_the_offline_ones(client: FeatureClient) -> None:
    as_of, rows = online_products(client.ws)
    assert as_of == AS_OF
    pd.testing.assert_frame_equal(rows, client.products(AS_OF), check_exact=True)


def test_nothing_materialized_is_said(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="run `python -m features materialize` first"):
        online_products(workspace(tmp_path, lines()))


def test_online_rows_need_the_feast_folder_alone(own: FeatureClient, tmp_path: Path) -> None:
    moved = tmp_path / "bento"
    shutil.copytree(own.ws.feast, moved / "feast")
    expected = own.online_customer("A")
    shutil.rmtree(own.ws.home)
    elsewhere = FeatureClient(Workspace(moved, "UTC", "GBP", "system"))
    assert elsewhere.online_customer("A") == expected


def test_materialize_again_changes_nothing(own: FeatureClient) -> None:
    stands = {path: path.read_bytes() for path in own.ws.online.iterdir()}
    database = (own.ws.feast / "online.db").stat().st_mtime_ns
    own.materialize(AS_OF)
    assert {path: path.read_bytes() for path in own.ws.online.iterdir()} == stands
    assert (own.ws.feast / "online.db").stat().st_mtime_ns == database


def test_the_newest_cut_wins(own: FeatureClient) -> None:
    with pytest.raises(WorkspaceError, match="the online store stands at 2011-03-16"):
        own.materialize(MONDAY)
    row = own.online_customer("A")
    assert row is not None
    assert row["event_timestamp"] == AS_OF
    later = AS_OF + pd.Timedelta(days=40)
    own.materialize(later)
    row = own.online_customer("A")
    assert row is not None
    assert (row["event_timestamp"], row["orders_30d"]) == (later, 0)
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


@pytest.mark.parametrize("blocked", ["customer_activity", "customer_history"])
def test_a_row_is_of_one_snapshot_when_the_writer_is_cut_off(
    own: FeatureClient, blocked: str
) -> None:
    """Whichever view a writer did not reach, the row stays as it was; the next writer mends it."""
    before = {name: own.online_customer(name) for name in ("A", "B")}
    table = lines(line("o3", "A", "q", "2011-03-18"), line("o4", "C", "q", "2011-03-18"))
    with own.ws.lock("tables"):
        write_tables(own.ws, {"order_lines": pd.concat([read_table(own.ws, "order_lines"), table])})
    later = AS_OF + pd.Timedelta(days=7)
    block(own.ws, blocked)
    with pytest.raises(sqlite3.IntegrityError, match="cut off"):
        FeatureClient(own.ws).materialize(later)
    reader = FeatureClient(own.ws)
    assert {name: reader.online_customer(name) for name in ("A", "B")} == before
    assert reader.online_customer("C") is None
    with closing(sqlite3.connect(own.ws.feast / "online.db")) as database:
        database.executescript("DROP TRIGGER on_insert; DROP TRIGGER on_update")
    FeatureClient(own.ws).materialize(later)
    row = reader.online_customer("A")
    assert row is not None
    assert (row["event_timestamp"], row["recent_products"]) == (later, ["q", "p"])


def block(ws: Workspace, view: str) -> None:
    """Let every write to the online rows of `view` fail."""
    with closing(sqlite3.connect(ws.feast / "online.db")) as database:
        for verb in ("insert", "update"):
            database.execute(
                f"CREATE TRIGGER on_{verb} BEFORE {verb} ON regulars_{view} "
                "BEGIN SELECT RAISE(ABORT, 'cut off'); END"
            )


def test_another_client_reads_what_was_materialized_since(own: FeatureClient) -> None:
    reader = FeatureClient(own.ws)
    assert reader.online_customer("A") is not None
    later = AS_OF + pd.Timedelta(days=1)
    own.materialize(later)
    row = reader.online_customer("A")
    assert row is not None
    assert row["event_timestamp"] == later


def test_feast_finds_nothing_but_definitions() -> None:
    """`feast apply` imports every file of the folder by its bare name."""
    folder = Path(definitions.__file__).parent
    assert [path.name for path in folder.iterdir() if path.suffix == ".py"] == ["definitions.py"]


def test_every_view_reads_absolute_paths(tmp_path: Path) -> None:
    """Feast's DuckDB store joins no repository's path to a source's."""
    sources = [
        made.batch_source.path for made in definitions.build(tmp_path) if hasattr(made, "ttl")
    ]
    assert sources == [f"{tmp_path}/snapshots/{view}/*.parquet" for view in snapshots.VIEWS]
