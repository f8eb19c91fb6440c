"""Exports: the members counted, never a small segment, never who opted out."""

import os
import stat
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.privacy import output_mode
from tests.training.segments.random_filters import COLUMNS, FILTERS, TABLES, Row, put_customers
from training.segments.export import export
from training.segments.filter_parser import parse
from training.segments.filters import Filter
from training.segments.membership import SegmentError, count, members, record

AT = pd.Timestamp("2024-01-01T00:00:00Z")
ALL = {"all": parse("orders is known or orders is unknown", COLUMNS)}


def recorded(
    ids: list[str], segments: dict[str, Filter] | None = None
) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("SET threads = 1")
    unknown = dict.fromkeys(COLUMNS)
    put_customers(con, [{"customer_id": name} | unknown for name in ids])
    record(con, segments or ALL, at=AT)
    return con


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, dtype={"customer_id": str}, parse_dates=["entered_timestamp"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("export")


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    node=FILTERS,
    rows=TABLES,
    suffix=st.sampled_from([".csv", ".parquet"]),
    opt_outs=st.sets(st.sampled_from([f"c{at:02d}" for at in range(15)])),
)
def test_count_is_members_is_rows_exported(
    folder: Path, node: Filter, rows: list[Row], suffix: str, opt_outs: set[str]
) -> None:
    con = duckdb.connect()
    put_customers(con, rows)
    record(con, {"s": node}, at=AT)
    output = folder / f"s{suffix}"
    number = export(con, "s", output, at=AT, opt_outs=opt_outs, smallest=0)
    found, listed = read(output), members(con, "s", at=AT, opt_outs=opt_outs)
    assert number == len(found) == count(con, "s", at=AT, opt_outs=opt_outs)
    assert found.customer_id.tolist() == listed.customer_id.tolist()
    assert not opt_outs & set(found.customer_id)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_ids_and_times_come_back(tmp_path: Path, suffix: str) -> None:
    ids = sorted(['a,"b"', "007", "茶", "1e3", "a/b", " a ", "NA", "null", "=1+1", "x", "y", "z"])
    output = tmp_path / f"all{suffix}"
    assert export(recorded(ids), "all", output, at=AT, opt_outs=[]) == 12
    found = (
        read(output)
        if suffix == ".parquet"
        else pd.read_csv(output, dtype=str, keep_default_na=False)
    )
    assert found.customer_id.tolist() == ids
    assert set(pd.to_datetime(found.entered_timestamp)) == {AT}


def test_csv_as_written(tmp_path: Path) -> None:
    output = tmp_path / "all.csv"
    export(recorded(["a"]), "all", output, at=AT, opt_outs=[], smallest=1)
    text = "customer_id,entered_timestamp\na,2024-01-01T00:00:00.000000Z\n"
    assert output.read_text(encoding="utf-8") == text


def test_a_small_segment_is_refused_and_the_file_stays(tmp_path: Path) -> None:
    con = recorded([f"c{at}" for at in range(11)])
    output = tmp_path / "all.csv"
    assert export(con, "all", output, at=AT, opt_outs={"c0", "elsewhere"}) == 10
    before = output.read_bytes()
    with pytest.raises(SegmentError, match="'all': fewer than 10 customers at 2024-01-01"):
        export(con, "all", output, at=AT, opt_outs={"c0", "c1"})
    assert output.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["all.csv"]
    assert export(con, "all", output, at=AT, opt_outs={"c0", "c1"}, smallest=9) == 9


@pytest.mark.parametrize("name", ["all", "all.xlsx", "all.CSV.gz"])
def test_another_format_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SegmentError, match=r"name a file \.csv or \.parquet"):
        export(recorded(["a"]), "all", tmp_path / name, at=AT, opt_outs=[], smallest=1)
    assert not list(tmp_path.iterdir())


def test_the_users_umask_says_who_may_read(tmp_path: Path) -> None:
    output = tmp_path / "all.parquet"
    former = os.umask(0o077)  # as `keep_private` sets it
    try:
        export(recorded(["a"]), "all", output, at=AT, opt_outs=[], smallest=1)
    finally:
        os.umask(former)
    assert stat.S_IMODE(output.stat().st_mode) == output_mode()
