"""Nothing that happened, or was recorded, at or after a cut changes a bit of what stands there."""

from collections.abc import Callable
from pathlib import Path

import ibis
import pandas as pd
import pytest
from ibis.expr.types import Table

from features import snapshots, transforms
from features.customer_history import customer_history
from features.cut_digests import cut_digest
from features.feast_store import register
from features.offline import OfflineFeatures
from features.views import VIEWS
from tests.features.random_shop import random_lines
from tests.features.shop import customers, line, lines, products, time, workspace

CUT = time("2011-03-07")
Transform = Callable[[Table, Table], Table]
Clients = tuple[OfflineFeatures, OfflineFeatures]

PLANTED = (
    line("x1", "A", "p0", "2011-03-07", quantity=99, price=9),  # exactly at the cut
    line("x2", "A", "p1", "2011-05-01", quantity=99, price=9),  # after it
    line("x3", "A", "p2", "2010-12-01", quantity=99, price=9, recorded="2011-03-07"),
    line("x4", "B", "p3", "2010-12-01", quantity=-9, kind="return", recorded="2011-04-01"),
    line("x5", "Z", "p99", "2010-12-01", recorded="2011-04-01"),  # an unknown pair
    line("x6", None, "p1", "2011-03-07", quantity=7, price=70),
)


def known(table: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """Return the lines known before `at`."""
    return table[(table["event_timestamp"] < at) & (table["recorded_timestamp"] < at)]


def assert_point_in_time(transform: Transform, table: pd.DataFrame, at: pd.Timestamp) -> None:
    """Check that the rows of `transform` at `at` need only the lines known before."""
    cuts = ibis.memtable(pd.DataFrame({"cut": pd.DatetimeIndex([at])}))
    everything, past = (
        transform(ibis.memtable(rows), cuts).to_pandas() for rows in (table, known(table, at))
    )
    key = everything.columns[0]
    everything, past = (rows.sort_values(key, ignore_index=True) for rows in (everything, past))
    pd.testing.assert_frame_equal(everything, past, check_exact=True)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Random lines, a third of them recorded late, and what must not be seen at CUT."""
    return pd.concat([random_lines(seed=3, count=800), lines(*PLANTED)], ignore_index=True)


@pytest.mark.parametrize(
    "transform",
    [transforms.customer_activity, customer_history, transforms.product_sales],
)
def test_transforms_need_only_what_was_known(transform: Transform, table: pd.DataFrame) -> None:
    assert len(known(table, CUT)) < len(table)
    assert_point_in_time(transform, table, CUT)


def _reads_the_future(order_lines: Table, cuts: Table) -> Table:
    """Count a customer's orders of all times beside what is known."""
    rows = transforms.customer_activity(order_lines, cuts)
    ever = order_lines.group_by("customer_id").agg(orders_ever=order_lines.order_id.nunique())
    return rows.left_join(ever, "customer_id").drop("customer_id_right")


def _trusts_the_event_time(order_lines: Table, cuts: Table) -> Table:
    """Take every line for recorded when it happened."""
    unguarded = order_lines.mutate(recorded_timestamp=order_lines.event_timestamp)
    return transforms.customer_activity(unguarded, cuts)


def _includes_the_cut(order_lines: Table, cuts: Table) -> Table:
    """See what happens exactly at the cut."""
    later = cuts.mutate(cut=cuts.cut + ibis.interval(microseconds=1))
    return transforms.product_sales(order_lines, later)


@pytest.mark.parametrize("leak", [_reads_the_future, _trusts_the_event_time, _includes_the_cut])
def test_a_transform_that_leaks_is_caught(leak: Transform, table: pd.DataFrame) -> None:
    with pytest.raises(AssertionError):
        assert_point_in_time(leak, table, CUT)


@pytest.fixture(scope="module")
def clients(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Clients:
    """Clients of two shops: one knows the past of CUT alone, the other what came after too."""
    made = []
    titles = [("p0", "2010-05-01", "Old"), ("p0", str(CUT.tz_localize(None)), "New")]
    titles.append(("p98", "2011-03-08", "Not yet"))
    people = [("A", "2010-05-01"), ("Y", "2011-03-07")]
    for name, rows in (("past", known(table, CUT)), ("all", table)):
        some = slice(1) if name == "past" else slice(None)
        home: Path = tmp_path_factory.mktemp(name)
        ws = workspace(
            home, rows, customers=customers(*people[some]), products=products(*titles[some])
        )
        snapshots.build(ws, as_of=time("2011-07-01") if name == "all" else CUT)
        register(ws)
        made.append(OfflineFeatures(ws))
    return made[0], made[1]


def test_frames_and_snapshots_keep_every_bit(clients: Clients) -> None:
    past, everything = clients
    times = snapshots.snapshot_times(past.ws, as_of=CUT)
    assert len(times) > 30
    entities = pd.DataFrame(
        [(c, t) for t in times for c in ("A", "B", "Y", "Z")],
        columns=["customer_id", "event_timestamp"],
    )
    pd.testing.assert_frame_equal(
        past.customers(entities), everything.customers(entities), check_exact=True
    )
    for at in (times[0], CUT):
        pd.testing.assert_frame_equal(past.products(at), everything.products(at), check_exact=True)
    assert everything.products(CUT).set_index("product_id").loc["p0", "title"] == "Old"
    assert not everything.products(CUT)["product_id"].isin(["p98", "p99"]).any()
    for view in VIEWS:
        files = [snapshots.files_of(client.ws, view) for client in clients]
        assert all(files[0][at].read_bytes() == files[1][at].read_bytes() for at in times)


def test_digest_and_lines_know_the_past_alone(clients: Clients) -> None:
    past, everything = clients
    assert cut_digest(past.ws, CUT) == cut_digest(everything.ws, CUT)
    later = CUT + pd.Timedelta(microseconds=1)
    assert cut_digest(past.ws, later) != cut_digest(everything.ws, later)
    pd.testing.assert_frame_equal(
        snapshots.known_order_lines(past.ws, CUT), snapshots.known_order_lines(everything.ws, CUT)
    )
