"""Memberships: dated as the filters held, counted and listed alike, flows that close."""

from collections import Counter

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.segments.random_filters import (
    COLUMNS,
    FILTERS,
    TABLES,
    Row,
    holds,
    put_customers,
)
from training.segments.filter_parser import parse
from training.segments.filters import Filter
from training.segments.membership import (
    OUTSIDE,
    SegmentError,
    count,
    flows,
    groups_of,
    members,
    record,
)

T = [pd.Timestamp(f"2024-0{month}-01T00:00:00Z") for month in range(1, 7)]
MOMENT = pd.Timedelta(microseconds=1)
CATEGORIES = groups_of("category", ["tea", "coffee", "茶"])


def connected() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("SET threads = 1")
    con.execute("SET TimeZone = 'America/New_York'")
    return con


def customers(**categories: str | None) -> list[Row]:
    """Return customers of these categories, by id; of all else nothing is known."""
    unknown = dict.fromkeys(COLUMNS)
    return [
        {"customer_id": name} | unknown | {"category": category}
        for name, category in categories.items()
    ]


def spans(con: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    """Return all memberships: segment, customer, and the numbers in T of entry and of leaving."""
    rows = con.execute("FROM membership ORDER BY ALL").fetchall()
    return [
        (segment, customer, T.index(pd.Timestamp(entered)), left and T.index(pd.Timestamp(left)))
        for segment, customer, entered, left in rows
    ]


def test_stays_are_dated_by_hand() -> None:
    con = connected()
    tables = [
        customers(a="tea", b="tea", c=None),
        customers(a="tea", b=None, c="tea"),
        customers(a="tea", b="tea"),  # c is gone
        customers(a="coffee", b="tea", c=None),
    ]
    segments: dict[str, Filter] = {
        "tea": parse('category = "tea"', COLUMNS),
        "any": parse("category is known", COLUMNS),
    }
    for at, rows in zip(T, tables, strict=False):
        put_customers(con, rows)
        record(con, segments, at=at)
    assert spans(con) == [
        ("any", "a", 0, None),
        ("any", "b", 0, 1),
        ("any", "b", 2, None),
        ("any", "c", 1, 2),
        ("tea", "a", 0, 3),
        ("tea", "b", 0, 1),
        ("tea", "b", 2, None),
        ("tea", "c", 1, 2),
    ]
    at_times = [members(con, "tea", at=at).customer_id.tolist() for at in T[:5]]
    assert at_times == [["a", "b"], ["a", "c"], ["a", "b"], ["b"], ["b"]]
    assert members(con, "tea", at=T[1] - MOMENT).customer_id.tolist() == ["a", "b"]
    found = members(con, "tea", at=T[2])
    assert found.entered_timestamp.tolist() == [T[0], T[2]]
    assert str(found.entered_timestamp.dtype) == "datetime64[us, UTC]"


@settings(max_examples=50, deadline=None, derandomize=True)
@given(data=st.data(), nodes=st.lists(FILTERS, min_size=1, max_size=3))
def test_members_and_counts_are_whom_the_filter_holds_for(
    data: st.DataObject, nodes: list[Filter]
) -> None:
    con = connected()
    segments = {f"s{at}": node for at, node in enumerate(nodes)}
    tables = data.draw(st.lists(TABLES, min_size=1, max_size=4))
    opt_outs = data.draw(st.sets(st.sampled_from([f"c{at:02d}" for at in range(15)])))
    for at, rows in zip(T, tables, strict=False):
        put_customers(con, rows)
        record(con, segments, at=at)
    for key, node in segments.items():
        since: dict[str, pd.Timestamp] = {}
        for at, rows in zip(T, tables, strict=False):
            held = {row["customer_id"] for row in rows if holds(node, row)}
            since = {customer: since.get(customer, at) for customer in held}
            found = members(con, key, at=at)
            assert dict(zip(found.customer_id, found.entered_timestamp, strict=True)) == since
            assert found.customer_id.is_monotonic_increasing
            assert count(con, key, at=at) == len(held)
            allowed = members(con, key, at=at, opt_outs=opt_outs)
            assert allowed.customer_id.tolist() == sorted(held - opt_outs)
            assert count(con, key, at=at, opt_outs=opt_outs) == len(held - opt_outs)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(first=TABLES, second=TABLES, third=TABLES)
def test_flows_close(first: list[Row], second: list[Row], third: list[Row]) -> None:
    con = connected()
    tables = [first, second, third]
    for at, rows in zip(T, tables, strict=False):
        put_customers(con, rows)
        record(con, CATEGORIES, at=at)
    groups = [*CATEGORIES]
    group_of = [
        {row["customer_id"]: row["category"] for row in rows if row["category"] in groups}
        for rows in tables
    ]
    for before, after in ((0, 1), (0, 2), (1, 1)):
        found = flows(con, groups, before=T[before], after=T[after])
        earlier, later = group_of[before], group_of[after]
        expected = Counter(
            (earlier.get(customer, OUTSIDE), later.get(customer, OUTSIDE))
            for customer in earlier.keys() | later.keys()
        )
        pairs = zip(found.from_group, found.to_group, strict=True)
        assert dict(zip(pairs, found.customers, strict=True)) == expected
        net = dict.fromkeys((*groups, OUTSIDE), 0)
        for source, target, number in found.itertuples(index=False):
            net[source] -= number
            net[target] += number
        assert sum(net.values()) == 0
        for group in groups:
            counts = [count(con, group, at=T[at]) for at in (before, after)]
            assert found.customers[found.from_group == group].sum() == counts[0]
            assert found.customers[found.to_group == group].sum() == counts[1]
            assert net[group] == counts[1] - counts[0]


def test_flows_by_hand() -> None:
    con = connected()
    put_customers(con, customers(a="tea", b="tea", c="coffee", d=None, e=None))
    record(con, CATEGORIES, at=T[0])
    put_customers(con, customers(a="tea", b="coffee", c=None, d="tea", e=None))
    record(con, CATEGORIES, at=T[1])
    found = flows(con, ["tea", "coffee"], before=T[0], after=T[1])
    assert found.to_numpy().tolist() == [
        ["coffee", "outside", 1],
        ["outside", "tea", 1],
        ["tea", "coffee", 1],
        ["tea", "tea", 1],
    ]


def test_flows_need_groups_that_exclude_each_other() -> None:
    con = connected()
    put_customers(con, customers(a="tea"))
    known = {"known": parse("category is known", COLUMNS)}
    record(con, CATEGORIES, at=T[0])
    record(con, CATEGORIES | known, at=T[1])
    with pytest.raises(SegmentError, match="in known and tea; flows are between groups"):
        flows(con, ["tea", "known"], before=T[1], after=T[1])
    with pytest.raises(SegmentError, match="'known': it was not evaluated at 2024-01-01"):
        flows(con, ["tea", "known"], before=T[0], after=T[1])


def test_pages_join_to_all_members() -> None:
    con = connected()
    names = [f"c{at}" for at in range(7)]
    put_customers(con, customers(**dict.fromkeys(names, "tea")))
    record(con, CATEGORIES, at=T[0])
    for after, page in (
        (None, ["c0", "c1", "c2"]),
        ("c2", ["c3", "c5", "c6"]),
        ("c3x", ["c5", "c6"]),
        ("c6", []),
    ):
        found = members(con, "tea", at=T[0], after=after, limit=3, opt_outs={"c4"})
        assert found.customer_id.tolist() == page


def test_a_customer_is_one_member_and_a_guest_none() -> None:
    con = connected()
    put_customers(con, customers(a="tea") * 2)
    con.execute("INSERT INTO customers BY NAME SELECT NULL AS customer_id, 'tea' AS category")
    record(con, CATEGORIES, at=T[0])
    record(con, CATEGORIES, at=T[1])
    assert spans(con) == [("tea", "a", 0, None)]


def test_opt_outs_are_whole_ids_and_a_null_takes_nobody_out() -> None:
    con = connected()
    put_customers(con, customers(a="tea", b="tea"))
    record(con, CATEGORIES, at=T[0])
    outs: list[str] = pd.Series(["a", None]).tolist()
    assert members(con, "tea", at=T[0], opt_outs=outs).customer_id.tolist() == ["b"]
    with pytest.raises(ValueError, match="not one text"):
        count(con, "tea", at=T[0], opt_outs="ab")


def test_an_earlier_or_failed_evaluation_changes_nothing() -> None:
    con = connected()
    put_customers(con, customers(a="tea"))
    record(con, CATEGORIES, at=T[1])
    put_customers(con, customers(b="tea"))
    for at in (T[0], T[1]):
        with pytest.raises(SegmentError, match="'coffee' was evaluated at 2024-02-01"):
            record(con, CATEGORIES, at=at)
    missing = {"x": parse("points > 1", {"points": "number"})}
    with pytest.raises(duckdb.BinderException):
        record(con, CATEGORIES | missing, at=T[2])
    with pytest.raises(SegmentError, match="name it otherwise"):
        record(con, {"outside": CATEGORIES["tea"]}, at=T[2])
    assert spans(con) == [("tea", "a", 1, None)]
    record(con, CATEGORIES, at=T[2])
    assert spans(con) == [("tea", "a", 1, 2), ("tea", "b", 2, None)]


def test_all_or_nothing_is_recorded() -> None:
    con = connected()
    con.execute(
        """
        CREATE TABLE membership_evaluations (
            segment VARCHAR,
            evaluated_timestamp TIMESTAMPTZ CHECK (evaluated_timestamp < '2024-01-15')
        )
        """
    )
    put_customers(con, customers(a="tea"))
    record(con, CATEGORIES, at=T[0])
    put_customers(con, customers(b="tea"))
    with pytest.raises(duckdb.ConstraintException):  # at the last of the writes
        record(con, CATEGORIES, at=T[1])
    assert spans(con) == [("tea", "a", 0, None)]


def test_segments_are_evaluated_each_for_itself() -> None:
    con = connected()
    put_customers(con, customers(a="tea", b="coffee"))
    record(con, CATEGORIES, at=T[0])
    put_customers(con, [])
    record(con, {"tea": CATEGORIES["tea"]}, at=T[1])
    record(con, {}, at=T[2])
    assert spans(con) == [("coffee", "b", 0, None), ("tea", "a", 0, 1)]


def test_what_was_not_evaluated_is_no_empty_segment() -> None:
    con = connected()
    with pytest.raises(SegmentError, match="'tea': it was not evaluated"):
        count(con, "tea", at=T[0])
    put_customers(con, [])
    record(con, CATEGORIES, at=T[0])
    assert count(con, "tea", at=T[0]) == 0
    assert members(con, "tea", at=T[0]).empty
    with pytest.raises(SegmentError, match="'tee': it was not evaluated"):
        members(con, "tee", at=T[0])
    with pytest.raises(SegmentError, match="'tea': it was not evaluated at 2023-12-31"):
        members(con, "tea", at=T[0] - MOMENT)
    with pytest.raises(ValueError, match="a time in UTC"):
        count(con, "tea", at=T[0].tz_localize(None))
