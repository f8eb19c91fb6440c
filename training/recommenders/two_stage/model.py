"""The whole recommender: sources nominate candidates, rankers order them.

The rankers learn from earlier windows by rolling origin: for each window, the sources are fitted
again on earlier data only, so that no source has seen the purchases that the rankers predict.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Self

import numpy as np
import pandas as pd
import pydantic

from configs.json_files import read_json, write_json
from configs.loader import Config
from training.data.inputs import FloatArray, Products, Queries
from training.data.pairs import pairs
from training.data.windows import WINDOW
from training.errors import BundleError, NotEnoughData
from training.interfaces import OnDevice, Recommender, Related, Relates, Scorer
from training.kernels.nomination import put_above
from training.lists.ranking import BATCH
from training.recommenders.two_stage.candidates import Nominated, Sources, nominator, ranker_inputs
from training.recommenders.two_stage.network_ranker import NetworkConfig, NetworkRanker
from training.recommenders.two_stage.ranker import Ranker, RankerExamples
from training.recommenders.two_stage.rebuy import Rebuy
from training.recommenders.two_stage.sources import Source, fit_sources, load_source
from training.recommenders.two_stage.tree_ranker import TreeRanker, TreesConfig
from training.recommenders.two_tower.model import TwoTowerConfig
from training.run import Run

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

SETTINGS: Final = "two_stage.json"
RANKERS: Final[dict[str, type[Ranker]]] = {"network": NetworkRanker, "trees": TreeRanker}


class TwoStageConfig(Config):
    """How candidates are nominated and ordered."""

    sources: tuple[Source, ...] = pydantic.Field(
        ("two_tower", "ease", "ials", "own_purchases", "popularity"),
        description="the models that nominate; the first, two_tower, orders all other products",
    )
    two_tower: TwoTowerConfig = TwoTowerConfig(epochs=4)
    per_source: int = pydantic.Field(60, ge=1, description="products that a source nominates")
    windows: int = pydantic.Field(4, ge=1, description="earlier windows of 28 days to learn from")
    customers: int = pydantic.Field(
        2000, ge=1, description="customers of a window to learn from, at most"
    )
    rankers: tuple[Literal["network", "trees"], ...] = pydantic.Field(
        ("network", "trees"), min_length=1, description="the rankers; their scores are added"
    )
    network: NetworkConfig = NetworkConfig()
    trees: TreesConfig = TreesConfig()

    @pydantic.field_validator("sources")
    @classmethod
    def _two_tower_first(cls, sources: tuple[Source, ...]) -> tuple[Source, ...]:
        if sources[:1] != ("two_tower",) or len(set(sources)) < len(sources):
            raise ValueError("the first source is two_tower, and no source comes twice")
        return sources


class TwoStage:
    """Ranks the candidates of its sources by rankers that learned from earlier windows."""

    name: ClassVar[str] = "two_stage"

    def __init__(
        self, config: TwoStageConfig, *, sources: Sources, rebuy: Rebuy, rankers: Sequence[Ranker]
    ) -> None:
        self.config = config
        self._sources = sources
        self._rebuy = rebuy
        self._rankers = rankers

    @classmethod
    def fit(cls, data: "TrainingData", *, config: TwoStageConfig, seed: int, run: "Run") -> Self:
        """Fit sources before each earlier window, the rankers on these windows, sources on all.

        Raises NotEnoughData if no customer bought a candidate in any window.
        """
        parts: list[RankerExamples] = []
        for at in _origins(data, count=config.windows):
            past = data.before(at)
            try:
                sources = fit_sources(
                    past, names=config.sources, two_tower=config.two_tower, seed=seed, run=run
                )
            except NotEnoughData:  # earlier windows have even less data
                break
            parts += _examples(past, data, sources, config=config, seed=seed)
        if not any(part.bought.any() for part in parts):
            raise NotEnoughData(
                "the rankers have nothing to learn from, a candidate must be bought in a window "
                f"of {WINDOW.days} days, and its sources need purchases before it: {data.extent}"
            )
        rankers = _fit_rankers(RankerExamples.joined(parts), config=config, seed=seed, run=run)
        sources = fit_sources(
            data, names=config.sources, two_tower=config.two_tower, seed=seed, run=run
        )
        return cls(config, sources=sources, rebuy=Rebuy.fit(data), rankers=rankers)

    def scorer(self, products: Products) -> Scorer:
        """Bind the sources to `products`; return the function of the queries.

        Candidates get the rankers' scores, above all other products, which keep the order of the
        first source.
        """
        nominate = self.nominator(products)

        def score(queries: Queries) -> FloatArray:
            nominated = nominate(queries)
            scores, pairs = nominated.scores, nominated.pairs
            best = scores.max(axis=1, initial=-np.inf)
            put_above(scores, (best, pairs.rows, pairs.columns), self.rank(nominated.inputs))
            return scores

        return score

    def nominator(self, products: Products) -> Callable[[Queries], Nominated]:
        """Bind the first stage to `products`; return the function that nominates candidates."""
        return nominator(self._sources, self._rebuy, products, per_source=self.config.per_source)

    def rank(self, inputs: FloatArray) -> FloatArray:
        """Return the second stage's scores (N,) of candidates' `inputs` (N, F)."""
        total, *others = (ranker.score(inputs) for ranker in self._rankers)
        for other_scores in others:
            total = total + other_scores
        return total

    def related(self, products: Products) -> Related:
        """Return the weights between `products` of the first source that has any; else zeros."""
        for model in self._sources.values():
            if isinstance(model, Relates):
                return model.related(products)
        return lambda bought, others: np.zeros((len(bought), len(others)), dtype=np.float32)

    def to(self, device: str) -> None:
        """Let torch compute the two-tower and the network ranker on `device`."""
        for part in (*self._sources.values(), *self._rankers):
            if isinstance(part, OnDevice):
                part.to(device)

    def save(self, folder: Path) -> None:
        """Write each source to a subfolder of its name; rankers, rates and settings to `folder`."""
        for name, model in self._sources.items():
            (folder / name).mkdir()
            model.save(folder / name)
        self._rebuy.save(folder)
        for ranker in self._rankers:
            ranker.save(folder)
        settings = {
            "config": self.config.model_dump(mode="json"),
            "ranker_inputs": ranker_inputs(self._sources),
        }
        write_json(folder / SETTINGS, settings)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. BundleError if it was trained on other inputs than today's."""
        settings = read_json(folder / SETTINGS)
        config = TwoStageConfig(**settings["config"])
        sources: dict[str, Recommender] = {
            name: load_source(name, folder / name) for name in config.sources
        }
        if settings["ranker_inputs"] != ranker_inputs(sources):
            raise BundleError(f"{folder}: this model reads other inputs than today's; fit it again")
        return cls(
            config,
            sources=sources,
            rebuy=Rebuy.load(folder),
            rankers=[RANKERS[name].load(folder) for name in config.rankers],
        )


def _origins(data: "TrainingData", *, count: int) -> list[pd.Timestamp]:
    """Return the starts of the last `count` windows with purchases by `data.as_of`, newest first.

    They are snapshot times at least 28 days apart.
    """
    origins: list[pd.Timestamp] = []
    end = data.as_of
    for at in reversed(data.times[1:]):
        if len(origins) == count:
            break
        if at + WINDOW <= end and len(data.purchases(at, at + WINDOW)):
            origins.append(at)
            end = at
    if not origins:
        raise NotEnoughData(
            f"the rankers have nothing to learn from, purchases in a window of {WINDOW.days} days "
            f"after a Monday with earlier purchases are needed: {data.extent}"
        )
    return origins


def _examples(
    past: "TrainingData",
    data: "TrainingData",
    sources: Sources,
    *,
    config: TwoStageConfig,
    seed: int,
) -> list[RankerExamples]:
    """Return the candidates of customers who bought in the window from `past.as_of`.

    In parts of BATCH customers; at most `config.customers` of them, sampled by `seed`.
    """
    at = past.as_of
    window = data.purchases(at, at + WINDOW)
    customers = np.array(sorted(set(window["customer_id"])), dtype=object)
    if len(customers) > config.customers:
        sampled = np.random.default_rng(seed).permutation(len(customers))[: config.customers]
        customers = customers[np.sort(sampled)]
    products = past.products(at)
    nominate = nominator(sources, Rebuy.fit(past), products, per_source=config.per_source)
    queries = past.queries(at, customers)
    bought = pairs(window, customers, products.product_ids)
    parts = []
    for start in range(0, len(queries), BATCH):
        batch = queries[start : start + BATCH]
        nominated = nominate(batch)
        mask = bought.mask(start, start + len(batch), len(products))
        parts.append(
            RankerExamples(
                inputs=np.ascontiguousarray(nominated.inputs),
                customers=nominated.pairs.rows,
                bought=mask[nominated.pairs.rows, nominated.pairs.columns],
                new=nominated.new,
            )
        )
    return parts


def _fit_rankers(
    examples: RankerExamples, *, config: TwoStageConfig, seed: int, run: Run
) -> list[Ranker]:
    def on_epoch(epoch: int, metrics: dict[str, float]) -> None:
        run.on_part("ranker", epoch, metrics)

    ranker_run = Run(on_epoch=on_epoch, device=run.device)
    fits: dict[str, Callable[[], Ranker]] = {
        "network": lambda: NetworkRanker.fit(
            examples, config=config.network, seed=seed, run=ranker_run
        ),
        "trees": lambda: TreeRanker.fit(examples, config=config.trees, seed=seed),
    }
    return [fits[name]() for name in config.rankers]
