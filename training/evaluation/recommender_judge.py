"""Measure a recommender on a window that it did not see: full catalogue, every customer.

The truth is the distinct products that a customer bought in [at, at + days). It covers customers
who bought before `at` and products that a known customer bought before `at`. The list "all" may
contain any product, "new" only products that the customer never bought before `at`. A purchase
counts as before `at` only if it was also recorded before `at`.
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
from training.evaluation.last_window import Measured
from training.evaluation.ranking_metrics import Figures
from training.interfaces import Recommender, Scorer
from training.lists.ranking import rank

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

K: Final = 10
LISTS: Final = ("all", "new")
Lists = dict[str, IntArray]
"""A model's lists by their name, (B, K): indices of products, best first, -1 after the end."""


@dataclass(frozen=True, kw_only=True)
class RecommenderJudge:
    """A window: its customers, their earlier and their new purchases."""

    products: Products
    queries: Queries
    owned: Pairs
    """Bought before the window (row of `queries`, index of `products`)."""
    wanted: Pairs
    """Bought in the window."""
    catalogue: int
    """The number of products that a known customer bought before the window."""

    def measure(self, model: Recommender) -> Measured:
        """Return the metrics, and by customer the NDCG at 10, mean of the lists."""
        return self.measured(self.lists(model.scorer(self.products)))

    def measured(self, lists: Lists) -> Measured:
        """Return the figures of `lists`, as `measure` does for a model."""
        return Measured(metrics=self.means(lists), by_customer=self.ndcg_by_customer(lists))

    def lists(self, scorer: Scorer) -> Lists:
        """Return the lists by the `scorer` of `products` for every customer of the window."""
        excluded = {"all": None, "new": self.owned}
        return rank(scorer, self.queries, K, width=len(self.products), lists=excluded)

    def means(self, lists: Lists) -> dict[str, float]:
        """Return the mean figures: NDCG, recall, hit rate, MRR and coverage at 10, by list.

        Those of "new" carry the prefix `new_`, and are missing where nobody bought a new product;
        `mean_ndcg_at_10` is the mean of the lists. `customers` are those that the figures rest on.
        """
        figures_by_name: dict[str, float] = {}
        customers: dict[str, float] = {}
        ndcg: list[float] = []
        for name in LISTS:
            prefix = "" if name == "all" else f"{name}_"
            sample = self.sample(lists[name], self.truth(name))
            customers[f"{prefix}customers"] = float(len(sample.customer_ids))
            if not len(sample.customer_ids):
                continue
            for figure, values in sample.figures.items():
                figures_by_name[f"{prefix}{figure}"] = float(values.mean())
            figures_by_name[f"{prefix}coverage_at_{K}"] = sample.coverage
            ndcg.append(figures_by_name[f"{prefix}ndcg_at_{K}"])
        figures_by_name[f"mean_ndcg_at_{K}"] = sum(ndcg) / len(ndcg)
        return figures_by_name | customers

    def ndcg_by_customer(self, lists: Lists) -> Figures:
        """Return what each customer who bought something adds to `mean_ndcg_at_10` (N,).

        Their mean is that figure: who bought nothing new counts in the list "all" alone.
        """
        samples = {name: self.sample(lists[name], self.truth(name)) for name in LISTS}
        ids = samples["all"].customer_ids
        counted = {name: s for name, s in samples.items() if len(s.customer_ids)}
        figures = np.zeros(len(ids))
        for sample in counted.values():
            share = len(ids) / len(sample.customer_ids) / len(counted)
            places = np.searchsorted(ids, sample.customer_ids)
            figures[places] += share * sample.figures[f"ndcg_at_{K}"]
        return figures

    def truth(self, name: str) -> Pairs:
        """Return the pairs that the list `name` should contain."""
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

    `wanted` are places in a matrix of B `customer_ids` by `width` products. Customers who want
    nothing are left out.
    """
    count = np.bincount(wanted.rows, minlength=len(lists))
    rows = np.flatnonzero(count)
    shown, count = lists[rows], count[rows]
    truth = wanted.rows * width + wanted.columns
    hits = (shown >= 0) & np.isin(rows[:, None] * width + shown, truth)
    return Sample(
        customer_ids=customer_ids[rows],
        figures={
            f"ndcg_at_{K}": ranking_metrics.ndcg(hits, count),
            f"recall_at_{K}": ranking_metrics.recall(hits, count),
            f"hit_rate_at_{K}": ranking_metrics.hit_rate(hits),
            f"mrr_at_{K}": ranking_metrics.reciprocal_rank(hits),
        },
        coverage=ranking_metrics.coverage(shown, catalogue),
    )


def recommender_judge(data: "TrainingData", *, at: pd.Timestamp, days: int) -> RecommenderJudge:
    """Return the judge of the window [at, at + days), which must end by `data.as_of`.

    Raises NotEnoughData if no known customer bought a known product in it.
    """
    before, window = purchases_around(data, at=at, days=days)
    window = window[window["customer_id"].isin(before["customer_id"])]
    if window.empty:
        raise NotEnoughData(
            f"a recommender is measured on customers who bought before the last {days} days, and "
            f"in them a product that was sold before; {_missing(data, before, at=at, days=days)}; "
            f"{data.extent}"
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


def _missing(data: "TrainingData", before: pd.DataFrame, *, at: pd.Timestamp, days: int) -> str:
    """Return why the window has no customer with both; `before` are the purchases before it."""
    bought = data.purchases(at, at + pd.Timedelta(days=days))
    if before.empty:
        return "no known customer bought before"
    if bought.empty:
        return "no known customer bought in them"
    if not bought["customer_id"].isin(before["customer_id"]).any():
        return f"each of the {bought['customer_id'].nunique()} customers is new"
    return (
        f"none of the {bought['product_id'].nunique()} products was sold before to them or others"
    )


def purchases_around(
    data: "TrainingData", *, at: pd.Timestamp, days: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the purchases known before `at`, and those of the same products in the window."""
    before = data.purchases(data.start, at)
    before = before[before["recorded_timestamp"] < at]
    window = data.purchases(at, at + pd.Timedelta(days=days))
    return before, window[window["product_id"].isin(before["product_id"])]
