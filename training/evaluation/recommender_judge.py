"""How good a recommender is on a window that it did not see: full catalogue, every customer.

Truth: the distinct products that a customer bought in [at, at + days). Measured are customers who
bought before `at`, on products that some known customer bought before `at`. The list "all" may
name anything; "new" only what the customer never bought before `at`. A purchase before `at` is one
that was recorded before `at` too: nobody knew of the others.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from training.data.inputs import IntArray, Products, Queries
from training.data.pairs import Pairs, pairs
from training.errors import NotEnoughData
from training.evaluation import ranking_metrics
from training.evaluation.intervals import Ids, Sample
from training.interfaces import Recommender, Scorer
from training.lists.ranking import rank

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

K: Final = 10
LISTS: Final = ("all", "new")
Lists = dict[str, IntArray]
"""A model's lists by their name, (B, K): indices of products, best first, -1 where one ends."""


@dataclass(frozen=True, kw_only=True)
class RecommenderJudge:
    """A window: its customers, what they had and what they then bought. Call it with a model."""

    products: Products
    queries: Queries
    owned: Pairs
    """Bought before the window (row of `queries`, index of `products`)."""
    wanted: Pairs
    """Bought in the window."""
    catalogue: int
    """The number of products that a known customer bought before the window."""

    def __call__(self, model: Recommender) -> dict[str, float]:
        """Return the mean figures: NDCG, recall, hit rate, MRR and coverage at 10, by list.

        Those of "new" carry the prefix `new_`; `mean_ndcg_at_10` is the mean of both lists.
        """
        return self.means(self.lists(model.scorer(self.products)))

    def lists(self, scorer: Scorer) -> Lists:
        """Return the lists by the `scorer` of `products` for every customer of the window."""
        excluded = {"all": None, "new": self.owned}
        return rank(scorer, self.queries, K, width=len(self.products), lists=excluded)

    def means(self, lists: Lists) -> dict[str, float]:
        """Return the mean figures of `lists`, as a call of their model does."""
        found: dict[str, float] = {}
        for name in LISTS:
            prefix = "" if name == "all" else f"{name}_"
            sample = self.sample(lists[name], self.truth(name))
            for figure, values in sample.figures.items():
                found[f"{prefix}{figure}"] = float(values.mean()) if len(values) else 0.0
            found[f"{prefix}coverage_at_{K}"] = sample.coverage
        found[f"mean_ndcg_at_{K}"] = (found[f"ndcg_at_{K}"] + found[f"new_ndcg_at_{K}"]) / 2
        return found

    def truth(self, name: str) -> Pairs:
        """Return what the list `name` should hold."""
        new = name == "new"
        return self.wanted.without(self.owned, len(self.products)) if new else self.wanted

    def sample(self, lists: IntArray, wanted: Pairs) -> Sample:
        """Return the figures of `lists` (B, K) for the customers with a product in `wanted`."""
        return measure(
            lists,
            wanted,
            customer_ids=self.queries.customer_ids,
            width=len(self.products),
            catalogue=self.catalogue,
        )


def measure(
    lists: IntArray, wanted: Pairs, *, customer_ids: Ids, width: int, catalogue: int
) -> Sample:
    """Return the figures of `lists` (B, K) by customer: NDCG, recall, hit rate and MRR at 10.

    `wanted` are places in B `customer_ids` by `width` products; who wants nothing is left out.
    """
    count = np.bincount(wanted.rows, minlength=len(lists))
    rows = np.flatnonzero(count)
    asked, count = lists[rows], count[rows]
    truth = wanted.rows * width + wanted.columns
    hits = (asked >= 0) & np.isin(rows[:, None] * width + asked, truth)
    return Sample(
        customer_ids=customer_ids[rows],
        figures={
            f"ndcg_at_{K}": ranking_metrics.ndcg(hits, count),
            f"recall_at_{K}": ranking_metrics.recall(hits, count),
            f"hit_rate_at_{K}": ranking_metrics.hit_rate(hits),
            f"mrr_at_{K}": ranking_metrics.reciprocal_rank(hits),
        },
        coverage=ranking_metrics.coverage(asked, catalogue),
    )


def recommender_judge(data: "TrainingData", *, at: pd.Timestamp, days: int) -> RecommenderJudge:
    """Return the judge of the window [at, at + days), which must end by `data.as_of`.

    Raises NotEnoughData where no known customer bought a known product in it.
    """
    before, window = purchases_around(data, at=at, days=days)
    window = window[window["customer_id"].isin(before["customer_id"])]
    if window.empty:
        raise NotEnoughData(
            f"no known customer bought a known product in the {days} days from {at}: there is "
            "nothing to measure a recommender by; take another as_of"
        )
    customers = np.array(sorted(set(window["customer_id"])), dtype=object)
    products = data.products(at)
    return RecommenderJudge(
        products=products,
        queries=data.queries(at, customers),
        owned=pairs(before, customers, products.product_ids),
        wanted=pairs(window, customers, products.product_ids),
        catalogue=before["product_id"].nunique(),
    )


def purchases_around(
    data: "TrainingData", *, at: pd.Timestamp, days: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what was bought and known before `at`, and those products' purchases in the window."""
    before = data.purchases(data.start, at)
    before = before[before["recorded_timestamp"] < at]
    window = data.purchases(at, at + pd.Timedelta(days=days))
    return before, window[window["product_id"].isin(before["product_id"])]
