"""How well a recommender recovers a simulated shop's truth: preferences, tastes, demand, season.

The truth (`features.simulator.truth`) is used to judge only: models are trained on what the shop
knew before a cut. Only products that the customer had not bought are judged, so that memorising
purchases does not help.
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
"""Only customers with an order in this many days before the cut are judged."""
CUSTOMERS: Final = 2000
"""At most this many of them are judged, drawn at random."""
HALF_YEAR: Final = pd.Timedelta(days=182)
FIGURES: Final = {
    "preferences": "preferences",
    "tastes": "tastes alone",
    "popularity": "popularity",
    "season": "season",
}


@dataclass(frozen=True, kw_only=True)
class TruthCorrelations:
    """Correlations of a model's scores with the truth: 1 for a perfect model, 0 for a guess.

    The common part of scores is each product's mean over customers.
    """

    customers: int
    preferences: Estimate
    """Rank correlation of a customer's scores with the true log weights: mean over customers."""
    tastes: Estimate
    """The same without the common part of both: 0 for a model with one ranking for everyone."""
    popularity: Estimate
    """Rank correlation of the common part with the true demand, over products."""
    season: Estimate
    """Of the half year's change of the common part with that of the season's part of demand, over
    categories; the other causes of demand (fashion, novelty, prices) are held fixed."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The truth about B customers and C products at a cut."""

    products: Products
    utilities: Floats  # (B, C) log weights, NaN where bought before, or not on sale yet
    demand: Floats  # (C,)
    season: Floats  # (C,) the season's part of `demand`


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A cut: the data before it, the customers at it, and the truth to judge by."""

    data: TrainingData
    queries: Queries
    truth: Truth

    def scores(self, model: Recommender) -> Floats:
        """Return the scores that `model` gives the products for the customers (B, C)."""
        scorer = model.scorer(self.truth.products)
        starts = range(0, len(self.queries), BATCH)
        batches = [scorer(self.queries[start : start + BATCH]) for start in starts]
        return np.concatenate(batches, dtype=np.float64)


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

    Nothing is registered. Raises WorkspaceError if the shop is not simulated, UnknownModel for a
    name that is no recommender, NotEnoughData if too little was known half a year before.
    """
    for name in models:
        spec(name, registered="recommender")
    world = World.open(ws)
    snapshots.build(ws, as_of=as_of, progress=progress.on_build)
    register(ws)
    client = OfflineFeatures(ws)
    correlations = {}
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
            correlations[name] = recovered(scores, [moment.truth for moment in both], seed=seed)
            progress.on_model(place, len(models))
    return correlations


def moments(world: World, data: TrainingData, *, seed: int) -> tuple[Moment, Moment]:
    """Return the last snapshot half a year before `data.as_of`, and `data.as_of`.

    `seed` draws the customers. Raises NotEnoughData if there is no such snapshot.
    """
    earlier = [time for time in data.times if time <= data.as_of - HALF_YEAR]
    if not earlier:
        raise NotEnoughData(
            f"as_of = {data.as_of}: no snapshot is {HALF_YEAR.days} days older, which the "
            "season needs; take a later as_of"
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
    """Judge a model's `scores` (B, C) at each of two cuts by the truth at the later one.

    The earlier cut shows what changed. `seed` draws the intervals.
    """
    counted = [
        np.where(np.isnan(truth.utilities), np.nan, at_cut)
        for at_cut, truth in zip(scores, truths, strict=True)
    ]
    frames = [_frame(*part) for part in zip(counted, truths, strict=True)]
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
    """Return the changes between two frames of products, as means by category K: (3, K).

    The rows are the learned part, the season, and the rest of demand. Scores have a scale of their
    own at each time, so the learned parts are standardised over the products on sale at both.
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
    """Return the common part of `scores` and the truth, of products that may still be bought."""
    columns = {
        "learned": common(scores),
        "demand": truth.demand,
        "season": truth.season,
        "category": truth.products.categories,
    }
    return pd.DataFrame(columns, index=pd.Index(truth.products.product_ids)).dropna()


def grid(correlations: Mapping[str, TruthCorrelations], *, as_of: pd.Timestamp) -> TextTable:
    """Return the figures with their intervals: a row per figure, a column per model."""
    customers = next(iter(correlations.values())).customers
    return TextTable(
        title=f"Correlation with the truth at {as_of.date()}, {customers} customers, 95% interval",
        columns=("of", *correlations),
        rows=tuple(
            (label, *(_text(getattr(figures, name)) for figures in correlations.values()))
            for name, label in FIGURES.items()
        ),
    )


def _text(figure: Estimate) -> str:
    return f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]"
