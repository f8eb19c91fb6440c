"""Training frames, and the holes of Feast that they close."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from features import snapshots
from features.customer_features import ACTIVITY_COUNTS, ACTIVITY_TIMES
from features.customer_row import ONLINE_VIEW
from features.feature_repo import definitions
from features.offline import OfflineFeatures
from features.views import VIEWS
from features.workspace import Workspace
from tests.features.shop import AS_OF, MONDAY, ask, time


def test_a_frame_keeps_every_row_in_its_order(offline: OfflineFeatures) -> None:
    entities = ask(
        ("D", MONDAY), ("A", AS_OF), ("nobody", AS_OF), ("A", AS_OF), ("A", MONDAY), ("B", AS_OF)
    ).set_index(pd.Index([7, 7, 1, 0, 2, 9]))
    frame = offline.customers(entities)
    assert frame["customer_id"].tolist() == entities["customer_id"].tolist()
    assert frame["event_timestamp"].tolist() == entities["event_timestamp"].tolist()
    assert frame["orders_total"].isna().tolist() == [False, False, True, False, False, False]
    assert frame["snapshot_timestamp"].tolist() == [*(MONDAY, AS_OF, pd.NaT, AS_OF, MONDAY, AS_OF)]
    pd.testing.assert_frame_equal(
        frame.iloc[[1]].reset_index(drop=True), frame.iloc[[3]].reset_index(drop=True)
    )
    assert frame["recent_products"].isna().tolist()[:4] == [False, False, True, False]


def test_columns_are_the_same_for_both_services(offline: OfflineFeatures) -> None:
    frame = offline.customers(ask(("A", AS_OF)))
    assert {*ACTIVITY_COUNTS, *ACTIVITY_TIMES, "recent_products"} < set(frame.columns)
    assert frame[[*ACTIVITY_COUNTS]].dtypes.eq("float64").all()
    assert frame[[*ACTIVITY_TIMES]].dtypes.eq("datetime64[us, UTC]").all()
    pd.testing.assert_frame_equal(
        frame, offline.customers(ask(("A", AS_OF)), service="churn_v1")[frame.columns]
    )


def test_no_entities_give_no_rows(offline: OfflineFeatures) -> None:
    frame = offline.customers(ask(("A", AS_OF)).iloc[:0])
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
    offline: OfflineFeatures, asked: pd.Timestamp, snapshot: pd.Timestamp
) -> None:
    frame = offline.customers(ask(("A", asked)))
    assert frame.loc[0, "snapshot_timestamp"] == snapshot
    assert frame.loc[0, "event_timestamp"] == asked
    now = offline.customers(ask(("A", snapshot))).drop(columns="event_timestamp")
    pd.testing.assert_frame_equal(frame.drop(columns="event_timestamp"), now)


def test_an_old_row_comes_with_its_age(offline: OfflineFeatures) -> None:
    """Feast drops it offline and serves it as fresh online; here both give it with its time."""
    late = AS_OF + pd.Timedelta(days=100)
    frame = offline.customers(ask(("A", late)))
    assert frame.loc[0, "snapshot_timestamp"] == AS_OF
    assert frame["orders_total"].gt(0).all()


def test_a_time_before_the_first_snapshot_is_refused(offline: OfflineFeatures) -> None:
    with pytest.raises(ValueError, match=r"event_timestamp = 2001.*before the first snapshot"):
        offline.customers(ask(("A", AS_OF), ("A", time("2001-01-01"))))


def test_a_null_id_is_refused(offline: OfflineFeatures) -> None:
    with pytest.raises(ValueError, match="customer_id is null"):
        offline.customers(ask((None, AS_OF)))


def test_a_snapshot_corrected_later_is_not_read_in_the_past(own: Workspace) -> None:
    path = snapshots.files_of(own, "customer_activity")[MONDAY]
    before = OfflineFeatures(own).customers(ask(("A", MONDAY)))
    rows = pq.read_table(path).to_pandas()
    rows["orders_total"] = 99
    rows["created_timestamp"] = AS_OF
    rows.to_parquet(path.parent / "20110314T000001Z.parquet", coerce_timestamps="us")
    pd.testing.assert_frame_equal(OfflineFeatures(own).customers(ask(("A", MONDAY))), before)


def test_products_are_all_that_were_known(offline: OfflineFeatures) -> None:
    frame = offline.products(AS_OF)
    ids = frame["product_id"].tolist()
    assert ids == sorted(ids)
    assert {"p1", "unsold"} < set(ids)
    by_id = frame.set_index("product_id")
    assert by_id.loc["p1", "title"] == "Cup"
    assert by_id.loc[["unsold"], ["units_90d", "first_sale_timestamp"]].isna().all(axis=None)
    assert frame["snapshot_timestamp"].eq(AS_OF).all()
    before = offline.products(time("2010-12-01")).set_index("product_id")
    assert "unsold" not in before.index


def test_products_equal_what_feast_joins(offline: OfflineFeatures) -> None:
    from feast import FeatureStore

    frame = offline.products(AS_OF).set_index("product_id")
    names = ["units_28d", "buyers_28d", "unit_price", "return_rate_365d"]
    joined = (
        FeatureStore(repo_path=str(offline.ws.feast))  # the settings that Feast's own CLI reads
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


def test_feast_finds_nothing_but_definitions() -> None:
    """`feast apply` imports every file of the folder by its bare name."""
    folder = Path(definitions.__file__).parent
    assert [path.name for path in folder.iterdir() if path.suffix == ".py"] == ["definitions.py"]


def test_every_view_reads_absolute_paths(tmp_path: Path) -> None:
    """Feast's DuckDB store joins no repository's path to a source's."""
    sources = [
        made.batch_source.path for made in definitions.build(tmp_path) if hasattr(made, "ttl")
    ]
    views = [f"{tmp_path}/snapshots/{view}/*.parquet" for view in VIEWS]
    assert sorted(sources) == sorted([*views, f"{tmp_path}/online/{ONLINE_VIEW}.parquet"])
