"""UCI Online Retail II: the orders of a British gift shop, December 2009 to December 2011.

Known faults of the file, all counted: exact duplicate rows are dropped; stock codes are in both
cases; codes of no product (POST, DOT, M, D, C2, BANK CHARGES, ...) are fees or adjustments;
cancelled invoices start with C; stock write-offs are negative lines without invoice C or customer;
bad-debt invoices start with A and have negative prices (the sign moves to the quantity).
Source: Chen, D. (2012). Online Retail II. UCI Machine Learning Repository, doi:10.24432/C5CG6D.
"""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from features.files.cells import refuse, text
from features.files.numbers import NumberFormat, numbers
from features.files.tables import read_rows
from features.files.times import MENDED_TIME, times
from features.schema import TEXT, Origin, RetailDataset

COLUMNS: Final = {  # canonical name -> the file's name
    "order_id": "Invoice",
    "product_id": "StockCode",
    "title": "Description",
    "quantity": "Quantity",
    "event_timestamp": "InvoiceDate",
    "unit_price": "Price",
    "customer_id": "Customer ID",
    "country": "Country",
}
TIMEZONE: Final = "Europe/London"
CURRENCY: Final = "GBP"
_PLAIN: Final = NumberFormat()


def load(file: Path, *, timezone: str = TIMEZONE, currency: str = CURRENCY) -> RetailDataset:
    """Return the shop in `file` (.xlsx, .csv or .parquet, columns as UCI names them).

    Times are wall-clock times of `timezone` (see `reading.times`); the clock is fixed at the
    local midnight after the last row. `line_number` counts an invoice's lines in the file's order,
    without exact duplicates. Raises BadInput.
    """
    read = read_rows(file, columns=list(COLUMNS.values()))
    raw = read[~read.duplicated()]
    texts = ("order_id", "product_id", "title", "customer_id", "country")
    rows = pd.DataFrame({name: text(raw[COLUMNS[name]]) for name in texts})
    rows["product_id"] = rows["product_id"].str.upper()
    rows["customer_id"] = rows["customer_id"].str.removesuffix(".0")  # 13085.0 in some exports
    rows["quantity"] = numbers(raw["Quantity"], file=file, spelling=_PLAIN)
    rows["unit_price"] = numbers(raw["Price"], file=file, spelling=_PLAIN)
    local, mended = times(raw["InvoiceDate"], timezone=timezone, file=file)
    refuse(raw["InvoiceDate"], local.isna(), file=file, rule="not null")
    rows["event_timestamp"] = local
    bad_debt = rows["order_id"].str.startswith("A").fillna(False) & (rows["unit_price"] < 0)
    for column in ("quantity", "unit_price"):
        rows[column] = rows[column].where(~bad_debt, -rows[column])
    rows["line_type"] = _line_types(rows)
    lines = _order_lines(rows)
    end = local.max().tz_convert(timezone).normalize() + pd.DateOffset(days=1)
    origin = Origin(file=str(file), columns=COLUMNS)
    warnings = {
        "price below 0 on a bad-debt invoice: sign moved to the quantity": int(bad_debt.sum()),
        MENDED_TIME: mended,
    }
    return RetailDataset(
        source=str(file),
        order_lines=lines,
        customers=_customers(rows),
        products=_products(rows),
        read=len(read),
        kept={str(kind): int(n) for kind, n in lines["line_type"].value_counts().items()},
        dropped={"exact_duplicate": len(read) - len(raw)},
        warnings={fault: count for fault, count in warnings.items() if count},
        timezone=timezone,
        currency=currency,
        clock=f"fixed:{end.tz_convert('UTC').isoformat()}",
        origins={"order_lines": origin, "customers": origin, "products": origin},
    )


def _line_types(rows: pd.DataFrame) -> pd.Series:
    """Return sale, return, fee or adjustment per row; zero prices are adjustments."""
    product = rows["product_id"].str.match(r"\d{5}").fillna(False).to_numpy(dtype=bool)
    initial = rows["order_id"].str[:1].fillna("")
    cancelled, bad_debt = ((initial == letter).to_numpy(dtype=bool) for letter in "CA")
    guest = rows["customer_id"].isna().to_numpy()
    sold = (rows["quantity"] > 0).to_numpy() & ~cancelled
    taken_back = (rows["quantity"] < 0).to_numpy() & (cancelled | ~guest)
    no_value = (rows["unit_price"] == 0).to_numpy() | bad_debt
    kinds = np.select(
        [no_value, sold & product, taken_back & product, sold | taken_back],
        ["adjustment", "sale", "return", "fee"],
        default="adjustment",
    )
    return pd.Series(kinds, index=rows.index, dtype=TEXT)


def _order_lines(rows: pd.DataFrame) -> pd.DataFrame:
    none = pd.Series(pd.NA, index=rows.index, dtype=TEXT)
    return pd.DataFrame(
        {
            "order_id": rows["order_id"],
            "line_number": rows.groupby("order_id", dropna=False).cumcount().astype("int64") + 1,
            "customer_id": rows["customer_id"],
            "product_id": rows["product_id"],
            "parent_product_id": none,
            "line_type": rows["line_type"],
            "quantity": rows["quantity"],
            "unit_price": rows["unit_price"],
            "channel": none,
            "store_id": none,
            "event_timestamp": rows["event_timestamp"],
            "recorded_timestamp": rows["event_timestamp"],
        }
    )


def _products(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each title of a product, valid from the first sale with it."""
    sales = rows[(rows["line_type"] == "sale") & rows["title"].notna()]
    first = sales.sort_values("event_timestamp", kind="stable")
    first = first.drop_duplicates(["product_id", "title"])
    first = first.drop_duplicates(["product_id", "event_timestamp"])
    none = pd.Series(pd.NA, index=first.index, dtype=TEXT)
    return pd.DataFrame(
        {
            "product_id": first["product_id"],
            "valid_from": first["event_timestamp"],
            "parent_product_id": none,
            "title": first["title"],
            "category": none,
        }
    )


def _customers(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each customer at the first line, and one at each change of country."""
    seen = rows[rows["customer_id"].notna()].sort_values("event_timestamp", kind="stable")
    seen = seen.drop_duplicates(["customer_id", "event_timestamp"])
    before = seen.groupby("customer_id")["country"].shift()
    first = ~seen["customer_id"].duplicated()
    new = seen[first | (seen["country"] != before).fillna(False).to_numpy(dtype=bool)]
    return pd.DataFrame(
        {
            "customer_id": new["customer_id"],
            "valid_from": new["event_timestamp"],
            "country": new["country"],
        }
    )
