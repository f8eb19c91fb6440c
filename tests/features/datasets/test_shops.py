"""The mappings that the house brings, in configs/shops."""

from pathlib import Path

import pandas as pd
import pytest

from features.datasets import csv, simulated
from features.datasets.mapping import load_mapping
from features.datasets.order_lines import NO_QUANTITY
from features.schema import TABLES, validate
from features.simulator import World, WorldConfig

MAPPINGS = Path(__file__).parents[3] / "configs" / "shops"


def test_a_simulated_shop_in_csv_files_is_the_same_shop(tmp_path: Path) -> None:
    world = World(WorldConfig(customers=30, products=20, days=60, seed=3))
    expected = simulated.load(world)
    for name in ("order_lines", "customers", "products"):
        getattr(expected, name).to_csv(tmp_path / f"{name}.csv", index=False)
    mapping = load_mapping(MAPPINGS / "canonical.yaml")
    found = csv.load(tmp_path / "order_lines.csv", mapping)
    assert {"sale", "return"} <= found.kept.keys()
    assert (found.read, found.kept, found.timezone) == (
        expected.read,
        expected.kept,
        expected.timezone,
    )
    for name in TABLES:
        as_read = getattr(found, name).reset_index(drop=True)
        pd.testing.assert_frame_equal(as_read, getattr(expected, name).reset_index(drop=True))


@pytest.mark.bench
def test_the_complete_journey_is_taken_whole(bench_data: Path) -> None:
    file = bench_data / "dunnhumby" / "transactions_sample.parquet"
    dataset = csv.load(file, load_mapping(MAPPINGS / "dunnhumby.yaml"))
    assert (dataset.read, dataset.warnings) == (75_000, {NO_QUANTITY: 1})
    assert dataset.kept == {"sale": 74_471, "adjustment": 529}
    lines = dataset.order_lines
    sold = lines[lines["line_type"] == "sale"]
    paid = pd.read_parquet(file, columns=["sales_value"])["sales_value"].sum()
    assert (sold["quantity"] * sold["unit_price"]).sum() == pytest.approx(paid, abs=1)
    products = dataset.products.set_index("product_id")
    milk = products.loc["1029743"]
    assert (milk["title"], milk["category"]) == ("FLUID MILK WHITE ONLY", "FLUID MILK PRODUCTS")
    for name in TABLES:
        validate(name, getattr(dataset, name), origin=dataset.origin(name))
