"""A typical answer of `two_stage`, generated from a seed: a catalogue, customers, and the model.

The weights are random, in the sizes of the default configs: the cost of an answer depends on sizes,
hardly on the values of the weights.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import torch
from scipy.sparse import csr_array

from features.model_inputs import CUSTOMER_INPUTS, PRODUCT_INPUTS
from training.data.inputs import FloatArray, IntArray, Products, Queries
from training.data.vocabulary import Vocabulary
from training.recommenders.baselines import (
    OwnPurchases,
    OwnPurchasesConfig,
    Popularity,
    PopularityConfig,
)
from training.recommenders.ease import Ease, EaseConfig
from training.recommenders.ials import IALS, IALSConfig
from training.recommenders.two_stage.candidates import Sources, nominator, ranker_inputs
from training.recommenders.two_stage.model import TwoStage, TwoStageConfig
from training.recommenders.two_stage.network_ranker import NetworkConfig, NetworkRanker, RankerNet
from training.recommenders.two_stage.ranker import Ranker, RankerExamples
from training.recommenders.two_stage.rebuy import REBUY_INPUTS, Rebuy
from training.recommenders.two_stage.tree_ranker import TreeRanker, TreesConfig
from training.recommenders.two_tower.model import TwoTower, TwoTowerConfig

PURCHASES: Final = 100
"""Purchases in a customer's history."""
PER_SOURCE: Final = TwoStageConfig().per_source
"""Products that a source nominates."""
_AT: Final = np.datetime64("2011-01-01", "us")
_ORDER_LINES: Final = 7  # purchases in one order
_FAVOURITES: Final = 40  # products among which a customer buys
_WORDS: Final = 400  # vocabulary of titles
_CATEGORIES: Final = 40
_RECENT_BUYERS: Final = PRODUCT_INPUTS.index("log_buyers_28d")


@dataclass(frozen=True, kw_only=True)
class DrawnAnswer:
    """The inputs of an answer: data and model."""

    products: Products
    queries: Queries
    """Customers, each with PURCHASES."""
    sources: Sources
    """The first stage of two_stage, in the order of its default config."""
    rebuy: Rebuy
    network: RankerNet
    trees: TreeRanker


def drawn_answer(*, products: int, customers: int, seed: int) -> DrawnAnswer:
    """Generate a catalogue of `products`, `customers`, and all parts of the model."""
    rng = np.random.default_rng(seed)
    catalogue = _products(products, rng)
    queries = _queries(customers, catalogue, rng)
    sources = _sources(catalogue, rng, seed=seed)
    rebuy = Rebuy(
        pd.DataFrame(
            rng.uniform(0, 1, (products, len(REBUY_INPUTS))),
            index=pd.Index(catalogue.product_ids, name="product_id"),
            columns=list(REBUY_INPUTS),
        ),
        unknown=[0.2, 0.5, 0.0],
    )
    nominated = nominator(sources, rebuy, catalogue, per_source=PER_SOURCE)(queries)
    inputs = np.ascontiguousarray(nominated.inputs)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = RankerNet(len(ranker_inputs(sources)), NetworkConfig())
    network.standardise.learn(np.sign(inputs) * np.log1p(np.abs(inputs)))
    z = inputs[:, 0] + rng.normal(size=len(inputs)).astype(np.float32) + 3 * nominated.new
    examples = RankerExamples(
        inputs=inputs,
        customers=nominated.pairs.rows,
        bought=z > np.quantile(z, 0.9),
        new=nominated.new,
    )
    return DrawnAnswer(
        products=catalogue,
        queries=queries,
        sources=sources,
        rebuy=rebuy,
        network=network.eval(),
        trees=TreeRanker.fit(examples, config=TreesConfig(), seed=seed),
    )


def two_stage(answer: DrawnAnswer) -> TwoStage:
    """Return the model of `answer`."""
    rankers: list[Ranker] = [NetworkRanker(NetworkConfig(), answer.network), answer.trees]
    return TwoStage(TwoStageConfig(), sources=answer.sources, rebuy=answer.rebuy, rankers=rankers)


def _products(count: int, rng: np.random.Generator) -> Products:
    features = rng.normal(2, 1, (count, len(PRODUCT_INPUTS))).astype(np.float32)
    features[:, _RECENT_BUYERS] = np.log1p(rng.zipf(1.6, count).clip(max=5000))
    words = np.array([f"word{number}" for number in range(_WORDS)])
    return Products(
        product_ids=np.array([f"p{number:06}" for number in range(count)], dtype=object),
        at=_AT,
        features=features,
        titles=[" ".join(rng.choice(words, 5)) for _ in range(count)],
        categories=[f"category{number}" for number in rng.integers(_CATEGORIES, size=count)],
    )


def _queries(count: int, products: Products, rng: np.random.Generator) -> Queries:
    orders = -(-PURCHASES // _ORDER_LINES)
    days = np.sort(rng.exponential(200, (count, orders)), axis=1)
    chances = np.exp(products.features[:, _RECENT_BUYERS])
    history = np.stack([_history(chances / chances.sum(), rng) for _ in range(count)])
    return Queries(
        customer_ids=np.array([f"c{row}" for row in range(count)], dtype=object),
        at=np.full(count, _AT),
        activity=rng.normal(2, 1, (count, len(CUSTOMER_INPUTS))).astype(np.float32),
        history=history,
        history_days=np.repeat(days, _ORDER_LINES, axis=1)[:, :PURCHASES].astype(np.float32),
        history_values=rng.lognormal(2, 1, history.shape).astype(np.float32),
    )


def _history(chances: FloatArray, rng: np.random.Generator) -> IntArray:
    """Return the PURCHASES of a customer, who buys some products repeatedly."""
    favourites = rng.choice(len(chances), _FAVOURITES, replace=False, p=chances.astype(np.float64))
    return rng.choice(favourites, PURCHASES).astype(np.int64)


def _sources(products: Products, rng: np.random.Generator, *, seed: int) -> Sources:
    ids = list(products.product_ids)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        two_tower = TwoTower(
            TwoTowerConfig(),
            product_ids=Vocabulary(ids),
            title_tokens=Vocabulary.of_titles(products.titles, min_count=2),
        )
    neighbours, dim = EaseConfig().neighbours, IALSConfig().embedding_dim
    rows = np.repeat(np.arange(len(ids)), neighbours)
    columns = rng.integers(len(ids), size=len(rows))
    weights = rng.exponential(0.3, len(rows)).astype(np.float32)
    return {
        "two_tower": two_tower,
        "ease": Ease(
            EaseConfig(),
            product_ids=ids,
            weights=csr_array((weights, (rows, columns)), shape=(len(ids), len(ids))),
        ),
        "ials": IALS(
            IALSConfig(),
            product_ids=ids,
            vectors=rng.normal(0, 0.3, (len(ids), dim)).astype(np.float32),
        ),
        "own_purchases": OwnPurchases(OwnPurchasesConfig()),
        "popularity": Popularity(PopularityConfig()),
    }


def drawn_weights(count: int, neighbours: int, rng: np.random.Generator) -> csr_array:
    """Return random weights (C, C) with `neighbours` entries in each row."""
    rows = np.repeat(np.arange(count), neighbours)
    columns = rng.integers(count, size=len(rows))
    weights = rng.exponential(0.3, len(rows)).astype(np.float32)
    return csr_array((weights, (rows, columns)), shape=(count, count))
