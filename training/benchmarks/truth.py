"""What a recommender has found of a simulated shop's truth: preferences, tastes, demand, season.

The truth (`features.simulator.truth`) only judges: models learn from what the shop knew before a
cut. Judged are products that the customer had not bought, where remembering helps nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import pandas as pd

from configs.loader import Config
from features import snapshots
from features.feast_store import register
from features.offline import OfflineFeatures
from features.simulator import World
from features.simulator.truth import demand, season, utilities
from features.workspace import Workspace
from training.benchmarks.correlations import (
    Floats,
    common,
    estimate,
    means,
    partial_correlations,
    personal,
    rank_correlations,
)
from training.data.inputs import Products, Queries
from training.data.pairs import pairs
from training.data.training_data import TrainingData
from training.errors import NotEnoughData
from training.evaluation.intervals import Estimate
from training.interfaces import Recommender
from training.lists.ranking import BATCH
from training.models import recommender_class, spec
from training.reports.text_table import TextTable
from training.run import SILENT, Device, Progress, Run

ACTIVE_DAYS: Final = 90
"""Judged are customers with an order in so many days before the cut."""
CUSTOMERS: Final = 2000
"""So many of them, at most, drawn."""
HALF_YEAR: Final = pd.Timedelta(days=182)
FIGURES: Final = {
    "preferences": "preferences",
    "tastes": "tastes alone",
    "popularity": "popularity",
    "season": "season",
}


@dataclass(frozen=True, kw_only=True)
class TruthCorrelations:
    """Correlations of a model's scores with the truth: 1 for who knew it, 0 for a guess.

    The common part of scores is each product's mean over customers.
    """

    customers: int
    preferences: Estimate
    """Of a customer's scores with the true log weights, by rank: the mean over customers."""
    tastes: Estimate
    """The same of what the common part leaves of both: 0 for who tells everyone the same."""
    popularity: Estimate
    """Of the common part with the true demand, by rank, over products."""
    season: Estimate
    """Of the half year's change of the common part with that of the season's part of demand, over
    categories; what else changed demand (fashion, novelty, prices) is held fixed."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is true of B customers and C products at a cut."""

    products: Products
    utilities: Floats  # (B, C) log weights, NaN where bought before, or not on sale yet
    demand: Floats  # (C,)
    season: Floats  # (C,) the season's part of `demand`


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A cut: what may be learned before it, who is asked there, and the truth to judge by."""

    data: TrainingData
    queries: Queries
    truth: Truth

    def scores(self, model: Recommender) -> Floats:
        """Return how `model` scores the products for the customers (B, C)."""
        scorer = model.scorer(self.truth.products)
        starts = range(0, len(self.queries), BATCH)
        found = [scorer(self.queries[start : start + BATCH]) for start in starts]
        return np.concatenate(found, dtype=np.float64)


def known_answers(
    ws: Workspace,
    models: Mapping[str, Config],
    *,
    as_of: pd.Timestamp,
    seed: int = 0,
    device: Device = "auto",
    progress: Progress = SILENT,
) -> dict[str, TruthCorrelations]:
    """Fit `models` before `as_of` (UTC) and half a year before it; judge them by the truth there.

    Nothing is registered. Raises WorkspaceError where the shop is not a simulated one, UnknownModel
    for what is no recommender, NotEnoughData where too little was known half a year before.
    """
    for name in models:
        spec(name, registered="recommender")
    world = World.open(ws)
    snapshots.build(ws, as_of=as_of, progress=progress.on_build)
    register(ws)
    client = OfflineFeatures(ws)
    found = {}
    with ws.lock("training"):
        both = moments(world, TrainingData(ws, client, as_of=as_of), seed=seed)
        for place, (name, config) in enumerate(models.items(), start=1):
            scores = []
            for moment in both:
                run = Run(
                    on_epoch=partial(progress.on_epoch, f"{name} {moment.data.as_of.date()}"),
                    on_part=progress.on_epoch,
                    parts=ws.parts,
                    device=device,
                )
                model = recommender_class(name).fit(moment.data, config=config, seed=seed, run=run)
                scores.append(moment.scores(model))
            found[name] = recovered(scores, [moment.truth for moment in both], seed=seed)
            progress.on_model(place, len(models))
    return found


def moments(world: World, data: TrainingData, *, seed: int) -> tuple[Moment, Moment]:
    """Return the last snapshot half a year before `data.as_of`, and `data.as_of`.

    `seed` draws the customers. Raises NotEnoughData where there is no such snapshot.
    """
    earlier = [time for time in data.times if time <= data.as_of - HALF_YEAR]
    if not earlier:
        raise NotEnoughData(
            f"as_of = {data.as_of}: no snapshot is {HALF_YEAR.days} days older, to tell the "
            "season by; take a later as_of"
        )
    return _moment(world, data.before(earlier[-1]), seed=seed), _moment(world, data, seed=seed)


def _moment(world: World, data: TrainingData, *, seed: int) -> Moment:
    at = data.as_of
    customers = data.customers(at, days=ACTIVE_DAYS)
    if len(customers) < 2:
        raise NotEnoughData(
            f"as_of = {at}: fewer than 2 customers ordered in the {ACTIVE_DAYS} days before it"
        )
    if len(customers) > CUSTOMERS:
        rng = np.random.default_rng(seed)
        customers = np.sort(rng.choice(customers, CUSTOMERS, replace=False))
    products = data.products(at)
    places = pd.Index(world.products.product_ids).get_indexer(pd.Index(products.product_ids))
    bought = pairs(data.purchases(data.start, at), customers, products.product_ids)
    wanted = utilities(world, customers, at)[:, places]
    wanted[bought.rows, bought.columns] = np.nan
    wanted[np.isinf(wanted)] = np.nan
    return Moment(
        data=data,
        queries=data.queries(at, customers),
        truth=Truth(
            products=products,
            utilities=wanted,
            demand=demand(world, at)[places],
            season=season(world, at)[places],
        ),
    )


def recovered(scores: Sequence[Floats], truths: Sequence[Truth], *, seed: int) -> TruthCorrelations:
    """Judge the `scores` (B, C) that a model gave at each of two cuts, by the truth at the later.

    The earlier one tells what changed. `seed` draws the intervals.
    """
    counted = [
        np.where(np.isnan(truth.utilities), np.nan, one)
        for one, truth in zip(scores, truths, strict=True)
    ]
    frames = [_frame(*one) for one in zip(counted, truths, strict=True)]
    given, wanted = counted[-1], truths[-1].utilities
    tastes = rank_correlations(personal(given), personal(wanted))
    columns = (frames[-1][name].to_numpy() for name in ("learned", "demand"))
    return TruthCorrelations(
        customers=len(given),
        preferences=estimate(means, rank_correlations(given, wanted), seed=seed),
        tastes=estimate(means, tastes, seed=seed),
        popularity=estimate(rank_correlations, *columns, seed=seed),
        season=estimate(partial_correlations, *changes(*frames), seed=seed),
    )


def changes(past: pd.DataFrame, present: pd.DataFrame) -> Floats:
    """Return what changed between two frames of products, as means by category K: (3, K).

    The learned part, the season, and the rest of demand. Scores have a scale of their own at each
    time: the learned parts are standardised over the products that were on sale at both.
    """
    both = past.index.intersection(present.index)
    before, after = (_standard(frame.loc[both]) for frame in (past, present))
    names = ["learned", "season", "demand"]
    moved = after[names] - before[names]
    moved["rest"] = moved.pop("demand") - moved["season"]
    return moved.groupby(after["category"]).mean().to_numpy().T


def _standard(frame: pd.DataFrame) -> pd.DataFrame:
    learned = frame["learned"]
    return frame.assign(learned=(learned - learned.mean()) / learned.std())


def _frame(scores: Floats, truth: Truth) -> pd.DataFrame:
    """Return the products that anyone could still buy: the common part of `scores`, the truth."""
    columns = {
        "learned": common(scores),
        "demand": truth.demand,
        "season": truth.season,
        "category": truth.products.categories,
    }
    return pd.DataFrame(columns, index=pd.Index(truth.products.product_ids)).dropna()


def grid(found: Mapping[str, TruthCorrelations], *, as_of: pd.Timestamp) -> TextTable:
    """Return the figures with their intervals: a row a figure, a column a model."""
    customers = next(iter(found.values())).customers
    return TextTable(
        title=f"Correlation with the truth at {as_of.date()}, {customers} customers, 95% interval",
        columns=("of", *found),
        rows=tuple(
            (label, *(_text(getattr(one, name)) for one in found.values()))
            for name, label in FIGURES.items()
        ),
    )


def _text(found: Estimate) -> str:
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
