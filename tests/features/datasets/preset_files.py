"""Files of a platform's layout, for the tests of the presets in configs/shops."""

from pathlib import Path

import pandas as pd

from features.datasets import csv
from features.datasets.mapping import load_mapping
from features.schema import TABLES, RetailDataset, validate
from tests.features.datasets.spoiled.facts import Facts, facts

PRESETS = Path(__file__).parents[3] / "configs" / "shops"


def write(
    folder: Path, name: str, header: str, *rows: dict[str, str], delimiter: str = ","
) -> Path:
    """Write `rows` under the verbatim `header`; a column that a row does not have is empty."""
    names = header.split(delimiter)
    for row in rows:
        assert row.keys() <= set(names)
    file = folder / name
    frame = pd.DataFrame([{each: row.get(each, "") for each in names} for row in rows])
    frame.to_csv(file, index=False, sep=delimiter, encoding="utf-8")
    assert file.read_text().splitlines()[0] == header
    return file


def load(file: Path, preset: str, *overrides: str) -> RetailDataset:
    dataset = csv.load(file, load_mapping(PRESETS / f"{preset}.yaml", overrides))
    for name in TABLES:
        validate(name, getattr(dataset, name), origin=dataset.origin(name))
    return dataset


def numbers(dataset: RetailDataset) -> tuple[int, int, int, int, int]:
    """Orders, customers, orders of guests, net units, net revenue in cents."""
    found: Facts = facts(dataset)
    return found.orders, found.customers, found.guest_orders, found.units, found.cents
