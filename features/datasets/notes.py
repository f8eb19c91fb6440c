"""What a mapping leaves out of a shop's files without breaking a rule."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from features.datasets.mapping import ShopMapping, columns_of
from features.files.cells import text
from features.files.tables import read_header, read_rows

_AMOUNT: Final = re.compile(
    r"discount|shipping|freight|\btax|\btip\b|rabatt|versand|steuer|remise|frais|descuento|env[ií]o"
    r"|优惠|折扣|运费|税额|値引|送料",
    re.IGNORECASE,
)
_NOT_ZERO: Final = re.compile(r"[1-9]")
_AN_AMOUNT: Final = re.compile(r"^[^\w]*[A-Za-z]{0,3}[^\w]*[\d.,' ]+\D{0,4}$")


def notes(files: Sequence[Path], mapping: ShopMapping, lines: pd.DataFrame) -> dict[str, int]:
    """Return how many rows each note concerns.

    Amounts in columns that the mapping does not use, such as an order's discount or shipping, are
    left out. Sales without a product id count in orders and revenue, but belong to no product.
    """
    used = {part for parts in columns_of(mapping.order_lines).values() for part in parts}
    counts: dict[str, int] = {}
    for file in files:
        header = read_header(file, mapping)
        names = [n for n in header if _AMOUNT.search(n) and n not in {*used, *mapping.unused}]
        rows = read_rows(file, columns=names, layout=mapping) if names else pd.DataFrame()
        for name in names:
            cells = text(rows[name]).dropna()
            amounts = cells.str.match(_AN_AMOUNT) & cells.str.contains(_NOT_ZERO)
            if amounts.any():
                note = f"amounts in the column {name!r}, which the mapping does not use"
                counts[note] = counts.get(note, 0) + int(amounts.sum())
    nameless = (lines["line_type"] == "sale") & lines["product_id"].isna()
    if nameless.any():
        counts["sales without a product id: they belong to no product"] = int(nameless.sum())
    return counts
