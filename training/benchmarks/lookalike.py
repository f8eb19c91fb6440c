"""How well customers who resemble a product's buyers are its next buyers.

For each product with enough of both: the seed is who bought it before the cut, the truth who buys
it for the first time in the window after it. All other customers are ranked. The lift at 5% is the
share of the truth among the first 5%, divided by 5%.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from configs.duck import connect
from features.tables import PinnedTables
from features.times import microseconds
from features.workspace import Workspace
from training.benchmarks.finished import refuse_unfinished
from training.errors import NotEnoughData
from training.reports.text_table import TextTable
from training.segments.refresh import put_tables
from training.segments.vectors import Floats, LookalikeConfig, customer_vectors, directions

SHARE: Final = 0.05
SMALLEST_SEED: Final = 20
SMALLEST_TRUTH: Final = 10
DRAWS: Final = 1000
Bools = npt.NDArray[np.bool_]
_PAIRS: Final = """
SELECT customer_id, product_id, min(epoch_us(event_timestamp)) AS first
FROM order_lines
WHERE customer_id IS NOT NULL AND product_id IS NOT NULL
    AND line_type = 'sale' AND quantity * unit_price > 0 AND epoch_us(event_timestamp) < ?
GROUP BY ALL ORDER BY ALL
"""
_ORDERS: Final = """
SELECT customer_id, count(DISTINCT order_id) AS orders FROM orders
WHERE epoch_us(event_timestamp) < $at AND epoch_us(recorded_timestamp) < $at
    AND epoch_us(event_timestamp) >= $start
GROUP BY ALL
"""


@dataclass(frozen=True, kw_only=True)
class Lifts:
    """The lift at 5% over P products."""

    products: int
    customers: int
    """Who is ranked, seeds included."""
    similar: Floats  # (P,) by similarity to the seed
    active: Floats  # (P,) by the orders of the last 365 days, without the seed

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the mean lift of `similar`: products are resampled."""
        rng = np.random.default_rng(0)
        drawn = rng.integers(0, self.products, (DRAWS, self.products))
        low, high = np.quantile(self.similar[drawn].mean(axis=1), [0.025, 0.975])
        return float(low), float(high)


def measure(
    ws: Workspace, *, cut: pd.Timestamp, days: int = 90, config: LookalikeConfig | None = None
) -> Lifts:
    """Return the lifts at `cut` (UTC), with the window [cut, cut + days).

    Vectors and seeds are of what was known before `cut`. Raises NotEnoughData without a product
    that has enough buyers before and after, and if the window has not ended.
    """
    refuse_unfinished(ws, cut=cut, days=days)
    config = config or LookalikeConfig()
    con = connect()
    put_tables(con, PinnedTables(ws).paths, at=cut)
    found = customer_vectors(con, config, at=cut)
    at, end = microseconds(cut), microseconds(cut + pd.Timedelta(days=days))
    pairs = con.execute(_PAIRS, [end]).df()
    rows = pd.Index(found.customer_ids).get_indexer(pd.Index(pairs.customer_id.astype(object)))
    pairs = pairs[rows >= 0].assign(row=rows[rows >= 0], before=pairs["first"] < at)
    counted = pairs.groupby("product_id").before.agg(["sum", "size"])
    enough = (counted["sum"] >= SMALLEST_SEED) & (
        counted["size"] - counted["sum"] >= SMALLEST_TRUTH
    )
    products = counted.index[enough]
    if not len(products):
        raise NotEnoughData(
            f"no product has {SMALLEST_SEED} buyers before {cut} and {SMALLEST_TRUTH} new ones "
            f"in the {days} days after"
        )
    pairs = pairs[pairs.product_id.isin(products)]
    columns = pd.Index(products).get_indexer(pd.Index(pairs.product_id))
    seeds = np.zeros((len(found.customer_ids), len(products)))
    truth = np.zeros_like(seeds, dtype=bool)
    old = pairs.before.to_numpy()
    seeds[pairs.row.to_numpy()[old], columns[old]] = 1
    truth[pairs.row.to_numpy()[~old], columns[~old]] = True
    scores = directions(found.vectors, seeds, shrinkage=config.shrinkage)
    year = {"at": at, "start": microseconds(cut - pd.Timedelta(days=365))}
    orders = con.execute(_ORDERS, year).df().set_index("customer_id")["orders"]
    active = orders.reindex(found.customer_ids).fillna(0).to_numpy(float)
    return Lifts(
        products=len(products),
        customers=len(found.customer_ids),
        similar=_lifts(scores, seeds, truth),
        active=_lifts(np.repeat(active[:, None], len(products), axis=1), seeds, truth),
    )


def lift(scores: Floats, truth: Bools, *, share: float = SHARE) -> float:
    """Return the share of `truth` (N,) among the first `share` by `scores` (N,), over `share`.

    >>> lift(np.array([4.0, 3.0, 2.0, 1.0]), np.array([True, False, False, True]), share=0.25)
    2.0
    """
    first = max(1, round(share * len(scores)))
    top = np.argsort(-scores, kind="stable")[:first]
    return float(truth[top].sum() / truth.sum() / (first / len(scores)))


def _lifts(scores: Floats, seeds: Floats, truth: Bools) -> Floats:
    others = seeds == 0
    return np.array(
        [lift(scores[others[:, p], p], truth[others[:, p], p]) for p in range(scores.shape[1])]
    )


def grid(lifts: Lifts, *, cut: pd.Timestamp, days: int) -> TextTable:
    """Return the mean lifts as a table."""
    low, high = lifts.interval
    return TextTable(
        title=(
            f"Lift at 5%: the next buyers of {lifts.products} products in {days} days from "
            f"{cut.isoformat()}, among {lifts.customers:,} customers"
        ),
        columns=("ranked by", "lift", "95% interval"),
        rows=(
            ("similarity to the buyers", f"{lifts.similar.mean():.2f}", f"{low:.2f} .. {high:.2f}"),
            ("orders of the last year", f"{lifts.active.mean():.2f}", ""),
        ),
    )
