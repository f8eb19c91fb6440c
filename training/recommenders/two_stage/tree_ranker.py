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
    """Size and training of the trees."""

    trees: int = pydantic.Field(300, ge=1, description="number of trees")
    leaves: int = pydantic.Field(31, ge=2, description="leaves of a tree")
    learning_rate: float = pydantic.Field(0.03, gt=0, description="factor of a tree's output")
    leaf_candidates: int = pydantic.Field(
        100, ge=1, description="minimum number of candidates in a leaf"
    )
    column_share: float = pydantic.Field(
        0.5, gt=0, le=1, description="share of the inputs that a tree may use"
    )


class TreeRanker:
    """Orders candidates by the log-odds that a customer who buys in the window buys them.

    It predicts whether each candidate was bought (log loss): on Online Retail II it ordered both
    lists better than LambdaMART.
    """

    def __init__(self, text: str) -> None:
        self._text = text  # in LightGBM's format
        self._forest = read_forest(text)

    @classmethod
    def fit(cls, examples: RankerExamples, *, config: TreesConfig, seed: int) -> Self:
        """Train the trees on all candidates, with equal weights."""
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
        """Write the trees in LightGBM's text format into the existing `folder`."""
        (folder / TREES).write_text(self._text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        return cls((folder / TREES).read_text(encoding="utf-8"))
