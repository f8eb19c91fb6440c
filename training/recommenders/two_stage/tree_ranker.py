"""The ranker of gradient-boosted trees (LightGBM)."""

from pathlib import Path
from typing import Final, Self

import numpy as np
import pydantic

from configs.loader import Config
from training.data.inputs import FloatArray
from training.kernels.lightgbm_trees import add_up, read_forest
from training.recommenders.two_stage.ranker import RankerExamples

TREES: Final = "ranker.txt"


class TreesConfig(Config):
    """How the trees are grown."""

    trees: int = pydantic.Field(300, ge=1, description="number of trees")
    leaves: int = pydantic.Field(31, ge=2, description="leaves of a tree")
    learning_rate: float = pydantic.Field(0.03, gt=0, description="share of a tree that counts")
    leaf_candidates: int = pydantic.Field(100, ge=1, description="candidates in a leaf, at least")
    column_share: float = pydantic.Field(0.5, gt=0, le=1, description="inputs that a tree may use")


class TreeRanker:
    """Orders candidates by the log-odds that a customer who buys in the window buys them.

    It learns whether each candidate was bought (log loss): on Online Retail II that ordered them
    better than LambdaMART did, on both lists.
    """

    def __init__(self, text: str) -> None:
        self._text = text  # LightGBM's
        self._forest = read_forest(text)

    @classmethod
    def fit(cls, examples: RankerExamples, *, config: TreesConfig, seed: int) -> Self:
        """Grow the trees on all candidates alike."""
        import lightgbm

        parameters = {
            "objective": "binary",
            "num_leaves": config.leaves,
            "learning_rate": config.learning_rate,
            "min_data_in_leaf": config.leaf_candidates,
            "feature_fraction": config.column_share,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(examples.inputs, label=examples.bought.astype(np.int64))
        booster = lightgbm.train(parameters, data, num_boost_round=config.trees)
        return cls(booster.model_to_string())

    def score(self, inputs: FloatArray) -> FloatArray:
        """Return the log-odds (N,) of candidates (N, F)."""
        return add_up(self._forest, np.ascontiguousarray(inputs.T)).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write the trees as LightGBM's text into the existing `folder`."""
        (folder / TREES).write_text(self._text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        return cls((folder / TREES).read_text(encoding="utf-8"))
