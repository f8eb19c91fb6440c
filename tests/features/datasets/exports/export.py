"""An export in a folder: its files, its mapping, and what comes in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from features.checks.doubts import doubts
from features.checks.figures import figures
from features.datasets import csv
from features.datasets.mapping import load_mapping
from features.schema import TABLES, BadInput, RetailDataset, validate
from tests.features.datasets.exports.shops import HEADER, ORDINARY
from tests.features.datasets.spoiled.facts import facts
from tests.features.files.workbook_files import write_xlsx


@dataclass(frozen=True)
class Export:
    """The files of order lines, and the mapping's file beside them."""

    files: tuple[Path, ...]
    mapping: Path

    def load(self, *options: str) -> RetailDataset:
        """Return the canonical tables under the mapping with `options`, each `key=value`."""
        dataset = csv.load(self.files, load_mapping(self.mapping, options))
        for table in TABLES:
            validate(table, getattr(dataset, table), origin=dataset.origin(table))
        assert dataset.read == sum(dataset.kept.values()) + sum(dataset.dropped.values())
        return dataset

    def refusal(self, *options: str) -> str:
        """Return the message of the refusal; a test fails if there is none."""
        with pytest.raises(BadInput) as refused:
            self.load(*options)
        assert refused.value.file is not None
        return str(refused.value)

    def doubts(self, *options: str) -> dict[str, str]:
        """Return the doubts that `features check` shows: what to do, by code."""
        dataset = self.load(*options)
        tables = {table: getattr(dataset, table) for table in TABLES}
        shop = {"timezone": dataset.timezone or "UTC", "currency": dataset.currency or "EUR"}
        found = doubts(tables, figures(tables, now=pd.Timestamp("2024-12-06T00:00:00Z"), **shop))
        return {doubt.code: doubt.way_on for doubt in found}


def export(
    folder: Path,
    rows: str | bytes,
    *,
    header: str = HEADER,
    mapping: str = ORDINARY,
    name: str = "orders.csv",
) -> Export:
    """Write `rows` (text: below `header`; bytes: the whole file) and the `mapping`."""
    content = rows if isinstance(rows, bytes) else (header + rows).encode()
    (folder / name).write_bytes(content)
    (folder / "shop.yaml").write_text(mapping, encoding="utf-8")
    return Export((folder / name,), folder / "shop.yaml")


def workbook(
    folder: Path, *, mapping: str = ORDINARY, **sheets: Sequence[Sequence[object]]
) -> Export:
    """Write a workbook of those sheets (`_Name`: a hidden one) and the `mapping`."""
    (folder / "shop.yaml").write_text(mapping, encoding="utf-8")
    return Export((write_xlsx(folder / "orders.xlsx", **sheets),), folder / "shop.yaml")


def numbers(dataset: RetailDataset) -> tuple[int, int, int, int, float]:
    """Orders, customers, orders of guests, units and revenue, of sales minus returns."""
    shop = facts(dataset)
    return shop.orders, shop.customers, shop.guest_orders, shop.units, shop.cents / 100


def revenue(dataset: RetailDataset) -> float:
    """Quantity times unit price over all lines, of fees and adjustments too."""
    lines = dataset.order_lines
    return round(float((lines["quantity"] * lines["unit_price"]).sum()), 2)


def values(table: pd.DataFrame, column: str) -> list[object]:
    """Return the values of a column; None where missing."""
    return [None if pd.isna(value) else value for value in table[column]]


def times(dataset: RetailDataset) -> list[str]:
    """Return the time of each line, in UTC."""
    return list(dataset.order_lines["event_timestamp"].dt.strftime("%Y-%m-%d %H:%M:%S"))


def kinds(dataset: RetailDataset) -> Sequence[tuple[str, str, float, float]]:
    """Return the product, line type, quantity and unit price of each line."""
    lines = dataset.order_lines[["product_id", "line_type", "quantity", "unit_price"]]
    return [tuple(line) for line in lines.itertuples(index=False)]


def quoted(option: str) -> str:
    """Return a `key=value` whose value YAML reads as it is."""
    key, _, value = option.partition("=")
    return f"{key}='{value.replace(chr(39), chr(39) * 2)}'"
