"""The second stage: gradient-boosted trees (LightGBM) that order a customer's candidates.

They learn on the candidates of earlier windows whether the customer bought each (log loss): on
Online Retail II that ordered them better than LambdaMART did, on both lists.
"""

from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pydantic

from configs.loader import Config
from training.inputs import FloatArray, IntArray

TREES: Final = "ranker.txt"


class RankerConfig(Config):
    """How the trees are grown."""

    trees: int = pydantic.Field(300, ge=1, description="number of trees")
    leaves: int = pydantic.Field(31, ge=2, description="leaves of a tree")
    lr: float = pydantic.Field(0.03, gt=0, description="share of a tree that counts")
    leaf_candidates: int = pydantic.Field(100, ge=1, description="candidates in a leaf, at least")
    column_share: float = pydantic.Field(0.5, gt=0, le=1, description="inputs that a tree may use")


class Ranker:
    """Scores candidates by the probability that a customer who buys in the window buys them."""

    def __init__(self, booster: Any) -> None:
        self._booster = booster

    @classmethod
    def fit(
        cls,
        inputs: FloatArray,
        wanted: IntArray,
        *,
        names: list[str],
        config: RankerConfig,
        seed: int,
    ) -> Self:
        """Learn from N candidates: `inputs` (N, F), columns `names`, and `wanted` (N,), 0 or 1."""
        import lightgbm

        parameters = {
            "objective": "binary",
            "num_leaves": config.leaves,
            "learning_rate": config.lr,
            "min_data_in_leaf": config.leaf_candidates,
            "feature_fraction": config.column_share,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(inputs, label=wanted, feature_name=names)
        return cls(lightgbm.train(parameters, data, num_boost_round=config.trees))

    def score(self, inputs: FloatArray) -> FloatArray:
        """Return the probabilities (N,) of candidates (N, F)."""
        if not len(inputs):
            return np.empty(0, dtype=np.float32)
        found = self._booster.predict(inputs, num_threads=1)  # more wait for each other, idly
        scores: FloatArray = found.astype(np.float32)
        return scores

    def save(self, folder: Path) -> None:
        """Write the trees as LightGBM's text into the existing `folder`."""
        (folder / TREES).write_text(self._booster.model_to_string(), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        import lightgbm

        return cls(lightgbm.Booster(model_str=(folder / TREES).read_text(encoding="utf-8")))
