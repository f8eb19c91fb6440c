"""Catalogues and queries written by hand."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from features.model_inputs import CUSTOMER_INPUTS, PRODUCT_INPUTS
from training.data.inputs import FloatArray, Products, Queries
from training.recommenders.two_stage.model import TwoStageConfig
from training.recommenders.two_stage.network_ranker import NetworkConfig
from training.recommenders.two_stage.tree_ranker import TreesConfig
from training.recommenders.two_tower.model import TwoTowerConfig

AT = np.datetime64("2011-01-01", "us")


def floats(rows: Sequence[Sequence[float]]) -> FloatArray:
    """Return a matrix of 32-bit numbers."""
    return np.array(rows, dtype=np.float32)


def products(count: int, **inputs: Sequence[float]) -> Products:
    """Return p0, p1, ... whose `inputs` (columns of PRODUCT_INPUTS) are given; all others are 0."""
    features = np.zeros((count, len(PRODUCT_INPUTS)), dtype=np.float32)
    for name, values in inputs.items():
        features[:, PRODUCT_INPUTS.index(name)] = values
    return Products(
        product_ids=np.array([f"p{place}" for place in range(count)], dtype=object),
        at=AT,
        features=features,
        titles=[""] * count,
        categories=[""] * count,
    )


def queries(*histories: Sequence[tuple[int, float]]) -> Queries:
    """Return customers with histories of (index of a product, days ago), newest first.

    Each purchase has the value 1.
    """
    length = max(1, *(len(history) for history in histories))
    history = np.full((len(histories), length), -1, dtype=np.int64)
    days = np.zeros((len(histories), length), dtype=np.float32)
    for row, bought in enumerate(histories):
        for slot, (place, ago) in enumerate(bought):
            history[row, slot], days[row, slot] = place, ago
    return Queries(
        customer_ids=np.array([f"c{row}" for row in range(len(histories))], dtype=object),
        at=np.full(len(histories), AT),
        activity=np.zeros((len(histories), len(CUSTOMER_INPUTS)), dtype=np.float32),
        history=history,
        history_days=days,
        history_values=(history >= 0).astype(np.float32),
    )


TWO_STAGE = TwoStageConfig(
    two_tower=TwoTowerConfig(
        epochs=2, embedding_dim=8, hidden=16, batch_size=64, learning_rate=0.02
    ),
    windows=2,
    per_source=10,
    network=NetworkConfig(epochs=2, hidden=16),
    trees=TreesConfig(trees=20, leaves=7, leaf_candidates=20),
)


def fractions(*rows: str) -> npt.NDArray[np.float32]:
    """Return the numbers of e.g. "1/2 0 3"."""
    return floats([[float(Fraction(word)) for word in row.split()] for row in rows])


def catalogue(*buyers: float) -> Products:
    """Return products p0, p1, ... with these numbers of buyers in the last 28 days."""
    return products(len(buyers), log_buyers_28d=np.log1p(buyers).tolist())
