"""A workspace whose catalogue is filled up with synthetic products, as if a shop posted them."""

import shutil
from contextlib import closing
from itertools import cycle, islice, product
from pathlib import Path
from typing import Final

from features.logs.product_changes import ProductChange, ProductChanges
from features.online.store import online_products
from features.workspace import Workspace

BATCH_SIZE: Final = 5_000
_SERVED: Final = ("bundles", "feast", "online")
_SETTINGS: Final = ("workspace.json", "clock.json")


def fill(ws: Workspace, home: Path, *, products: int) -> Workspace:
    """Copy what serving reads of `ws` to the new folder `home`, and fill up to `products` products.

    The new ones have titles made of words of the existing titles, a category and a price.
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
        changes = [
            ProductChange(
                product_id=f"made-up-{number}",
                title=f"{first} {second}",
                category=categories[number % len(categories)],
                unit_price=1.0 + number % 100,
            )
            for number, (first, second) in enumerate(titles)
        ]
        for start in range(0, len(changes), BATCH_SIZE):
            log.record(changes[start : start + BATCH_SIZE], clock=filled.now)
    return filled
