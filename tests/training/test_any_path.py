"""A workspace in a folder whose name libraries would read as a pattern, a URL or a quote."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from configs.code import ROOT
from features.online.store import OnlineStore
from features.workspace import Workspace

NAME: Final = "my %20 shop#1?[a]*'\"{b}中文"
MAPPING: Final = """
timezone: Europe/Berlin
currency: EUR
order_lines:
  order_id: order_id
  customer_id: customer_id
  product_id: sku
  quantity: qty
  unit_price: price
  event_timestamp: date
"""


def run(folder: Path, *arguments: str) -> str:
    """Run a command in `folder`; return what it prints. It must end well."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments, "--home", NAME],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_from_file_to_online_store(tmp_path: Path) -> None:
    shop, orders, mapping = (tmp_path / part for part in (NAME, f"{NAME}.csv", f"{NAME}.yaml"))
    mapping.write_text(MAPPING)
    rows = ["order_id,customer_id,sku,qty,price,date"]
    for day in range(60):
        rows.append(f"{day},c{day % 7},p{day % 5},1,5,2024-{1 + day // 28:02}-{1 + day % 28:02}")
    orders.write_text("\n".join(rows) + "\n")
    sibling = tmp_path / NAME.replace("*", "XX").replace("?", "X").replace("[a]", "a")  # it matches
    before = sorted(path.name for path in tmp_path.iterdir())

    files = ("--file", orders.name, "--mapping", mapping.name)
    run(tmp_path, "features", "ingest", "csv", *files, "--clock", "fixed:2024-03-06T00:00:00Z")
    run(tmp_path, "features", "build")
    (sibling / "snapshots" / "customer_activity").mkdir(parents=True)
    wrong = sibling / "snapshots" / "customer_activity" / "20240101T000000Z.parquet"
    wrong.write_bytes(b"not Parquet")  # whoever reads it fails
    for model in ("popularity", "two_tower", "recency"):
        settings = {"popularity": [], "two_tower": ["epochs=1"], "recency": ["horizon_days=5"]}
        run(tmp_path, "training", "fit", model, *settings[model])
    assert f"--config '{tmp_path}" in run(
        tmp_path, "training", "tune", "two_tower", "--trials", "1", "epochs=1"
    )
    run(tmp_path, "training", "promote", "recommender", "--version", "1", "--because", "a path")
    assert "popularity" in run(tmp_path, "training", "compare", "popularity", "two_tower")
    run(tmp_path, "features", "materialize")

    row = OnlineStore(Workspace.open(shop)).online_customer("c1")
    assert row is not None
    assert row["orders_total"] == 9
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, NAME, sibling.name])
    assert [path for path in sibling.rglob("*") if path.is_file()] == [wrong]
