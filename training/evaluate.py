"""How good a recommender is on a window that it did not see: full catalogue, every customer.

Truth: the distinct products that a customer bought in [at, at + days). Measured are customers who
bought before `at`, on products that some known customer bought before `at`. The list "all" may
name anything; "new" only what the customer never bought before `at`. A purchase before `at` is one
that was recorded before `at` too: nobody knew of the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from configs.loader import Config
from training import metrics
from training.inputs import IntArray, NotEnoughData, Products, Queries
from training.metrics import Figures
from training.ranking import Pairs, pairs, rank
from training.recommender import Recommender

if TYPE_CHECKING:
    from training.data import TrainingData
    from training.run import Run

K: Final = 10
LISTS: Final = ("all", "new")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """By how much the NDCG@10 of a model exceeds a baseline's, over the same customers."""

    difference: float
    low: float
    high: float
    """The 95% paired bootstrap interval."""


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
        found: dict[str, float] = {}
        for name in LISTS:
            prefix = "" if name == "all" else f"{name}_"
            lists, hits, wanted = self._hits(model, name)
            figures = {
                "ndcg": metrics.ndcg(hits, wanted),
                "recall": metrics.recall(hits, wanted),
                "hit_rate": metrics.hit_rate(hits),
                "mrr": metrics.reciprocal_rank(hits),
            }
            for figure, values in figures.items():
                found[f"{prefix}{figure}_at_{K}"] = float(values.mean()) if len(values) else 0.0
            found[f"{prefix}coverage_at_{K}"] = metrics.coverage(lists, self.catalogue)
        found[f"mean_ndcg_at_{K}"] = (found[f"ndcg_at_{K}"] + found[f"new_ndcg_at_{K}"]) / 2
        return found

    def ndcg(self, model: Recommender) -> dict[str, Figures]:
        """Return NDCG@10 by customer, for each list."""
        return {name: metrics.ndcg(*self._hits(model, name)[1:]) for name in LISTS}

    def compare(
        self, model: Recommender, baselines: Mapping[str, Recommender], *, rng: np.random.Generator
    ) -> dict[str, dict[str, Comparison]]:
        """Return for each baseline and list by how much `model` exceeds it."""
        own = self.ndcg(model)
        found: dict[str, dict[str, Comparison]] = {}
        for name, baseline in baselines.items():
            others = self.ndcg(baseline)
            found[name] = {kind: _compare(own[kind] - others[kind], rng) for kind in LISTS}
        return found

    def _hits(self, model: Recommender, name: str) -> tuple[IntArray, metrics.Hits, IntArray]:
        """Return the lists, their hits and the number of wanted products, by scored customer."""
        width = len(self.products)
        new = name == "new"
        wanted = self.wanted.without(self.owned, width) if new else self.wanted
        lists = rank(
            model.scorer(self.products),
            self.queries,
            K,
            width=width,
            exclude=self.owned if new else None,
        )
        truth = wanted.mask(0, len(self.queries), width)
        hits = (lists >= 0) & np.take_along_axis(truth, np.maximum(lists, 0), axis=1)
        count = truth.sum(axis=1)
        scored = count > 0
        return lists[scored], hits[scored], count[scored]


def recommender_judge(data: "TrainingData", *, at: pd.Timestamp, days: int) -> RecommenderJudge:
    """Return the judge of the window [at, at + days), which must end by `data.as_of`.

    Raises NotEnoughData where no known customer bought a known product in it.
    """
    before = data.purchases(data.start, at)
    before = before[before["recorded_timestamp"] < at]
    window = data.purchases(at, at + pd.Timedelta(days=days))
    window = window[
        window["customer_id"].isin(before["customer_id"])
        & window["product_id"].isin(before["product_id"])
    ]
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


def compare_with_baselines(
    name: str,
    past: "TrainingData",
    judge: RecommenderJudge,
    *,
    config: Config,
    seed: int,
    run: "Run",
) -> dict[str, dict[str, Comparison]]:
    """Fit recommender `name` on `past`; return by how much it exceeds each baseline, by list."""
    from training.models import config_class, model_class, spec
    from training.run import Run

    baselines = {
        other: model_class(other).fit(
            past, config=config_class(other)(), seed=seed, run=Run(device="cpu")
        )
        for other in spec(name).baselines
        if other != name
    }
    fitted = model_class(name).fit(past, config=config, seed=seed, run=run)
    return judge.compare(fitted, baselines, rng=np.random.default_rng(seed))


def _compare(difference: Figures, rng: np.random.Generator) -> Comparison:
    low, high = metrics.paired_interval(difference, rng=rng)
    mean = float(difference.mean()) if len(difference) else float("nan")
    return Comparison(difference=mean, low=low, high=high)
