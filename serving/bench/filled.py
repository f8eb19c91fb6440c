"""A workspace whose catalogue is filled up with made-up products, as a shop would tell of them."""

import shutil
from contextlib import closing
from itertools import cycle, islice, product
from pathlib import Path
from typing import Final

from features.logs.product_changes import ProductChange, ProductChanges
from features.online.store import online_products
from features.workspace import Workspace

AT_ONCE: Final = 5_000
_SERVED: Final = ("bundles", "feast", "online")
_SETTINGS: Final = ("workspace.json", "clock.json")


def fill(ws: Workspace, home: Path, *, products: int) -> Workspace:
    """Copy to the new folder `home` what serving reads of `ws`, with `products` products in all.

    The new ones have titles of words that stand in the others', a category and a price.
    """
    for name in _SERVED:
        shutil.copytree(ws.home / name, home / name)
    for name in _SETTINGS:
        if (ws.home / name).exists():
            shutil.copy2(ws.home / name, home / name)
    filled = Workspace.open(home)
    _, rows = online_products(ws)
    words = sorted({word for title in rows["title"].dropna() for word in title.split()}) or [
        "product"
    ]
    categories = sorted(set(rows["category"].dropna())) or ["all"]
    titles = islice(cycle(product(words, words)), max(products - len(rows), 0))
    with closing(ProductChanges(filled.product_changes_db)) as log:
        made = [
            ProductChange(
                product_id=f"made-up-{number}",
                title=f"{one} {other}",
                category=categories[number % len(categories)],
                unit_price=1.0 + number % 100,
            )
            for number, (one, other) in enumerate(titles)
        ]
        for start in range(0, len(made), AT_ONCE):
            log.record(made[start : start + AT_ONCE], clock=filled.now)
    return filled
