"""Products with texts and prices, and a model that relates two of them."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from features.ingest import ingest
from features.materialize import materialize
from features.schema import RetailDataset, empty
from features.workspace import Workspace
from tests.serving.shop import DAY, NOW, OWN_PURCHASES, order_lines, put_bundle, put_champions
from training.recommenders.baselines import OwnPurchases
from training.recommenders.item_to_item import Cosine, CosineConfig

# Product -> title, category and price; ordered by buyers of 28 days: 3, 2, 1, 1 and 0.
PRODUCTS = {
    "tea": ("GREEN TEA", "drinks", 2.55),
    "cup": ("RED CUP", "ware", 4.0),
    "mug": ("RED MUG", "ware", 5.0),
    "pot": ("IRON POT", None, 9.0),
    "茶/1": ("红茶", "drinks", 3.0),
}


def cosine(bought: str, other: str) -> Cosine:
    """Return a model in which `bought` is related to `other`, and nothing else is."""
    weights = np.zeros((5, 5), dtype=np.float32)
    weights[[*PRODUCTS].index(bought), [*PRODUCTS].index(other)] = 1
    return Cosine(
        CosineConfig(popularity_weight=0.1), product_ids=[*PRODUCTS], weights=csr_array(weights)
    )


def stock(home: Path, *, channel: str | None = None) -> Path:
    """Make conftest's shop at `home` with texts and prices; recommender 2 relates two products.

    All orders came through `channel`.
    """
    ws = Workspace.create(home, clock=f"fixed:{NOW.isoformat()}")
    lines = order_lines()
    prices = {name: price for name, (_, _, price) in PRODUCTS.items()}
    lines["unit_price"] = lines["product_id"].map(prices).fillna(2.0).astype("float64")
    lines["channel"] = pd.Series(channel, lines.index, dtype=lines["channel"].dtype)
    rows = [
        {"product_id": name, "valid_from": NOW - 90 * DAY, "title": title, "category": category}
        for name, (title, category, _) in PRODUCTS.items()
    ]
    catalog = pd.DataFrame(rows).assign(parent_product_id=None)
    frame = empty("products")
    dataset = RetailDataset(
        source="test",
        order_lines=lines,
        products=catalog[frame.columns].astype(frame.dtypes),
        read=len(lines),
        kept={str(kind): int(count) for kind, count in lines["line_type"].value_counts().items()},
        dropped={},
    )
    ingest(ws, dataset)
    materialize(ws, NOW)
    put_bundle(ws, "recommender", "1", OwnPurchases(OWN_PURCHASES))
    put_bundle(ws, "recommender", "2", cosine("mug", "茶/1"))
    put_champions(ws, recommender="1")
    return ws.home
