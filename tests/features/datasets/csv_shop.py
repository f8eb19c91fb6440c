"""A shop's file and its mapping, for the tests of the csv adapter."""

from pathlib import Path
from typing import Any

import pandas as pd

from features.datasets import csv
from features.datasets.mapping import ShopMapping
from features.schema import RetailDataset

SHOP = {
    "timezone": "Europe/Berlin",
    "currency": "EUR",
    "order_lines": {
        "order_id": "Bon",
        "customer_id": "Kunde",
        "product_id": "Artikel",
        "quantity": "Menge",
        "unit_price": "Preis",
        "event_timestamp": "Zeit",
    },
}
HEADER = "Bon,Kunde,Artikel,Menge,Preis,Zeit\n"


def load(folder: Path, rows: str, *, header: str = HEADER, **mapping: Any) -> RetailDataset:
    file = folder / "bons.csv"
    file.write_text(header + rows)
    lines = SHOP["order_lines"] | mapping.pop("order_lines", {})
    return csv.load(file, ShopMapping(**SHOP | mapping | {"order_lines": lines}))


def told(lines: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in lines[list(columns)].itertuples(index=False)]
