"""CDNOW from its file to a file of scores: the bars that its models must meet all at once."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from features.__main__ import app as features
from training.__main__ import app as training
from training.evaluation.churn_metrics import churn_metrics
from training.evaluation.customers_metrics import normalised_gini

CUT, DAYS = "1997-10-01", 273
MAPPING: Final = """\
timezone: UTC
currency: USD
order_lines:
  order_id: ["@day", customer_id]
  customer_id: customer_id
  product_id: product
  quantity: number_of_cds
  line_total: dollar_value
  event_timestamp: date
"""


def run(app: object, *words: str) -> None:
    done = CliRunner().invoke(app, words)  # type: ignore[arg-type]  # typer's type is not exported
    assert done.exit_code == 0, done.output


@pytest.mark.slow
def test_cdnow_by_the_csv_adapter_and_lifetime_trees(bench_data: Path, tmp_path: Path) -> None:
    lines = pd.read_parquet(bench_data / "cdnow" / "cdnow_master.parquet")
    lines.assign(product="CD").to_csv(tmp_path / "cdnow.csv", index=False)
    (tmp_path / "cdnow.yaml").write_text(MAPPING)
    home, output = str(tmp_path / "home"), tmp_path / "scores.parquet"
    run(
        features, "ingest", "csv", "--file", str(tmp_path / "cdnow.csv"), "--mapping",
        str(tmp_path / "cdnow.yaml"), "--clock", "fixed:1998-07-01T00:00:00Z", "--home", home,
    )  # fmt: skip
    run(
        training, "score", "customers", "--model", "lifetime_trees", "--as-of", CUT,
        "--horizon-days", str(DAYS), "--output", str(output), "--home", home,
    )  # fmt: skip
    found = pd.read_parquet(output).set_index("customer_id")
    days = lines.groupby(["customer_id", "date"])["dollar_value"].sum().reset_index()
    later = days[days["date"] >= CUT].groupby("customer_id")["dollar_value"].agg(["size", "sum"])
    before = days[days["date"] < CUT]
    assert set(found.index) == set(before[before["dollar_value"] > 0]["customer_id"])
    made = found.reindex(before["customer_id"].unique())
    made = made.fillna(found.median())  # who paid nothing has no row: the bars are over all
    came = later.reindex(made.index, fill_value=0)
    orders = came["size"].to_numpy(np.float64)
    churn = churn_metrics((orders == 0) * 1.0, made["churn_probability"].to_numpy())
    expected = made["expected_orders"].to_numpy()
    logs = np.where(orders > 0, orders * np.log(np.maximum(orders, 1) / expected), 0)
    spend = normalised_gini(came["sum"].to_numpy(np.float64), made["expected_spend"].to_numpy())
    assert churn["auc"] >= 0.770
    assert spend >= 0.715
    assert 2 * (logs - (orders - expected)).mean() <= 1.58
    assert 0.9 <= expected.sum() / orders.sum() <= 1.1
