"""The features of random lines, against a reference that reads line by line."""

from typing import Any

import pandas as pd
import pytest

from features import transforms
from features.customer_features import HISTORY_LENGTH, RETURN_DAYS
from features.customer_history import customer_history
from features.product_features import SALES_TIMES
from tests.features.random_shop import random_lines
from tests.features.rows import CUT, rows_at
from tests.features.shop import time


def test_the_order_of_lines_changes_no_bit() -> None:
    table = random_lines(seed=1)
    shuffled = table.sample(frac=1, random_state=0, ignore_index=True)
    for transform in (transforms.customer_activity, customer_history, transforms.product_sales):
        pd.testing.assert_frame_equal(
            rows_at(transform, table, CUT), rows_at(transform, shuffled, CUT), check_exact=True
        )


def test_against_a_reference_that_reads_line_by_line() -> None:
    table = random_lines(seed=7, count=4000)
    cuts = ("2010-06-01", "2010-12-13", "2011-06-06", "2011-07-25")
    activity = rows_at(transforms.customer_activity, table, *cuts)
    history = rows_at(customer_history, table, *cuts)
    sales = rows_at(transforms.product_sales, table, *cuts)
    assert history["recent_products"].map(len).max() == HISTORY_LENGTH
    for at in map(time, cuts):
        known = table[(table["event_timestamp"] < at) & (table["recorded_timestamp"] < at)]
        for frame, reference in ((activity, _customer), (history, _history), (sales, _product)):
            key = frame.columns[0]
            here = frame[frame["event_timestamp"] == at].set_index(key)
            expected = {
                entity: row
                for entity, rows in known.groupby(key)
                if (row := reference(rows, at)) is not None
            }
            made = {entity: dict(row) for entity, row in here.iterrows()}
            assert made.keys() == expected.keys()
            for entity, row in expected.items():
                _compare({name: made[entity][name] for name in row}, row)


def _compare(made: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        near = isinstance(value, float)
        assert made[name] == (pytest.approx(value, abs=1e-9) if near else value), name


def _money(rows: pd.DataFrame, *kinds: str) -> pd.DataFrame:
    return rows[rows["line_type"].isin(kinds) & (rows["quantity"] * rows["unit_price"] > 0)]


def _between(rows: pd.DataFrame, at: pd.Timestamp, first: int, last: int = 0) -> pd.DataFrame:
    age = at - rows["event_timestamp"]
    return rows[(age <= pd.Timedelta(days=first)) & (age > pd.Timedelta(days=last))]


def _customer(rows: pd.DataFrame, at: pd.Timestamp) -> dict[str, Any]:
    paid, sold = _money(rows, "sale", "fee"), _money(rows, "sale")
    returned = rows[rows["line_type"] == "return"]
    value = (paid["quantity"] * paid["unit_price"]).rename("value")
    made: dict[str, Any] = {"orders_total": paid["order_id"].nunique(), "spend_total": value.sum()}
    for days in (30, 90, 365):
        inside = _between(paid, at, days)
        made[f"orders_{days}d"] = inside["order_id"].nunique()
        made[f"spend_{days}d"] = value[inside.index].sum()
    made["orders_90d_last_year"] = _between(paid, at, 365, 275)["order_id"].nunique()
    made["units_365d"] = _between(sold, at, 365)["quantity"].sum()
    made["products_365d"] = _between(sold, at, 365)["product_id"].nunique()
    made["returns_365d"] = len(_between(returned, at, 365))
    if len(paid):
        made["first_order_timestamp"] = paid["event_timestamp"].min()
        made["last_order_timestamp"] = paid["event_timestamp"].max()
    return made


def _history(rows: pd.DataFrame, at: pd.Timestamp) -> dict[str, Any] | None:
    sold = _money(rows, "sale").sort_values(["event_timestamp", "line_number"])
    newest = sold.groupby(["order_id", "product_id"], as_index=False).last()
    if newest.empty:
        return None
    newest["age"] = -newest["event_timestamp"].astype("int64")
    back = _between(rows[rows["line_type"] == "return"], at, RETURN_DAYS).dropna(
        subset=["product_id"]
    )
    returned = -back.groupby("product_id")["event_timestamp"].max().astype("int64")
    returns = returned.reset_index().sort_values(["event_timestamp", "product_id"])
    lists = {
        "returned_products": returns["product_id"].tolist(),
        "returned_timestamps": (-returns["event_timestamp"]).tolist(),
    }
    newest = newest.sort_values(["age", "product_id", "order_id"]).head(HISTORY_LENGTH)
    return {
        "recent_products": newest["product_id"].tolist(),
        "recent_timestamps": (-newest["age"]).tolist(),
        "recent_values": (newest["quantity"] * newest["unit_price"]).round(6).tolist(),
        **{name: found or None for name, found in lists.items()},
    }


def _product(rows: pd.DataFrame, at: pd.Timestamp) -> dict[str, Any] | None:
    sold = _money(rows, "sale")
    if sold.empty:
        return None
    made: dict[str, Any] = {}
    for days in (3, 7, 28, 90):
        inside = _between(sold, at, days)
        made[f"units_{days}d"] = inside["quantity"].sum()
        made[f"buyers_{days}d"] = inside["customer_id"].nunique()
    last_year = _between(sold, at, 365, 337)
    made["units_28d_last_year"] = last_year["quantity"].sum()
    made["buyers_28d_last_year"] = last_year["customer_id"].nunique()
    last = sold.sort_values(["event_timestamp", "order_id", "line_number"]).iloc[-1]
    made["unit_price"] = last["unit_price"]
    inside = _between(sold, at, 90)
    value = (inside["quantity"] * inside["unit_price"]).sum()
    made["unit_price_90d"] = value / inside["quantity"].sum() if len(inside) else last["unit_price"]
    returned = _between(rows[rows["line_type"] == "return"], at, 365)["quantity"].sum()
    year = _between(sold, at, 365)["quantity"].sum()
    made["return_rate_365d"] = -returned / year if year else 0.0
    made |= dict(zip(SALES_TIMES, sold["event_timestamp"].agg(["min", "max"]), strict=True))
    return made
