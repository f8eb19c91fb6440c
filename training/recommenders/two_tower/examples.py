"""Training examples of a recommender: customers at snapshot times, and their next purchases."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from training.data.inputs import IntArray, Products, Queries
from training.data.pairs import Pairs, pairs
from training.data.training_data import TrainingData
from training.data.windows import WINDOW
from training.errors import NotEnoughData

SHORTEST_WINDOW: Final = pd.Timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Examples:
    """The customers who bought in a snapshot's window, and the pairs that they bought."""

    products: Products
    queries: Queries
    bought: Pairs
    """Ordered by row; distinct pairs, only of products known at the snapshot."""

    def bought_by(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """Return the pairs of `rows` (distinct), each with its place in `rows`."""
        begins = np.searchsorted(self.bought.rows, rows)
        counts = np.searchsorted(self.bought.rows, rows, side="right") - begins
        places = np.repeat(np.arange(len(rows)), counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return places, self.bought.columns[np.repeat(begins, counts) + within]


def examples(data: TrainingData, *, weeks: int) -> list[Examples]:
    """Return the examples of the last `weeks` snapshots, oldest first.

    A snapshot's window lasts 28 days, or to `data.as_of`, but at least 7. Raises NotEnoughData
    if nobody bought a known product after any snapshot.
    """
    times = [at for at in data.times if at + SHORTEST_WINDOW <= data.as_of][-weeks:]
    bought = {}
    for at in times:
        window = data.purchases(at, min(at + WINDOW, data.as_of))
        window = window[window["product_id"].isin(data.products(at).product_ids)]
        if len(window):
            bought[at] = window
    if not bought:
        raise NotEnoughData(
            "there is nothing to train on, a known customer must buy a product in the "
            f"{SHORTEST_WINDOW.days} to {WINDOW.days} days after a Monday at which it was known: "
            f"{data.extent}"
        )
    customers = {
        at: np.array(sorted(set(window["customer_id"])), dtype=object)
        for at, window in bought.items()
    }
    queries = data.queries_at(customers)
    return [
        Examples(
            products=data.products(at),
            queries=queries[at],
            bought=pairs(window, customers[at], data.products(at).product_ids),
        )
        for at, window in bought.items()
    ]
