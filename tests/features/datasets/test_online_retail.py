"""Online Retail II: its faults are handled and counted; all three file types mean the same."""

from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from features.datasets import online_retail
from features.ingest import ingest
from features.schema import BadInput, RetailDataset, validate
from features.tables import read_table
from features.workspace import Workspace

HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
ROWS = """\
489434,85048, GLASS BALLS ,12,2009-12-01 07:45:00,6.95,13085.0,United Kingdom
489434,79323p,PINK LIGHTS,12,2009-12-01 07:45:00,6.75,13085.0,United Kingdom
489434,79323p,PINK LIGHTS,12,2009-12-01 07:45:00,6.75,13085.0,United Kingdom
489435,POST,POSTAGE,1,2010-07-01 09:00:00,18.0,13085.0,France
C489436,79323P,PINK LIGHTS,-2,2010-07-02 09:00:00,6.75,13085.0,United Kingdom
C489437,M,Manual,-1,2010-07-03 09:00:00,5.0,13085.0,United Kingdom
489438,85048,damaged,-40,2010-07-04 09:00:00,0.0,,United Kingdom
489439,85048,,3,2010-07-05 09:00:00,0.0,13086.0,United Kingdom
A506401,B,Adjust bad debt,1,2010-07-06 09:00:00,-53594.36,,United Kingdom
489440,85048,GLASS BALLS NEW,1,2010-07-07 09:00:00,7.5,,United Kingdom
489441,85048,GLASS BALLS,1,2010-07-08 09:00:00,7.5,13086.0,United Kingdom
"""


def load(folder: Path, rows: str = ROWS) -> RetailDataset:
    file = folder / "online_retail_II.csv"
    file.write_text(HEADER + rows)
    return online_retail.load(file)


def test_every_row_has_one_fate(tmp_path: Path) -> None:
    dataset = load(tmp_path)
    assert dataset.read == 11
    assert dataset.dropped == {"exact_duplicate": 1}
    assert dataset.kept == {"sale": 4, "adjustment": 3, "fee": 2, "return": 1}
    assert dataset.warnings == {
        "price below 0 on a bad-debt invoice: sign moved to the quantity": 1
    }
    assert (dataset.timezone, dataset.currency) == ("Europe/London", "GBP")


def test_lines_are_canonical(tmp_path: Path) -> None:
    lines = load(tmp_path).order_lines
    shown = lines[
        ["order_id", "line_number", "customer_id", "product_id", "line_type", "quantity"]
    ].fillna("-")
    assert [tuple(row) for row in shown.itertuples(index=True)] == [
        (2, "489434", 1, "13085", "85048", "sale", 12.0),
        (3, "489434", 2, "13085", "79323P", "sale", 12.0),
        (5, "489435", 1, "13085", "POST", "fee", 1.0),
        (6, "C489436", 1, "13085", "79323P", "return", -2.0),
        (7, "C489437", 1, "13085", "M", "fee", -1.0),
        (8, "489438", 1, "-", "85048", "adjustment", -40.0),
        (9, "489439", 1, "13086", "85048", "adjustment", 3.0),
        (10, "A506401", 1, "-", "B", "adjustment", -1.0),
        (11, "489440", 1, "-", "85048", "sale", 1.0),
        (12, "489441", 1, "13086", "85048", "sale", 1.0),
    ]
    assert lines.loc[10, "unit_price"] == 53594.36
    assert lines.loc[5, "event_timestamp"] == pd.Timestamp("2010-07-01 08:00", tz="UTC")
    assert lines["recorded_timestamp"].equals(lines["event_timestamp"])


def test_the_clock_stands_at_the_local_midnight_after_the_last_row(tmp_path: Path) -> None:
    assert load(tmp_path).clock == "fixed:2010-07-08T23:00:00+00:00"


def test_products_and_customers_have_versions(tmp_path: Path) -> None:
    dataset = load(tmp_path)
    for name in ("products", "customers"):
        validate(name, getattr(dataset, name), origin=dataset.origin(name))
    products = dataset.products.assign(day=dataset.products["valid_from"].dt.strftime("%Y-%m-%d"))
    assert products[["product_id", "day", "title"]].to_numpy().tolist() == [
        ["85048", "2009-12-01", "GLASS BALLS"],
        ["79323P", "2009-12-01", "PINK LIGHTS"],
        ["85048", "2010-07-07", "GLASS BALLS NEW"],
    ]
    customers = dataset.customers.assign(
        day=dataset.customers["valid_from"].dt.strftime("%Y-%m-%d")
    )
    assert customers[["customer_id", "day", "country"]].to_numpy().tolist() == [
        ["13085", "2009-12-01", "United Kingdom"],
        ["13085", "2010-07-01", "France"],
        ["13085", "2010-07-02", "United Kingdom"],
        ["13086", "2010-07-05", "United Kingdom"],
    ]


def test_the_three_file_types_mean_the_same(tmp_path: Path) -> None:
    dataset = load(tmp_path)
    raw = pd.read_csv(dataset.source, parse_dates=["InvoiceDate"])
    raw.astype({"Customer ID": "Int64"}).to_parquet(tmp_path / "shop.parquet")
    book = openpyxl.Workbook()
    sheets = [book.active, book.create_sheet("Year 2010-2011")]
    for sheet, rows in zip(sheets, (raw[:5], raw[5:]), strict=True):
        assert sheet is not None
        sheet.append(list(raw.columns))
        for row in rows.astype(object).replace({np.nan: None}).itertuples(index=False):
            sheet.append([int(cell) if str(cell).isdigit() else cell for cell in row])
    book.save(tmp_path / "shop.xlsx")
    for name in ("shop.parquet", "shop.xlsx"):
        other = online_retail.load(tmp_path / name)
        assert (other.read, other.kept, other.dropped) == (11, dataset.kept, dataset.dropped)
        for table in ("order_lines", "products", "customers"):
            pd.testing.assert_frame_equal(
                getattr(other, table).reset_index(drop=True),
                getattr(dataset, table).reset_index(drop=True),
            )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,85048,X,many,2010-01-01 10:00,1,,UK", "column 'Quantity', value 'many': a number"),
        (
            "1,85048,X,1,yesterday,1,,UK",
            "column 'InvoiceDate', value 'yesterday': a time like 2011-12-09 12:50:00; else write "
            'time_format, such as "%d.%m.%Y %H:%M"',
        ),
        ("1,85048,X,1,2010-01-01 10:00,-1,,UK", "column 'Price', value -1: not negative"),
        ("1,85048,X,1,,1,,UK", "column 'InvoiceDate', value missing: not null"),
        ("1,85048,X,,2010-01-01 10:00,1,,UK", "column 'Quantity', value missing: not null"),
        (
            "1,85048,X,inf,2010-01-01 10:00,1,,UK",
            "column 'Quantity', value 'inf': a number",
        ),
        (
            f"{'9' * 1_000_000},85048,X,1,2010-01-01 10:00,1,,UK",
            f"column 'Invoice', value '{'9' * 76}...: "
            "an id is 1-128 characters without control characters",
        ),
        (
            "1,85048,X,1,2010-01-01 10:00,1,12\x01345,UK",
            "column 'Customer ID', value '12\\x01345': "
            "an id is 1-128 characters without control characters",
        ),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    ws = Workspace.create(tmp_path / "shop", clock="fixed:2012-01-01T00:00:00Z")
    with pytest.raises(BadInput) as refused:
        ingest(ws, load(tmp_path, ROWS + row + "\n"))
    assert str(refused.value) == f"{tmp_path}/online_retail_II.csv, row 13, {message}"


@pytest.mark.bench
def test_the_real_shop_reconciles(bench_data: Path, tmp_path: Path) -> None:
    file = bench_data / "online-retail-ii" / "online_retail_II.parquet"
    dataset = online_retail.load(file)
    ws = Workspace(tmp_path, "Europe/London", "GBP", dataset.clock or "")
    result = ingest(ws, dataset)
    assert result.read == 1_067_371
    assert result.kept == {"sale": 1_003_214, "return": 17_914, "adjustment": 6_021, "fee": 5_887}
    assert result.dropped == {"exact_duplicate": 34_335}
    assert ws.clock == "fixed:2011-12-10T00:00:00+00:00"

    # What the published rules call a purchase and an order, counted from the raw file.
    raw = pd.read_parquet(file).drop_duplicates()
    cancelled = raw["Invoice"].astype(str).str.startswith("C")
    paid = raw[raw["Customer ID"].notna() & (raw["Quantity"] > 0) & (raw["Price"] > 0) & ~cancelled]
    paid = paid.assign(
        customer_id=paid["Customer ID"].astype(int).astype(str),
        product_id=paid["StockCode"].astype(str).str.upper(),
        order_id=paid["Invoice"],
        time=paid["InvoiceDate"],
        spend=paid["Quantity"] * paid["Price"],
    )
    lines = read_table(ws, "order_lines")
    lines = lines[lines["customer_id"].notna() & (lines["quantity"] * lines["unit_price"] > 0)]
    lines = lines.assign(
        time=lines["event_timestamp"].dt.tz_convert("Europe/London").dt.tz_localize(None),
        spend=lines["quantity"] * lines["unit_price"],
    )
    columns = ["customer_id", "product_id", "time"]
    same(
        lines.loc[lines["line_type"] == "sale", columns],
        paid.loc[paid["product_id"].str.match(r"^\d{5}"), columns],
        rows=776_577,
    )
    orders = lines[lines["line_type"].isin(["sale", "fee"])]
    keys, sums = ["customer_id", "order_id"], {"time": "min", "spend": "sum"}
    same(orders.groupby(keys).agg(sums), paid.groupby(keys).agg(sums), rows=36_969)


def same(ours: pd.DataFrame, theirs: pd.DataFrame, *, rows: int) -> None:
    """Two tables hold the same rows, however ordered and typed."""
    plain = [
        frame.reset_index().drop(columns="index", errors="ignore").astype({"customer_id": object})
        for frame in (ours, theirs)
    ]
    sort = [c for c in plain[0].columns if c != "spend"]
    a, b = (frame.sort_values(sort, ignore_index=True) for frame in plain)
    assert len(a) == len(b) == rows
    pd.testing.assert_frame_equal(a, b, check_dtype=False, rtol=1e-12)
