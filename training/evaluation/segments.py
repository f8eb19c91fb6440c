"""The segments of customers and products that figures of a window are split by.

Customers are split by the number of their orders known before the window. Customers without orders
are measured separately, from a row without features: the main figures are of customers who had
bought. Their two lists are one, since they own nothing.

Products are split by their age, from their first sale to the window's start. The lists stay the
same; only products of that age count, for the customers who bought at least one of them.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.data.content import content_vectors
from training.data.inputs import FloatArray, IntArray, Queries
from training.data.pairs import Pairs, pairs
from training.evaluation import ranking_metrics
from training.evaluation.intervals import Sample
from training.evaluation.ranking_metrics import Figures, Vectors
from training.evaluation.recommender_judge import (
    LISTS,
    K,
    Lists,
    RecommenderJudge,
    measure,
    purchases_around,
    recommender_judge,
)
from training.interfaces import Recommender
from training.lists.ranking import rank

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

EVERYONE: Final = "everyone"
NEWCOMERS: Final = "orders_0"
ORDERS: Final[dict[str, tuple[float, float]]] = {
    "orders_1": (1, 1),
    "orders_2_5": (2, 5),
    "orders_6_up": (6, inf),
}
"""Orders before the window, both ends included."""
AGES: Final[dict[str, tuple[float, float]]] = {
    "age_14d": (-inf, 14),
    "age_90d": (14, 90),
    "age_older": (90, inf),
}
"""Days from a product's first sale to the window: above the first number, at most the second."""
LABELS: Final = {
    EVERYONE: "all customers",
    NEWCOMERS: "0 orders",
    "orders_1": "1 order",
    "orders_2_5": "2-5 orders",
    "orders_6_up": "6+ orders",
    "age_14d": "products to 14 days",
    "age_90d": "products 15-90 days",
    "age_older": "older products",
}
BUYER_DAYS: Final = 90


class SegmentList(NamedTuple):
    """One list in one segment."""

    segment: str
    list: str


@dataclass(frozen=True, kw_only=True)
class Window:
    """A judge's window with the data that its segments need."""

    judge: RecommenderJudge
    orders: IntArray  # (B,) of the judge's customers, before the window
    newcomers: Queries  # N
    bought: Pairs  # by the newcomers in the window
    age_days: FloatArray  # (C,) since the first sale
    shares: Figures  # (C,) share of the last 90 days' customers who bought it
    vectors: Vectors  # (C, D) the content of the products

    def lists(self, model: Recommender) -> Lists:
        """Return the lists of `model`; the newcomers' are under their segment's name."""
        products = self.judge.products
        scorer = model.scorer(products)
        of_newcomers = rank(scorer, self.newcomers, K, width=len(products), lists={NEWCOMERS: None})
        return {**self.judge.lists(scorer), **of_newcomers}

    def samples(self, lists: Lists) -> dict[SegmentList, Sample]:
        """Return the figures of `lists` by customer, for each part of the window."""
        by_segment = {}
        for name in LISTS:
            wanted = self.judge.truth(name)
            everyone = self._beyond(self.judge.sample(lists[name], wanted), lists[name], wanted)
            by_segment[SegmentList(EVERYONE, name)] = everyone
            for segment, (low, high) in ORDERS.items():
                chosen = (low <= self.orders) & (self.orders <= high)
                part_truth = _rows_where(wanted, chosen[wanted.rows])
                sample = self.judge.sample(lists[name], part_truth)
                by_segment[SegmentList(segment, name)] = self._beyond(
                    sample, lists[name], part_truth
                )
            for segment, (low, high) in AGES.items():
                chosen = (low < self.age_days) & (self.age_days <= high)
                sample = self.judge.sample(lists[name], _rows_where(wanted, chosen[wanted.columns]))
                by_segment[SegmentList(segment, name)] = _only(
                    sample, f"ndcg_at_{K}", f"recall_at_{K}"
                )
        by_segment[SegmentList(NEWCOMERS, "all")] = self._newcomers(lists[NEWCOMERS])
        return by_segment

    def _newcomers(self, lists: IntArray) -> Sample:
        sample = measure(
            lists,
            self.bought,
            customer_ids=self.newcomers.customer_ids,
            width=len(self.judge.products),
            catalogue=self.judge.catalogue,
        )
        return self._beyond(sample, lists, self.bought)

    def _beyond(self, sample: Sample, lists: IntArray, wanted: Pairs) -> Sample:
        """Add the figures that need no truth: novelty and diversity."""
        shown = lists[np.unique(wanted.rows)]
        beyond = {
            f"novelty_at_{K}": ranking_metrics.novelty(shown, self.shares),
            f"diversity_at_{K}": ranking_metrics.diversity(shown, self.vectors),
        }
        return replace(sample, figures={**sample.figures, **beyond})


def window_of(data: "TrainingData", *, at: pd.Timestamp, days: int) -> Window:
    """Return the window [at, at + days), which must end by `data.as_of`, with its segments.

    Raises NotEnoughData as `recommender_judge` does.
    """
    judge = recommender_judge(data, at=at, days=days)
    before, after = purchases_around(data, at=at, days=days)
    orders = data.orders(data.start, at)
    counts = orders.loc[orders["recorded_timestamp"] < at, "customer_id"].value_counts()
    unknown = after[~after["customer_id"].isin(counts.index)]
    newcomers = np.array(sorted(set(unknown["customer_id"])), dtype=object)
    ids = judge.products.product_ids
    recent = before[before["event_timestamp"] >= at - pd.Timedelta(days=BUYER_DAYS)]
    return Window(
        judge=judge,
        orders=counts.reindex(judge.queries.customer_ids, fill_value=0).to_numpy().astype(np.int64),
        newcomers=data.queries(at, newcomers) if len(newcomers) else judge.queries[:0],
        bought=pairs(unknown, newcomers, ids),
        age_days=np.expm1(judge.products.input("log_age_days")),
        shares=buyer_shares(recent, ids),
        vectors=content_vectors(judge.products),
    )


def buyer_shares(purchases: pd.DataFrame, product_ids: npt.NDArray[np.object_]) -> Figures:
    """Return the share of the customers in `purchases` who bought each product, (C,).

    A product that none of them bought counts as bought by one.

    >>> rows = pd.DataFrame({"customer_id": ["a", "a", "b"], "product_id": ["p", "p", "p"]})
    >>> buyer_shares(rows, np.array(["p", "q"], dtype=object))
    array([1. , 0.5])
    """
    distinct = purchases[["customer_id", "product_id"]].drop_duplicates()
    buyers = distinct["product_id"].value_counts().reindex(product_ids, fill_value=0)
    customers = max(distinct["customer_id"].nunique(), 1)
    return np.maximum(buyers.to_numpy(np.float64), 1) / customers


def _rows_where(given: Pairs, mask: npt.NDArray[np.bool_]) -> Pairs:
    return Pairs(rows=given.rows[mask], columns=given.columns[mask])


def _only(sample: Sample, *figures: str) -> Sample:
    return replace(sample, figures={name: sample.figures[name] for name in figures})
